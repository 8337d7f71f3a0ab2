//! The middle of the terminal view: faults, pages by time, costs, console; or one fault.

use model::history::CostFigures;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use view::dashboard::{FaultDetail, FoldedRow, RowOrder, RowsRequest, Sources, region_names};
use view::live::cells;
use view::words::{ExactSize, printable};

use super::fit::fit;
use super::mouse::ScreenMap;
use super::notes;
use super::shown::{Shown, head};
use crate::dash::keys::Pane;

/// From this width, addresses have room for 18 digits.
const WIDE: u16 = 140;
/// Shades of a heat map, from one fault to the most.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];

/// Draws what is chosen.
pub fn draw(frame: &mut Frame, area: Rect, shown: &Shown<'_>, map: &mut ScreenMap) {
    map.note_us = shown.summary.bins.span.end_us.saturating_sub(1);
    if shown.look.is_open {
        return one_fault(frame, area, shown, map);
    }
    match shown.look.pane {
        Pane::Faults => faults(frame, area, shown, map),
        Pane::Pages => pages(frame, area, shown),
        Pane::Costs => costs(frame, area, shown),
        Pane::Console => console(frame, area, shown),
        Pane::Notes => notes::draw(frame, area, shown),
    }
}

/// The rows that are in sight, the newest first.
fn newest(shown: &Shown<'_>, limit: usize) -> Vec<FoldedRow> {
    let request = RowsRequest {
        span: Some(shown.summary.bins.span),
        filter: shown.filter.clone(),
        order: RowOrder::Time,
        descending: true,
        fold: true,
        offset: shown.look.back,
        limit,
    };
    request.rows(shown.live).1
}

/// The newest faults that are selected, in order of arrival. Neighbours that are alike are one row.
fn faults(frame: &mut Frame, area: Rect, shown: &Shown<'_>, map: &mut ScreenMap) {
    let room = usize::from(area.height.saturating_sub(1));
    let mut chosen = newest(shown, room);
    chosen.reverse();
    map.rows = chosen.len();
    map.faults = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    const CAUSE: u16 = 22;
    let (va, epc) = if area.width < WIDE {
        (13, 10)
    } else {
        (18, 18)
    };
    let outcome = area
        .width
        .saturating_sub(12 + 4 + CAUSE + va + epc + 5)
        .max(9);
    let rows = chosen.into_iter().map(|fault| {
        let cells = cells(&fault.row);
        let times = match fault.count {
            1 => String::new(),
            count => format!(" ×{count}"),
        };
        let kept = outcome.saturating_sub(times.chars().count() as u16);
        let style = match fault.is_refusal {
            true => Style::new().fg(Color::Red),
            false => Style::new(),
        };
        Row::new([
            Cell::new(Line::raw(cells.time).right_aligned()),
            Cell::new(Line::raw(cells.task).right_aligned()),
            Cell::new(fit(&cells.cause, CAUSE)),
            Cell::new(fit(&cells.va, va)),
            Cell::new(fit(&cells.epc, epc)),
            Cell::new(format!("{}{times}", fit(&cells.outcome, kept))),
        ])
        .style(style)
    });
    let title = Row::new([
        Cell::new(Line::raw("seconds").right_aligned()),
        Cell::new("task"),
        Cell::new("cause"),
        Cell::new("address"),
        Cell::new("by"),
        Cell::new("ended"),
    ])
    .style(Style::new().add_modifier(Modifier::BOLD));
    let widths = [
        Constraint::Length(12),
        Constraint::Length(4),
        Constraint::Length(CAUSE),
        Constraint::Length(va),
        Constraint::Length(epc),
        Constraint::Min(9),
    ];
    frame.render_widget(Table::new(rows, widths).header(title), area);
}

