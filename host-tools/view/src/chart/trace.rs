//! What happens on a machine in software over time, one colour for each kind of event.

use model::Timeline;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::bars::{COLOURS, StackedBars};
use super::{PaintError, Picture, Tips};

/// A kind of event: its word, and its place among all kinds, which selects its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventKind {
    /// Place among all kinds, from 0.
    pub place: usize,
    /// Its word in the trace.
    pub name: &'static str,
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name)
    }
}

/// Chart of a trace.
pub struct EventsOverTime<'a> {
    /// Intervals and counts.
    pub timeline: &'a Timeline<EventKind>,
    /// Source of the data, for the heading.
    pub origin: &'a str,
}

fn colour(kind: &EventKind) -> RGBColor {
    COLOURS[kind.place % COLOURS.len()]
}

impl Picture for EventsOverTime<'_> {
    fn size(&self) -> (u32, u32) {
        super::bars::SIZE
    }

    fn paint<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let bars = StackedBars {
            timeline: self.timeline,
            events: "events",
            origin: self.origin,
            colour,
        };
        bars.paint(canvas, tips)
    }
}
