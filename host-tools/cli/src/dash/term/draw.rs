//! Draws the terminal view.

use model::Live;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};
use view::words::{ExactSize, counted, printable};

use super::fit::fit;
use super::mouse::ScreenMap;
use super::shown::{Shown, head};
use super::{middle, strip, top};
use crate::dash::keys::{HELP, Look, Pane};

/// From this width, tasks are drawn beside the causes.
const WIDE: u16 = 140;
/// Draws everything; `held` is the number of updates held back. Where what lies is for the mouse.
pub fn all(frame: &mut Frame, name: &str, live: &Live, look: &Look, held: usize) -> ScreenMap {
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
    let beside = if is_wide {
        top.width * 11 / 20
    } else {
        top.width
    };
    let columns = match look.pane {
        Pane::Pages => faults.width,
        _ => beside,
    };
    let shown = &Shown::new(live, look, columns, faults.height.saturating_sub(1));
    let mut map = ScreenMap::default();
    draw_title(frame, title, name, shown, held);
    if is_wide {
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(55), Constraint::Percentage(45)])
                .spacing(2)
                .areas(top);
        top::rate(frame, left, shown, &mut map);
        top::tasks(frame, right, live);
    } else {
        top::rate(frame, top, shown, &mut map);
        top::tasks(frame, tasks, live);
    }
    middle::draw(frame, faults, shown, &mut map);
    draw_strip(frame, strip, live, look);
    draw_foot(frame, foot, shown);
    if look.help {
        draw_help(frame, area);
    }
    map
}

fn draw_title(frame: &mut Frame, area: Rect, name: &str, shown: &Shown<'_>, held: usize) {
    let Shown { live, look, .. } = shown;
    let board = match &live.board {
        Some((board, _)) if area.width < 100 => printable(board),
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
    let killed = match live.history.refused().count() {
        0 => String::new(),
        count => format!(", {count} killed"),
    };
    let title = format!(
        " {board}  {name}  {}, {} lost{killed}{boots}  {state}",
        counted(live.received(), "fault", "faults"),
        live.lost()
    );
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let title = fit(&title, area.width);
    // What killed is red, and only that.
    let line = match title.split_once(&killed).filter(|_| !killed.is_empty()) {
        Some((before, after)) => Line::from(vec![
            Span::raw(before.to_owned()),
            Span::styled(killed.clone(), Style::new().fg(Color::Red)),
            Span::raw(after.to_owned()),
        ]),
        None => Line::raw(title),
    };
    frame.render_widget(Paragraph::new(line).style(style), area);
}

fn draw_strip(frame: &mut Frame, area: Rect, live: &Live, look: &Look) {
    let places: Vec<_> = live.spaces.iter().collect();
    let chosen = match places.len() {
        0 => None,
        count => places.get(look.task % count),
    };
    let Some((pid, space)) = chosen else {
        let what = if live.tasks.0.is_empty() {
            "no address spaces: this recording has none, or the board is only listened to"
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

fn draw_foot(frame: &mut Frame, area: Rect, shown: &Shown<'_>) {
    let Shown { live, look, .. } = shown;
    let text = if look.typing {
        let error = shown.error.as_deref().unwrap_or_default();
        format!("filter: {}_   {error}", look.filter)
    } else if let Some(note) = &look.note {
        format!("note: {note}_   Enter keeps it, Esc leaves it")
    } else if !look.said.is_empty() {
        printable(&look.said)
    } else if let Some(error) = &shown.error {
        error.clone()
    } else if let Some(trouble) = &live.trouble {
        printable(trouble)
    } else if !look.filter.is_empty() {
        format!("only faults with `{}`; Esc shows all   ? help", look.filter)
    } else {
        "? help  q leave  space pause  / filter  [ ] span  n note  1-5 panes  Enter open".to_owned()
    };
    frame.render_widget(Paragraph::new(fit(&text, area.width)), area);
}

fn draw_help(frame: &mut Frame, area: Rect) {
    let width = area.width.min(78);
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
                .draw(|frame| drop(all(frame, "a-line-with-a-long-name", &live, &look, 0)))
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
