//! The working set as a heat map: used pages by address and permission.

use model::AddressSpace;
use model::space::Band;
use model::working::WorkingSet;
use pagetable::Pte;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color, IntoFont, RGBColor, WHITE};

use super::font::FAMILY;
use super::permission::{CLASSES, class_of};
use super::strip::{GREY, WIDTH, text};
use super::{PaintError, Picture, Tips};
use crate::words::{self, ExactSize, RoundSize};

/// Maximum number of rows.
const MOST_BANDS: usize = 32;
const HEAD: i32 = 170;
const ROW: i32 = 26;
const FOOT: i32 = 24;
/// Left and right edge of the cells; addresses are to the left.
const CELLS: (i32, i32) = (276, 984);

/// Heat map of an address space.
pub struct Heat<'a> {
    space: &'a AddressSpace,
    origin: &'a str,
    bands: Vec<Band<'a>>,
    /// Permission classes that occur, as columns.
    classes: Vec<usize>,
}

/// Bytes mapped and used in one cell.
#[derive(Clone, Copy, Default)]
struct Cell {
    mapped: u64,
    accessed: u64,
    dirty: u64,
}

impl<'a> Heat<'a> {
    /// The heat map of `space`; `origin` is the source of the data, for the heading.
    pub fn new(space: &'a AddressSpace, origin: &'a str) -> Self {
        let is_there = |class: &usize| {
            space
                .ranges()
                .iter()
                .any(|range| class_of(range.flags()) == *class)
        };
        Heat {
            space,
            origin,
            bands: space.bands(MOST_BANDS),
            classes: (0..CLASSES.len()).filter(is_there).collect(),
        }
    }

    fn cell(&self, band: &Band<'_>, class: usize) -> Cell {
        let ranges = band
            .ranges
            .iter()
            .filter(|range| class_of(range.flags()) == class);
        ranges.fold(Cell::default(), |cell, range| Cell {
            mapped: cell.mapped + range.bytes,
            accessed: cell.accessed + range.bytes * u64::from(range.flags().has(Pte::ACCESSED)),
            dirty: cell.dirty + range.bytes * u64::from(range.flags().has(Pte::DIRTY)),
        })
    }

    fn column(&self, place: usize) -> (i32, i32) {
        let width = (CELLS.1 - CELLS.0) / self.classes.len().max(1) as i32;
        let width = width.min(150);
        let left = CELLS.0 + place as i32 * width;
        (left, left + width - 3)
    }
}

/// Colour of a share: from light grey at 0 to red at 1.
fn heat(share: f64) -> RGBColor {
    let cold = (225.0, 233.0, 242.0);
    let hot = (200.0, 40.0, 20.0);
    let mix = |from: f64, to: f64| (from + (to - from) * share.sqrt()).round() as u8;
    RGBColor(mix(cold.0, hot.0), mix(cold.1, hot.1), mix(cold.2, hot.2))
}

fn percent(share: f64) -> String {
    match share {
        share if share > 0.0 && share < 0.01 => "<1%".to_owned(),
        share => format!("{:.0}%", share * 100.0),
    }
}

impl Picture for Heat<'_> {
    fn size(&self) -> (u32, u32) {
        (
            WIDTH,
            (HEAD + ROW * self.bands.len().max(1) as i32 + FOOT) as u32,
        )
    }

    fn paint<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        self.paint_head(canvas)?;
        if self.bands.is_empty() {
            canvas.draw(&Text::new("nothing is mapped", (18, HEAD), text(16)))?;
        }
        for (row, band) in (0..).zip(&self.bands) {
            let top = HEAD + ROW * row;
            let address = words::va(self.space.mode(), band.va());
            canvas.draw(&Text::new(address, (18, top + 4), text(16)))?;
            let size = RoundSize(band.mapped_bytes().into()).to_string();
            canvas.draw(&Text::new(size, (200, top + 4), text(16)))?;
            for (place, class) in self.classes.iter().enumerate() {
                let cell = self.cell(band, *class);
                if cell.mapped == 0 {
                    continue;
                }
                let share = |bytes: u64| bytes as f64 / cell.mapped as f64;
                let (left, right) = self.column(place);
                let corners = [(left, top), (right, top + ROW - 3)];
                canvas.draw(&Rectangle::new(
                    corners,
                    heat(share(cell.accessed)).filled(),
                ))?;
                // The written share, as a bar along the bottom.
                let width = (f64::from(right - left) * share(cell.dirty)).round() as i32;
                let bar = [(left, top + ROW - 7), (left + width, top + ROW - 3)];
                canvas.draw(&Rectangle::new(bar, BLACK.filled()))?;
                let is_dark = share(cell.accessed) > 0.4;
                let colour = if is_dark { &WHITE } else { &BLACK };
                let style = (FAMILY, 12).into_font().color(colour);
                let used = percent(share(cell.accessed));
                let words = format!("{used} of {}", RoundSize(cell.mapped.into()));
                let tip = format!(
                    "{} {}: {} mapped, {} accessed, {} dirty",
                    words::va(self.space.mode(), band.va()),
                    CLASSES[*class].words,
                    ExactSize(cell.mapped),
                    ExactSize(cell.accessed),
                    ExactSize(cell.dirty)
                );
                tips.add(corners, tip);
                let (wide, _) = canvas.estimate_text_size(&words, &style)?;
                let is_narrow = i32::try_from(wide)? > right - left - 8;
                let words = if is_narrow { used } else { words };
                canvas.draw(&Text::new(words, (left + 5, top + 3), style))?;
            }
        }
        Ok(())
    }
}

