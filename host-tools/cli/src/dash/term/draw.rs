//! Draws the terminal view.

use model::Live;
use model::ledger::LedgerRow;
use model::live::Second;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table};
use view::live::cells;
use view::words::{ExactSize, counted, printable};

use super::fit::fit;
use super::strip;
use crate::dash::keys::{HELP, Look};

/// From this width, tasks are drawn beside the causes.
const WIDE: u16 = 140;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws everything; `held` is the number of updates held back.
pub fn all(frame: &mut Frame, name: &str, live: &Live, look: &Look, held: usize) {
    let area = frame.area();
    let is_wide = area.width >= WIDE;
    let tasks_height = if is_wide {
        0
    } else {
        (area.height / 5).clamp(4, 5)
    };
    let top_height = if is_wide {
        (area.height / 5).clamp(7, 14)
    } else {
        6
    };
    let [title, top, faults, tasks, strip, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(top_height),
        Constraint::Min(3),
        Constraint::Length(tasks_height),
        Constraint::Length(3),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_title(frame, title, name, live, look, held);
    if is_wide {
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(55), Constraint::Percentage(45)])
                .spacing(2)
                .areas(top);
        draw_causes(frame, left, live);
        draw_tasks(frame, right, live);
    } else {
        draw_causes(frame, top, live);
        draw_tasks(frame, tasks, live);
    }
    draw_faults(frame, faults, live, look);
    draw_strip(frame, strip, live, look);
    draw_foot(frame, foot, live, look);
    if look.help {
        draw_help(frame, area);
    }
}

fn head(text: &str) -> Line<'_> {
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

fn draw_title(frame: &mut Frame, area: Rect, name: &str, live: &Live, look: &Look, held: usize) {
    let board = match &live.board {
        Some((board, xlen)) => format!("{} (rv{xlen})", printable(board)),
        None => "waiting for the board".to_owned(),
    };
    let state = match (look.paused, live.ended) {
        (true, _) => format!("PAUSED, {held} waiting"),
        (false, true) => "the line has ended".to_owned(),
        (false, false) => "live".to_owned(),
    };
    let boots = match live.boots() {
        1 => String::new(),
        boots => format!("  boot {boots}"),
    };
    let title = format!(
        " {board}  {name}  {}, {} lost{boots}  {state}",
        counted(live.received(), "fault", "faults"),
        live.lost()
    );
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let title = fit(&title, area.width);
    frame.render_widget(Paragraph::new(title).style(style), area);
}

