//! The working set over time: mapped, accessed, dirty, newly accessed.

use model::working::Sample;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::font::FAMILY;
use super::strip::{paint_legend, text};
use super::{PaintError, Picture, Tips};
use crate::words::RoundSize;

const SIZE: (u32, u32) = (1000, 520);
const HEAD: u32 = 84;

/// One curve: name, colour, width in pixels, and its value in a sample.
type Curve = (&'static str, RGBColor, u32, fn(&Sample) -> u128);

/// From the widest to the narrowest, which is painted last: where values are equal, each line is still seen.
const LINES: [Curve; 3] = [
    ("mapped", RGBColor(150, 150, 150), 8, |it| it.used.mapped),
    ("used (A)", RGBColor(0, 114, 178), 5, |it| it.used.accessed),
    ("written (D)", RGBColor(213, 94, 0), 2, |it| it.used.dirty),
];
const NEWLY: RGBColor = RGBColor(150, 200, 240);

/// Chart of periodic samples.
pub struct WorkingSetOverTime<'a> {
    /// Samples in order of time, at least one.
    pub samples: &'a [Sample],
    /// Source of the data, for the heading.
    pub origin: &'a str,
}

impl Picture for WorkingSetOverTime<'_> {
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
        let title = format!("Working set over time: {}", self.origin);
        head.draw(&Text::new(title, (16, 12), text(24)))?;
        let last = self.samples.last();
        let item = |(name, colour, _, figure): &Curve| {
            let now = last.map_or(0, figure);
            (*colour, format!("{name} ({} at the end)", RoundSize(now)))
        };
        let mut legend: Vec<_> = LINES.iter().map(item).collect();
        legend.push((NEWLY, "used since the look before".to_owned()));
        paint_legend(&head, 50, &legend)?;
        self.paint_plot(&plot, tips)
    }
}

impl WorkingSetOverTime<'_> {
    fn paint_plot<B: DrawingBackend>(
        &self,
        plot: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let seconds = |sample: &Sample| sample.time_us as f64 / 1e6;
        let from = self.samples.first().map_or(0.0, seconds);
        let to = self.samples.last().map_or(1.0, seconds);
        // A single sample is a line of length 0.
        let to = if to > from { to } else { from + 1.0 };
        let highest = self
            .samples
            .iter()
            .map(|it| it.used.mapped)
            .max()
            .unwrap_or(0);
        let (unit, name) = unit(highest);
        let top = (highest as f64 / unit * 1.08).max(0.001);
        let mut chart = ChartBuilder::on(plot)
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(84)
            .build_cartesian_2d(from..to, 0.0..top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(10)
            .y_labels(8)
            .max_light_lines(1)
            .x_label_formatter(&|x| format!("{x:.2}"))
            .y_label_formatter(&|y| format!("{y:.1}"))
            .x_desc("seconds since the first look")
            .y_desc(name)
            .axis_desc_style((FAMILY, 18))
            .label_style((FAMILY, 17))
            .draw()?;
        let width = (to - from) / self.samples.len().max(2) as f64 * 0.35;
        for sample in self.samples.iter().filter(|it| it.newly_accessed > 0) {
            let (middle, height) = (seconds(sample), sample.newly_accessed as f64 / unit);
            let corners = [
                ((middle - width).max(from), 0.0),
                ((middle + width).min(to), height),
            ];
            chart.draw_series([Rectangle::new(corners, NEWLY.filled())])?;
        }
        for (_, colour, width, figure) in &LINES {
            let points = self
                .samples
                .iter()
                .map(|it| (seconds(it), figure(it) as f64 / unit));
            let points: Vec<(f64, f64)> = points.collect();
            let dots = points
                .iter()
                .map(|at| Circle::new(*at, 1 + width / 2, colour.filled()));
            chart.draw_series(dots)?;
            chart.draw_series([PathElement::new(points, colour.stroke_width(*width))])?;
        }
        for sample in self.samples {
            let (left, _) = chart.backend_coord(&((seconds(sample) - width).max(from), 0.0));
            let (right, bottom) = chart.backend_coord(&((seconds(sample) + width).min(to), 0.0));
            let (_, top) = chart.backend_coord(&(from, top));
            let mut words = format!("{:.3} s", seconds(sample));
            for (name, _, _, figure) in &LINES {
                words.push_str(&format!("\n{name}: {}", RoundSize(figure(sample))));
            }
            let newly = RoundSize(sample.newly_accessed);
            words.push_str(&format!("\nused since the look before: {newly}"));
            tips.add([(left, top), (right, bottom)], words);
        }
        Ok(())
    }
}

/// The unit for the axis and its name.
fn unit(bytes: u128) -> (f64, &'static str) {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let place = (bytes.max(1).ilog2() / 10).min(6);
    (f64::from(place * 10).exp2(), UNITS[place as usize])
}

#[cfg(test)]
mod tests {
    use model::working::Used;

    use super::super::{ImageKind, write};
    use super::*;

    #[test]
    fn axes_and_colours_are_told_in_text() {
        let sample = |look: u64| Sample {
            time_us: look * 500_000,
            used: Used {
                mapped: 8 << 20,
                accessed: u128::from(look) << 20,
                dirty: u128::from(look) << 19,
            },
            newly_accessed: 1 << 20,
            newly_dirty: 0,
            cleared: 0,
            added: 0,
            removed: 0,
            is_possibly_stale: false,
        };
        let samples: Vec<Sample> = (0..5).map(sample).collect();
        for samples in [&samples[..], &samples[..1]] {
            let picture = WorkingSetOverTime {
                samples,
                origin: "run.csv",
            };
            let mut svg = Vec::new();
            write(&picture, ImageKind::Svg, &mut svg).unwrap();
            let svg = String::from_utf8(svg).unwrap();
            for words in [
                "Working set over time: run.csv",
                "mapped (8MiB at the end)",
                "used since the look before",
                "seconds since the first look",
                "MiB\n",
            ] {
                assert!(svg.contains(words), "{words}: {svg}");
            }
        }
    }
}