/// Pages by time, the highest address on top.
fn pages(frame: &mut Frame, area: Rect, shown: &Shown<'_>) {
    let heat = &shown.summary.heat;
    let most = heat.cells.iter().max().copied().unwrap_or(0);
    let title = format!(
        "{:>18} {:<9}  {} pages; a row is {}, at most {most} faults in a cell",
        "address",
        "region",
        shown.summary.pages,
        ExactSize(heat.row_bytes)
    );
    let mut lines = vec![head(&title)];
    for (row, address) in heat.rows.iter().enumerate().rev() {
        let cells = heat
            .cells
            .iter()
            .skip(row * heat.columns)
            .take(heat.columns);
        let shades: String = cells.map(|count| shade(*count, most)).collect();
        lines.push(Line::raw(format!(
            "{:>18} {:<9.9}  {shades}",
            format!("{address:#x}"),
            region_names(heat.regions[row]),
        )));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn shade(count: u64, most: u64) -> char {
    match count {
        0 => ' ',
        // By the number of digits in base 2: few and many are both seen.
        count => {
            let steps = u64::from(most.max(2).ilog2());
            SHADES[(u64::from(count.ilog2()) * 3 / steps).min(3) as usize]
        }
    }
}

/// Costs by outcome: percentiles, and a bar for each octave.
fn costs(frame: &mut Frame, area: Rect, shown: &Shown<'_>) {
    let costs = &shown.summary.costs;
    if costs.is_empty() {
        let what = "no costs: another kernel's log, or a hart whose instret cannot be read";
        return frame.render_widget(Paragraph::new(head(what)), area);
    }
    let title = format!(
        "{:<18}{:>9}{:>9}{:>9}{:>9}{:>10}  octaves from {}",
        "instructions",
        "faults",
        "p50",
        "p90",
        "p99",
        "most",
        1_u64 << first_octave(costs)
    );
    let mut lines = vec![head(&title)];
    let first = first_octave(costs);
    lines.extend(costs.iter().map(|figures| cost_line(figures, first)));
    frame.render_widget(Paragraph::new(lines), area);
}

/// The cheapest octave that has a fault.
fn first_octave(costs: &[CostFigures]) -> usize {
    let first = |it: &CostFigures| it.octaves.iter().position(|count| *count > 0);
    costs.iter().filter_map(first).min().unwrap_or(0)
}

fn cost_line(figures: &CostFigures, first: usize) -> Line<'static> {
    let name = figures.outcome.map_or_else(
        || "all".to_owned(),
        |outcome| abi::Outcome::decode(outcome).to_string(),
    );
    let most = figures.octaves.iter().max().copied().unwrap_or(0);
    let bars: String = figures
        .octaves
        .iter()
        .skip(first)
        .map(|it| shade(*it, most))
        .collect();
    let style = match figures.is_refusal() {
        true => Style::new().fg(Color::Red),
        false => Style::new(),
    };
    let text = format!(
        "{:<18}{:>9}{:>9}{:>9}{:>9}{:>10}  {bars}",
        fit(&name, 18),
        figures.count,
        figures.p50,
        figures.p90,
        figures.p99,
        figures.most
    );
    Line::styled(text, style)
}

/// The last lines of text that the board wrote.
fn console(frame: &mut Frame, area: Rect, shown: &Shown<'_>) {
    let room = usize::from(area.height.saturating_sub(1));
    let text = &shown.live.text;
    let mut lines = vec![head("console")];
    let last = text.iter().skip(text.len().saturating_sub(room));
    lines.extend(last.map(|line| Line::raw(fit(&printable(line), area.width))));
    frame.render_widget(Paragraph::new(lines), area);
}

/// The fault under the cursor: the newest that is in sight.
fn one_fault(frame: &mut Frame, area: Rect, shown: &Shown<'_>, map: &mut ScreenMap) {
    let chosen = newest(shown, 1);
    let row = (chosen.first()).and_then(|it| shown.live.history.get(it.id));
    map.note_us = row.map_or(map.note_us, |row| row.at_us);
    let detail = chosen.first().and_then(|row| {
        let detail = FaultDetail {
            id: row.id,
            spec: "SPEC".to_owned(),
        };
        detail.lines(shown.live, &Sources::NONE)
    });
    let Some(text) = detail else {
        return frame.render_widget(Paragraph::new(head("no fault is selected")), area);
    };
    let mut lines = vec![head("one fault; Up and Down: another, Enter: back")];
    lines.extend(
        text.iter()
            .map(|it| Line::raw(fit(&printable(it), area.width))),
    );
    frame.render_widget(Paragraph::new(lines), area);
}
