//! Events over time: stacked bars, one colour for each kind.

use std::fmt::Display;

use model::Timeline;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color, IntoFont, RGBColor};

use super::font::FAMILY;
use super::{PaintError, Picture, Tips};

pub(super) const SIZE: (u32, u32) = (1000, 500);
/// Height of the heading and the legend in pixels.
pub(super) const HEAD: u32 = 76;

/// The colours of kinds.
///
/// The palette of Okabe and Ito, distinguishable with the common forms of colour blindness.
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
];

/// Chart of a timeline.
pub struct StackedBars<'a, K> {
    /// Intervals and counts.
    pub timeline: &'a Timeline<K>,
    /// What is counted, in the plural.
    pub events: &'a str,
    /// Source of the data, for the heading.
    pub origin: &'a str,
    /// Colour of a kind.
    pub colour: fn(&K) -> RGBColor,
}

impl<K: Display> Picture for StackedBars<'_, K> {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn paint<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let (head, plot) = canvas.split_vertically(HEAD);
        self.paint_head(&head)?;
        self.paint_bars(&plot, tips)
    }
}

impl<K: Display> StackedBars<'_, K> {
    fn count_of(&self, place: usize) -> u64 {
        self.timeline
            .buckets
            .iter()
            .map(|bucket| bucket.counts[place])
            .sum()
    }

    /// Paints the heading and the legend below it.
    fn paint_head<B: DrawingBackend>(&self, head: &DrawingArea<B, Shift>) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let title = (FAMILY, 24).into_font().color(&BLACK);
        let mut words = format!("{} over time: {}", self.events, self.origin);
        // The plural begins the line.
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        head.draw(&Text::new(words, (16, 12), title))?;
        let label = (FAMILY, 17).into_font().color(&BLACK);
        let mut left = 18;
        for (place, kind) in self.timeline.kinds.iter().enumerate() {
            let words = format!("{kind} ({})", self.count_of(place));
            let (width, _) = head.estimate_text_size(&words, &label)?;
            let square = [(left, 50), (left + 13, 63)];
            head.draw(&Rectangle::new(square, (self.colour)(kind).filled()))?;
            head.draw(&Text::new(words, (left + 20, 49), label.clone()))?;
            left += i32::try_from(width)? + 48;
        }
        Ok(())
    }

    fn paint_bars<B: DrawingBackend>(
        &self,
        plot: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let timeline = self.timeline;
        let seconds = |time_us: u64| time_us as f64 / 1e6;
        let step = seconds(timeline.step_us);
        let from = timeline
            .buckets
            .first()
            .map_or(0.0, |bucket| seconds(bucket.from_us));
        let to = from + step * timeline.buckets.len() as f64;
        let top = timeline.highest() + timeline.highest().div_ceil(10);
        let mut chart = ChartBuilder::on(plot)
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(60)
            .build_cartesian_2d(from..to, 0..top)?;
        let places = decimals(to - from);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(10)
            .y_labels(8)
            .max_light_lines(1)
            .x_label_formatter(&|x| format!("{x:.places$}"))
            .x_desc("seconds since boot")
            .y_desc(format!("{} in {}", self.events, duration(timeline.step_us)))
            .axis_desc_style((FAMILY, 18))
            .label_style((FAMILY, 17))
            .draw()?;
        for bucket in &timeline.buckets {
            let left = seconds(bucket.from_us);
            let mut base = 0;
            for (kind, count) in timeline.kinds.iter().zip(&bucket.counts) {
                let corners = [(left, base), (left + step, base + count)];
                base += count;
                if *count > 0 {
                    let bar = Rectangle::new(corners, (self.colour)(kind).filled());
                    chart.draw_series([bar])?;
                }
            }
            if base > 0 {
                let upper = chart.backend_coord(&(left, base));
                let lower = chart.backend_coord(&(left + step, 0));
                let counts = timeline.kinds.iter().zip(&bucket.counts);
                let counts = counts.filter(|(_, count)| **count > 0);
                let lines = counts.map(|(kind, count)| format!("\n{kind}: {count}"));
                let head = format!("{left:.places$} s, {}", duration(timeline.step_us));
                tips.add([upper, lower], head + &lines.collect::<String>());
            }
        }
        Ok(())
    }
}

/// Decimal places needed to distinguish ten labels on an axis of that length.
fn decimals(length: f64) -> usize {
    let tenth = -(length / 10.0).log10().floor();
    tenth.clamp(0.0, 6.0) as usize
}

/// A duration in the largest unit that divides it.
fn duration(time_us: u64) -> String {
    const UNITS: [(u64, &str); 2] = [(1_000_000, "s"), (1_000, "ms")];
    let fits = |(size, _): &&(u64, &str)| time_us.is_multiple_of(*size);
    let (size, unit) = UNITS.iter().find(fits).copied().unwrap_or((1, "µs"));
    format!("{} {unit}", time_us / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_named_in_their_unit() {
        assert_eq!([1, 2_000, 5_000_000].map(duration), ["1 µs", "2 ms", "5 s"]);
        assert_eq!([100.0, 9.0, 0.5, 0.00002].map(decimals), [0, 1, 2, 6]);
    }
}