/// One row per cause: total, and a bar for each of the last seconds.
fn draw_causes(frame: &mut Frame, area: Rect, live: &Live) {
    const BESIDE: u16 = 38;
    let room = area.width.saturating_sub(BESIDE) as usize;
    let seconds = live.last_seconds(room);
    let most = seconds
        .iter()
        .flat_map(|second| second.counts.values())
        .max()
        .copied()
        .unwrap_or(0);
    let mut lines = vec![head(
        "  faults  cause                       a column is a second",
    )];
    for (cause, count) in live.by_cause() {
        let in_second = |second: &Second| second.counts.get(&cause).copied().unwrap_or(0);
        let bars: String = seconds.iter().map(|it| bar(in_second(it), most)).collect();
        lines.push(Line::raw(format!(
            "{count:>8}  {:<26}  {bars}",
            cause.to_string()
        )));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn bar(count: u64, most: u64) -> char {
    match (count * 8).checked_div(most) {
        None | Some(0) if count == 0 => ' ',
        None | Some(0) => BARS[0],
        Some(eighths) => BARS[(eighths as usize - 1).min(7)],
    }
}

fn draw_tasks(frame: &mut Frame, area: Rect, live: &Live) {
    let title = Row::new(["pid", "state", "resident", "tables", "faults", "command"])
        .style(Style::new().add_modifier(Modifier::BOLD));
    // The rest of the width.
    let command = area.width.saturating_sub(4 + 9 + 9 + 8 + 8 + 5).max(10);
    let rows = live.tasks.0.iter().map(|task| {
        Row::new([
            Cell::new(Line::raw(task.pid.to_string()).right_aligned()),
            Cell::new(task.state),
            Cell::new(Line::raw(ExactSize(task.resident_bytes).to_string()).right_aligned()),
            Cell::new(Line::raw(ExactSize(task.table_bytes).to_string()).right_aligned()),
            Cell::new(Line::raw(task.faults.to_string()).right_aligned()),
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

/// The newest faults that pass the filter, in order of arrival.
fn draw_faults(frame: &mut Frame, area: Rect, live: &Live, look: &Look) {
    let room = usize::from(area.height.saturating_sub(1));
    let passes = |row: &&LedgerRow| look.filter.is_empty() || cells(row).contain(&look.filter);
    let mut chosen: Vec<&LedgerRow> = live
        .rows_from(0)
        .rev()
        .filter(passes)
        .skip(look.back)
        .take(room)
        .collect();
    chosen.reverse();
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
        let cells = cells(fault);
        Row::new([
            Cell::new(Line::raw(cells.time).right_aligned()),
            Cell::new(Line::raw(cells.task).right_aligned()),
            Cell::new(fit(&cells.cause, CAUSE)),
            Cell::new(fit(&cells.va, va)),
            Cell::new(fit(&cells.epc, epc)),
            Cell::new(fit(&cells.outcome, outcome)),
        ])
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

fn draw_strip(frame: &mut Frame, area: Rect, live: &Live, look: &Look) {
    let places: Vec<_> = live.spaces.iter().collect();
    let chosen = match places.len() {
        0 => None,
        count => places.get(look.task % count),
    };
    let Some((pid, space)) = chosen else {
        let what = if live.tasks.0.is_empty() {
            "no address spaces: a recording, or a board that is only listened to, has none"
        } else {
            "no address space yet"
        };
        return frame.render_widget(Paragraph::new(vec![head(what)]), area);
    };
    let task = live.tasks.0.iter().find(|task| task.pid == **pid);
    let command = task.map(|task| printable(&task.line)).unwrap_or_default();
    let mapped: u64 = space.ranges().iter().map(|range| range.bytes).sum();
    let title = format!(
        "task {pid} {command}: {} in {}  (WXR program, wxr kernel, . none)",
        ExactSize(mapped),
        counted(space.ranges().len(), "range", "ranges")
    );
    let [strip, addresses] = strip::lines(space, area.width.into());
    let title = fit(&title, area.width);
    let lines = vec![head(&title), strip, addresses];
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_foot(frame: &mut Frame, area: Rect, live: &Live, look: &Look) {
    let text = if look.typing {
        format!("filter: {}_", look.filter)
    } else if let Some(trouble) = &live.trouble {
        printable(trouble)
    } else if !look.filter.is_empty() {
        format!("only faults with `{}`; Esc shows all   ? help", look.filter)
    } else {
        "? help   q leave   space pause   / filter   Tab next task".to_owned()
    };
    frame.render_widget(Paragraph::new(fit(&text, area.width)), area);
}

fn draw_help(frame: &mut Frame, area: Rect) {
    let width = area.width.min(66);
    let height = area.height.min(HELP.len() as u16 + 2);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let lines: Vec<Line> = HELP
        .iter()
        .map(|(keys, what)| Line::raw(format!(" {keys:<12} {what}")))
        .collect();
    frame.render_widget(Clear, place);
    let block = Block::bordered().title(" keys ");
    frame.render_widget(Paragraph::new(lines).block(block), place);
}

#[cfg(test)]
mod tests {
    use abi::{Cause, Fault as Record, Sighting};
    use model::live::Update;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    /// A kernel address has 18 digits, more than an 80-column terminal has room for.
    #[test]
    fn an_address_that_is_cut_ends_in_an_ellipsis() {
        let mut live = Live::default();
        live.apply(Update::Fault(Sighting {
            seq: Some(0),
            time_us: Some(1_000_000),
            fault: Record {
                cause: Cause::LoadPageFault.number(),
                va: 0xffff_ffc0_1234_5678,
                epc: 0xffff_ffff_8000_1234,
                task: 2,
                ..Record::EMPTY
            },
        }));
        for (width, is_whole) in [(80, false), (200, true)] {
            let mut terminal = Terminal::new(TestBackend::new(width, 24)).unwrap();
            let look = Look::default();
            terminal
                .draw(|frame| all(frame, "a-line-with-a-long-name", &live, &look, 0))
                .unwrap();
            let cells = terminal.backend().buffer().content();
            let screen: String = cells.iter().map(|cell| cell.symbol()).collect();
            for (address, cut) in [
                ("0xffffffc012345678", "0xffffffc012…"),
                ("0xffffffff80001234", "0xfffffff…"),
            ] {
                assert_eq!(screen.contains(address), is_whole, "{screen}");
                assert_eq!(screen.contains(cut), !is_whole, "{screen}");
            }
        }
    }
}
