//! The mouse in the terminal view: what lies where, and what a click there means.
//!
//! A drag over the bars selects a span, a click on a group filters by it, a click on a fault opens it, the wheel goes
//! through the faults. With Shift most terminals select text as ever.

use std::io::stdout;

use model::history::{Bins, TimeSpan};
use ratatui::crossterm::event::{
    DisableMouseCapture, EnableMouseCapture, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::crossterm::execute;
use ratatui::layout::{Position, Rect};

use crate::dash::keys::{Look, Pane};

/// Faults that one step of the wheel goes.
const WHEEL: usize = 3;

/// The terminal sends the mouse's events as long as this lives.
pub struct MouseCapture(());

impl MouseCapture {
    pub fn begin() -> MouseCapture {
        // A terminal that cannot is one without a mouse.
        let _ = execute!(stdout(), EnableMouseCapture);
        MouseCapture(())
    }
}

impl Drop for MouseCapture {
    fn drop(&mut self) {
        let _ = execute!(stdout(), DisableMouseCapture);
    }
}

/// What was drawn where.
#[derive(Clone, Debug, Default)]
pub struct ScreenMap {
    /// The bars, one column for each part of the span.
    pub bars: Rect,
    /// What the columns are parts of; `None` before the first drawing.
    pub bins: Option<Bins>,
    /// The names of the groups, a line each.
    pub names: Rect,
    /// The filter of each group.
    pub filters: Vec<String>,
    /// The rows of faults without their heading.
    pub faults: Rect,
    /// How many rows there are.
    pub rows: usize,
    /// Where on the session axis a note is set.
    pub note_us: u64,
}

/// The column at which a drag began.
#[derive(Debug, Default)]
pub struct Drag(Option<u16>);

impl Drag {
    /// Handles an event of the mouse.
    pub fn mouse(&mut self, event: MouseEvent, map: &ScreenMap, look: &mut Look) {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollUp => look.back = look.back.saturating_add(WHEEL),
            MouseEventKind::ScrollDown => look.back = look.back.saturating_sub(WHEEL),
            MouseEventKind::Down(MouseButton::Left) if look.help => look.help = false,
            MouseEventKind::Down(MouseButton::Left) => {
                self.0 = map.bars.contains(at).then_some(at.x);
                if map.names.contains(at) {
                    filter_by(look, map, at.y - map.names.y);
                } else if look.is_open {
                    look.is_open = false;
                } else if look.pane == Pane::Faults && map.faults.contains(at) {
                    open(look, map, at.y - map.faults.y);
                }
            }
            MouseEventKind::Drag(MouseButton::Left) | MouseEventKind::Up(MouseButton::Left) => {
                if let (Some(begin), Some(bins)) = (self.0, map.bins)
                    && begin != at.x
                {
                    look.select(span(bins, map.bars, begin, at.x));
                    // The bars now show the selection: the next drag begins from here.
                    self.0 = match event.kind {
                        MouseEventKind::Up(_) => None,
                        _ => self.0,
                    };
                }
            }
            MouseEventKind::Down(MouseButton::Right) => look.select_whole(),
            _ => {}
        }
    }
}

/// From one column of the bars to another.
fn span(bins: Bins, bars: Rect, one: u16, other: u16) -> TimeSpan {
    let column = |x: u16| u128::from(x.clamp(bars.x, bars.right().max(1) - 1) - bars.x);
    let (first, last) = (column(one.min(other)), column(one.max(other)));
    let at = |column: u128| {
        let within = u128::from(bins.span.length_us()) * column / bins.count.max(1) as u128;
        bins.span.from_us + within as u64
    };
    TimeSpan {
        from_us: at(first),
        end_us: at(last + 1).min(bins.span.end_us).max(at(first) + 1),
    }
}

fn filter_by(look: &mut Look, map: &ScreenMap, line: u16) {
    if let Some(filter) = map.filters.get(usize::from(line)) {
        look.filter = match look.filter == *filter {
            true => String::new(),
            false => filter.clone(),
        };
        look.back = 0;
    }
}

/// The newest fault is the last row.
fn open(look: &mut Look, map: &ScreenMap, line: u16) {
    let line = usize::from(line);
    if line < map.rows {
        look.back += map.rows - 1 - line;
        look.is_open = true;
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyModifiers;

    use super::*;

    fn map() -> ScreenMap {
        ScreenMap {
            bars: Rect::new(38, 2, 10, 3),
            bins: Some(Bins {
                span: TimeSpan {
                    from_us: 1_000,
                    end_us: 2_000,
                },
                count: 10,
            }),
            names: Rect::new(0, 2, 38, 3),
            filters: vec!["cause:store".to_owned(), "cause:load".to_owned()],
            faults: Rect::new(0, 8, 80, 10),
            rows: 4,
            note_us: 2_000,
        }
    }

    fn events(look: &mut Look, events: &[(MouseEventKind, u16, u16)]) {
        let mut drag = Drag::default();
        for (kind, column, row) in events {
            let event = MouseEvent {
                kind: *kind,
                column: *column,
                row: *row,
                modifiers: KeyModifiers::NONE,
            };
            drag.mouse(event, &map(), look);
        }
    }

    const DOWN: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
    const UP: MouseEventKind = MouseEventKind::Up(MouseButton::Left);

    #[test]
    fn a_drag_selects_a_span_from_either_side() {
        let whole = TimeSpan {
            from_us: 0,
            end_us: 9_000,
        };
        for (one, other) in [(40, 43), (43, 40)] {
            let mut look = Look::default();
            events(&mut look, &[(DOWN, one, 3), (UP, other, 9)]);
            let span = look.span(whole);
            assert_eq!((span.from_us, span.end_us), (1_200, 1_600));
        }
        let mut look = Look::default();
        events(&mut look, &[(DOWN, 45, 2), (UP, 300, 2)]);
        assert_eq!(look.span(whole).end_us, 2_000);
        events(
            &mut look,
            &[(MouseEventKind::Down(MouseButton::Right), 0, 0)],
        );
        assert_eq!(look.span(whole), whole);
    }

    #[test]
    fn a_click_filters_by_a_group_and_opens_a_fault() {
        let mut look = Look::default();
        events(&mut look, &[(DOWN, 3, 3), (UP, 3, 3)]);
        assert_eq!(look.filter, "cause:load");
        events(&mut look, &[(DOWN, 3, 3), (UP, 3, 3)]);
        assert_eq!(look.filter, "");
        events(&mut look, &[(DOWN, 3, 9)]);
        assert_eq!((look.back, look.is_open), (2, true));
        events(&mut look, &[(DOWN, 3, 9)]);
        assert!(!look.is_open);
        events(&mut look, &[(MouseEventKind::ScrollDown, 0, 0)]);
        assert_eq!(look.back, 0);
        // Below the last row is nothing.
        events(&mut look, &[(DOWN, 3, 14)]);
        assert!(!look.is_open);
    }
}