impl Heat<'_> {
    /// Paints heading, totals, colour scale and column names.
    fn paint_head<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let satp = self.space.satp();
        let title = format!(
            "Working set of {:#x} ({}): {}",
            satp.encode(satp.mode.xlen()),
            satp.mode.name(),
            self.origin
        );
        canvas.draw(&Text::new(title, (16, 12), text(24)))?;
        let all = WorkingSet::of(self.space).all;
        let totals = format!(
            "{} mapped, {} used (A), {} written (D)",
            RoundSize(all.mapped),
            RoundSize(all.accessed),
            RoundSize(all.dirty)
        );
        canvas.draw(&Text::new(totals, (18, 46), text(16)))?;
        let note = "colour: share of the mapped bytes that has A; bar: share that has D; a row is a \
                    part of the address space, low addresses above";
        canvas.draw(&Text::new(note, (18, 70), text(14)))?;
        let label = (FAMILY, 14).into_font().color(&GREY);
        for step in 0..=10 {
            let share = f64::from(step) / 10.0;
            let left = 18 + step * 26;
            let corners = [(left, 94), (left + 26, 110)];
            canvas.draw(&Rectangle::new(corners, heat(share).filled()))?;
        }
        for (words, left) in [("0%", 18), ("50%", 18 + 130), ("100%", 18 + 260)] {
            canvas.draw(&Text::new(words, (left, 112), label.clone()))?;
        }
        for (place, class) in self.classes.iter().enumerate() {
            let (left, _) = self.column(place);
            let class = &CLASSES[*class];
            let square = [(left, HEAD - 34), (left + 12, HEAD - 22)];
            canvas.draw(&Rectangle::new(square, class.colour.filled()))?;
            let words = class.words.replace("supervisor", "kernel");
            let words = words.replace("writable and executable, ", "wx ");
            canvas.draw(&Text::new(words, (left + 18, HEAD - 36), text(14)))?;
        }
        canvas.draw(&Text::new("from", (18, HEAD - 24), label.clone()))?;
        canvas.draw(&Text::new("mapped", (200, HEAD - 24), label))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pagetable::{Dialect, Memory, Mode, PhysAddr, Satp};

    use super::super::{ImageKind, write};
    use super::*;

    /// Eight adjacent pages, one of them accessed and dirty.
    struct OneTable;

    impl Memory for OneTable {
        type Error = ();

        fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
            let index = at.offset(4096) / 8;
            let used = if index == 3 {
                Pte::ACCESSED | Pte::DIRTY
            } else {
                0
            };
            let flags = Pte::READ | Pte::WRITE | used;
            let leaf = Pte::leaf(Mode::Sv39, PhysAddr::new(index << 30), flags);
            Ok(if index < 8 { leaf.raw() } else { 0 })
        }
    }

    #[test]
    fn cells_say_which_share_was_used() {
        let satp = Satp {
            mode: Mode::Sv39,
            asid: 0,
            root: PhysAddr::new(0x1000),
        };
        let space = AddressSpace::read(&mut OneTable, satp, Dialect::None);
        let mut svg = Vec::new();
        write(&Heat::new(&space, "ram.bin"), ImageKind::Svg, &mut svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        for words in [
            "8GiB mapped, 1GiB used (A), 1GiB written (D)",
            "rw- kernel",
            "100% of 1GiB",
            "0% of 4GiB",
        ] {
            assert!(svg.contains(words), "{words}");
        }
    }
}
