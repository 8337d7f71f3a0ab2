//! Faults over time, one colour per cause.

use abi::Cause;
use model::Timeline;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::bars::{COLOURS, StackedBars};
use super::{PaintError, Picture, Tips};

/// Chart of a timeline.
pub struct FaultsOverTime<'a> {
    /// Intervals and counts.
    pub timeline: &'a Timeline<Cause>,
    /// Source of the data, for the heading.
    pub origin: &'a str,
}

/// Page faults have the same colour in every chart.
fn colour(cause: &Cause) -> RGBColor {
    match cause {
        Cause::StorePageFault => COLOURS[0],
        Cause::LoadPageFault => COLOURS[1],
        Cause::InstructionPageFault => COLOURS[2],
        other => COLOURS[3 + usize::from(other.number()) % 4],
    }
}

impl<'a> FaultsOverTime<'a> {
    fn bars(&self) -> StackedBars<'a, Cause> {
        StackedBars {
            timeline: self.timeline,
            events: "faults",
            origin: self.origin,
            colour,
        }
    }
}

impl Picture for FaultsOverTime<'_> {
    fn size(&self) -> (u32, u32) {
        self.bars().size()
    }

    fn paint<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        self.bars().paint(canvas, tips)
    }
}

#[cfg(test)]
mod tests {
    use model::Bucket;

    use super::super::bars::HEAD;
    use super::super::{ImageKind, write};
    use super::*;

    fn timeline() -> Timeline<Cause> {
        Timeline {
            step_us: 50_000,
            kinds: vec![
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
        assert_eq!((info.width, info.height), picture.size());
        let area = |wanted: RGBColor| {
            let wanted = [wanted.0, wanted.1, wanted.2];
            pixels
                .chunks_exact(3)
                .filter(|pixel| *pixel == wanted)
                .count()
        };
        for cause in &timeline.kinds {
            assert!(area(colour(cause)) > 150, "{cause}");
        }
        // In the head, above the axes, only text is black.
        let head = &pixels[..(picture.size().0 * HEAD * 3) as usize];
        let dark = head
            .chunks_exact(3)
            .filter(|pixel| pixel.iter().all(|c| *c < 60))
            .count();
        assert!(dark > 300, "{dark} dark pixels");
    }
}
