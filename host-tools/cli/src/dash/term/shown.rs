//! What the terminal view draws: a board, and what of it is selected, in numbers.

use model::Live;
use model::history::{FaultFilter, HeatAcross, SpanSummary, SummaryOptions};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use crate::dash::keys::Look;

/// Columns that a bar chart leaves to its counts and names.
pub const BESIDE: u16 = 38;

/// What is drawn: a board, and what of it is selected.
pub struct Shown<'a> {
    /// The board.
    pub live: &'a Live,
    /// What is selected.
    pub look: &'a Look,
    /// The filter, of what was typed last and is one.
    pub filter: FaultFilter,
    /// The selected span in numbers.
    pub summary: SpanSummary,
    /// Why what is typed is no filter.
    pub error: Option<String>,
}

impl<'a> Shown<'a> {
    /// Cuts the selected span into as many parts as there is room for.
    pub fn new(live: &'a Live, look: &'a Look, columns: u16, rows: u16) -> Shown<'a> {
        let (filter, error) = match FaultFilter::parse(&look.filter) {
            Ok(filter) => (filter, None),
            Err(error) => (FaultFilter::default(), Some(error.to_string())),
        };
        let options = SummaryOptions {
            by: look.by,
            bins: usize::from(columns.saturating_sub(BESIDE)).max(1),
            heat_rows: usize::from(rows).max(1),
            across: HeatAcross::Time,
        };
        let span = look.span(live.history.whole());
        let summary = live
            .history
            .summarize(span, &filter, live.task_names(), &options);
        Shown {
            live,
            look,
            filter,
            summary,
            error,
        }
    }
}

/// A heading.
pub fn head(text: &str) -> Line<'_> {
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}
