//! Faults over time: stacked bars, one colour per cause.

use abi::Cause;
use model::faults::Timeline;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color, IntoFont, RGBColor};

use super::font::FAMILY;
use super::{PaintError, Picture, Tips};

const SIZE: (u32, u32) = (1000, 500);
const HEAD: u32 = 76;

/// The palette of Okabe and Ito, distinguishable with the common forms of colour blindness.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
];

/// Chart of a timeline.
pub struct FaultsOverTime<'a> {
    /// Intervals and counts.
    pub timeline: &'a Timeline,
    /// Source of the data, for the heading.
    pub origin: &'a str,
}

/// Page faults have the same colour in every chart.
fn colour(cause: Cause) -> RGBColor {
    match cause {
        Cause::StorePageFault => COLOURS[0],
        Cause::LoadPageFault => COLOURS[1],
        Cause::InstructionPageFault => COLOURS[2],
        other => COLOURS[3 + usize::from(other.number()) % 4],
    }
}

impl Picture for FaultsOverTime<'_> {
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

impl FaultsOverTime<'_> {
    fn count_of(&self, kind: usize) -> u64 {
        self.timeline
            .buckets
            .iter()
            .map(|bucket| bucket.counts[kind])
            .sum()
    }

    /// Paints the heading and the legend below it.
    fn paint_head<B: DrawingBackend>(&self, head: &DrawingArea<B, Shift>) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let title = (FAMILY, 24).into_font().color(&BLACK);
        head.draw(&Text::new(
            format!("Faults over time: {}", self.origin),
            (16, 12),
            title,
        ))?;
        let label = (FAMILY, 17).into_font().color(&BLACK);
        let mut left = 18;
        for (kind, cause) in self.timeline.causes.iter().enumerate() {
            let words = format!("{cause} ({})", self.count_of(kind));
            let (width, _) = head.estimate_text_size(&words, &label)?;
            let square = [(left, 50), (left + 13, 63)];
            head.draw(&Rectangle::new(square, colour(*cause).filled()))?;
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
            .y_desc(format!("faults in {}", duration(timeline.step_us)))
            .axis_desc_style((FAMILY, 18))
            .label_style((FAMILY, 17))
            .draw()?;
        for bucket in &timeline.buckets {
            let left = seconds(bucket.from_us);
            let mut base = 0;
            for (cause, count) in timeline.causes.iter().zip(&bucket.counts) {
                let corners = [(left, base), (left + step, base + count)];
                base += count;
                if *count > 0 {
                    let bar = Rectangle::new(corners, colour(*cause).filled());
                    chart.draw_series([bar])?;
                }
            }
            if base > 0 {
                let upper = chart.backend_coord(&(left, base));
                let lower = chart.backend_coord(&(left + step, 0));
                let counts = timeline.causes.iter().zip(&bucket.counts);
                let counts = counts.filter(|(_, count)| **count > 0);
                let lines = counts.map(|(cause, count)| format!("\n{cause}: {count}"));
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
    use model::faults::Bucket;

    use super::super::{ImageKind, write};
    use super::*;

    fn timeline() -> Timeline {
        Timeline {
            step_us: 50_000,
            causes: vec![
                Cause::LoadPageFault,
                Cause::StorePageFault,
                Cause::Unknown(77),
            ],
            buckets: (0..40)
                .map(|at| Bucket {
                    from_us: at * 50_000,
                    counts: vec![at % 3, at % 7, at / 39],
                })
                .collect(),
        }
    }

    #[test]
    fn svg_says_in_text_what_the_axes_and_colours_mean() {
        let timeline = timeline();
        let picture = FaultsOverTime {
            timeline: &timeline,
            origin: "boot.log",
        };
        let mut svg = Vec::new();
        write(&picture, ImageKind::Svg, &mut svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        for words in [
            "Faults over time: boot.log",
            "Store/AMO page fault (115)",
            "unknown cause 77 (1)",
            "seconds since boot",
            "faults in 50 ms",
        ] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn png_has_the_colour_of_every_cause_and_dark_letters() {
        let timeline = timeline();
        let picture = FaultsOverTime {
            timeline: &timeline,
            origin: "boot.log",
        };
        let mut png = Vec::new();
        write(&picture, ImageKind::Png, &mut png).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), SIZE);
        let area = |wanted: RGBColor| {
            let wanted = [wanted.0, wanted.1, wanted.2];
            pixels
                .chunks_exact(3)
                .filter(|pixel| *pixel == wanted)
                .count()
        };
        for cause in &timeline.causes {
            assert!(area(colour(*cause)) > 150, "{cause}");
        }
        // In the head, above the axes, only text is black.
        let head = &pixels[..(SIZE.0 * HEAD * 3) as usize];
        let dark = head
            .chunks_exact(3)
            .filter(|pixel| pixel.iter().all(|c| *c < 60))
            .count();
        assert!(dark > 300, "{dark} dark pixels");
    }

    #[test]
    fn lengths_of_time_are_named_in_their_unit() {
        assert_eq!([1, 2_000, 5_000_000].map(duration), ["1 µs", "2 ms", "5 s"]);
        assert_eq!([100.0, 9.0, 0.5, 0.00002].map(decimals), [0, 1, 2, 6]);
    }
}
