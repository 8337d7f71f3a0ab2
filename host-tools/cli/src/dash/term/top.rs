//! The upper part of the terminal view: rates by group, and tasks.

use model::Live;
use model::history::GroupCount;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use view::dashboard::group_name;
use view::words::{ExactSize, printable};

use super::fit::fit;
use super::mouse::ScreenMap;
use super::shown::{BESIDE, Shown, head};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One row per group: its total, and a bar for each part of the span; below, the span's borders and costs.
pub fn rate(frame: &mut Frame, area: Rect, shown: &Shown<'_>, map: &mut ScreenMap) {
    let Shown { live, summary, .. } = shown;
    let most = summary.groups.iter().flat_map(|it| &it.bins).max();
    let most = most.copied().unwrap_or(0);
    let span = summary.bins.span;
    let part = span.length_us() / summary.bins.count as u64;
    let seconds = |us: u64| format!("{}.{:03}", us / 1_000_000, us / 1000 % 1000);
    let title = format!(
        "{:>8}  {:<26}  a column is {} s, at most {most}",
        "faults",
        format!("by {}", group_kind(shown)),
        seconds(part)
    );
    let mut lines = vec![head(&title)];
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    for counted in summary.groups.iter().take(room) {
        lines.push(bars(live, counted, most));
        map.filters.push(group_name(live, counted.group).filter);
    }
    let inner = Rect::new(area.x, area.y + 1, area.width, room as u16).intersection(area);
    let beside = BESIDE.min(area.width);
    map.names = Rect {
        width: beside,
        ..inner
    };
    map.bars = Rect {
        x: inner.x + beside,
        width: inner.width - beside,
        ..inner
    };
    map.bins = Some(summary.bins);
    let costs = summary.costs.first().map_or_else(String::new, |all| {
        format!("p50 {} p99 {}", all.p50, all.p99)
    });
    let (from, end) = (seconds(span.from_us), seconds(span.end_us));
    let axis = usize::from(area.width.saturating_sub(BESIDE));
    lines.push(Line::raw(format!(
        "{:>8}  {:<26}  {from:<width$}{end}",
        summary.passing,
        fit(&costs, 26),
        width = axis.saturating_sub(end.len()),
    )));
    frame.render_widget(Paragraph::new(lines), area);
}

fn group_kind(shown: &Shown<'_>) -> String {
    format!("{:?}", shown.look.by).to_lowercase()
}

fn bars(live: &Live, counted: &GroupCount, most: u64) -> Line<'static> {
    let name = group_name(live, counted.group);
    let text: String = counted.bins.iter().map(|it| bar(*it, most)).collect();
    let style = match name.is_refusal {
        true => Style::new().fg(Color::Red),
        false => Style::new(),
    };
    Line::from(vec![
        Span::raw(format!("{:>8}  ", counted.count)),
        Span::styled(format!("{:<26}  ", fit(&name.text, 26)), style),
        Span::styled(text, style),
    ])
}

fn bar(count: u64, most: u64) -> char {
    match (count * 8).checked_div(most) {
        None | Some(0) if count == 0 => ' ',
        None | Some(0) => BARS[0],
        Some(eighths) => BARS[(eighths as usize - 1).min(7)],
    }
}

/// Tasks as the board reports them.
pub fn tasks(frame: &mut Frame, area: Rect, live: &Live) {
    let title = Row::new(["pid", "state", "resident", "tables", "faults", "command"])
        .style(Style::new().add_modifier(Modifier::BOLD));
    // The rest of the width.
    let command = area.width.saturating_sub(4 + 9 + 9 + 8 + 8 + 5).max(10);
    let rows = live.tasks.0.iter().map(|task| {
        Row::new([
            Cell::new(Line::raw(task.pid.to_string()).right_aligned()),
            Cell::new(task.state),
            Cell::new(
                Line::raw(ExactSize(task.resident_bytes.unwrap_or(0)).to_string()).right_aligned(),
            ),
            Cell::new(
                Line::raw(ExactSize(task.table_bytes.unwrap_or(0)).to_string()).right_aligned(),
            ),
            Cell::new(Line::raw(task.faults.unwrap_or(0).to_string()).right_aligned()),
            Cell::new(fit(&printable(&task.line), command)),
        ])
    });
    let widths = [
        Constraint::Length(4),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Min(10),
    ];
    frame.render_widget(Table::new(rows, widths).header(title), area);
}
