//! The address space as a strip: what is mapped where, and how.
//!
//! From the lowest address down to the highest. The height of a block is the
//! logarithm of its size, that of a gap too, so that 4 KiB and 256 GiB fit onto
//! one page; inside a block, addresses are to scale.

use model::Space;
use model::space::Band;
use pagetable::Mode;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color, IntoFont, RGBColor, TextStyle};

use super::block::{self, Rows};
use super::font::FAMILY;
use super::permission::{CLASSES, class_of};
use super::{Picture, Refusal};
use crate::words::{self, About, Size};

/// Blocks at most: each has a line of text beside it.
const MOST_BANDS: usize = 40;

const WIDTH: u32 = 1000;
const HEAD: i32 = 128;
const FOOT: i32 = 24;
/// Left and right edge of the strip; addresses stand before, words behind.
const STRIP: (i32, i32) = (200, 400);
const LINE: i32 = 20;

const GREY: RGBColor = RGBColor(110, 110, 110);
const PALE: RGBColor = RGBColor(238, 238, 238);

/// The chart of an address space.
pub struct AddressSpace<'a> {
    space: &'a Space,
    origin: &'a str,
    bands: Vec<Band<'a>>,
}

impl<'a> AddressSpace<'a> {
    /// The chart of `space`; `origin` says where it came from, for the heading.
    pub fn new(space: &'a Space, origin: &'a str) -> Self {
        AddressSpace {
            space,
            origin,
            bands: space.bands(MOST_BANDS),
        }
    }
}

/// Pixels for so many bytes: four for each doubling beyond a page.
fn block_height(bytes: u64) -> i32 {
    let doublings = (bytes.max(4096) as f64 / 4096.0).log2();
    LINE + (doublings * 2.0).round() as i32
}

fn gap_height(bytes: u64) -> i32 {
    match bytes {
        0 => 0,
        _ => LINE + (block_height(bytes) - LINE) / 3,
    }
}

impl Picture for AddressSpace<'_> {
    fn size(&self) -> (u32, u32) {
        let bands = self.bands.iter();
        let heights = bands.map(|it| block_height(it.bytes) + it.gap.map_or(0, gap_height));
        let height = HEAD + heights.sum::<i32>().max(LINE) + FOOT;
        (WIDTH, height as u32)
    }

    fn paint<B: DrawingBackend>(&self, canvas: &DrawingArea<B, Shift>) -> Result<(), Refusal>
    where
        B::ErrorType: 'static,
    {
        self.paint_head(canvas)?;
        paint_scale(canvas)?;
        let mut top = HEAD;
        for band in &self.bands {
            let bottom = top + block_height(band.bytes);
            self.paint_band(canvas, band, top, bottom)?;
            top = bottom;
            if let Some(gap @ 1..) = band.gap {
                let bottom = top + gap_height(gap);
                self.paint_gap(canvas, gap, top, bottom)?;
                top = bottom;
            }
        }
        if self.bands.is_empty() {
            let words = Text::new("nothing is mapped", (STRIP.0, top), text(16));
            canvas.draw(&words)?;
        }
        Ok(())
    }
}

fn text(size: u32) -> TextStyle<'static> {
    (FAMILY, size).into_font().color(&BLACK)
}

impl AddressSpace<'_> {
    /// Heading, legend of permissions, scale.
    fn paint_head<B: DrawingBackend>(&self, canvas: &DrawingArea<B, Shift>) -> Result<(), Refusal>
    where
        B::ErrorType: 'static,
    {
        let satp = self.space.satp();
        let title = format!(
            "Address space {:#x} ({}): {}",
            satp.encode(satp.mode.xlen()),
            satp.mode.name(),
            self.origin
        );
        canvas.draw(&Text::new(title, (16, 12), text(24)))?;
        let (mut left, mut top) = (18, 48);
        let label = text(16);
        for (class, bytes) in self.totals() {
            let words = format!("{} ({})", CLASSES[class].words, About(bytes));
            let (width, _) = canvas.estimate_text_size(&words, &label)?;
            let width = i32::try_from(width)? + 52;
            if left + width > WIDTH as i32 {
                (left, top) = (18, top + 22);
            }
            let square = [(left, top + 1), (left + 13, top + 14)];
            canvas.draw(&Rectangle::new(square, CLASSES[class].colour.filled()))?;
            canvas.draw(&Text::new(words, (left + 20, top), label.clone()))?;
            left += width;
        }
        let problems = match self.space.problems.len() {
            0 => String::new(),
            1 => "; 1 problem is not shown".to_owned(),
            many => format!("; {many} problems are not shown"),
        };
        let words = format!(
            "low addresses above; heights are logarithms, addresses inside a block are to scale; \
             pale and hatched is not mapped{problems}"
        );
        canvas.draw(&Text::new(words, (18, HEAD - 30), text(14)))?;
        Ok(())
    }

    /// Bytes of each class that occurs.
    fn totals(&self) -> impl Iterator<Item = (usize, u128)> {
        let mut totals = [0u128; CLASSES.len()];
        for range in &self.space.ranges {
            totals[class_of(range.flags())] += u128::from(range.bytes);
        }
        totals
            .into_iter()
            .enumerate()
            .filter(|(_, bytes)| *bytes > 0)
    }

    fn paint_band<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        band: &Band<'_>,
        top: i32,
        bottom: i32,
    ) -> Result<(), Refusal>
    where
        B::ErrorType: 'static,
    {
        let corners = [(STRIP.0, top), (STRIP.1, bottom)];
        canvas.draw(&Rectangle::new(corners, PALE.filled()))?;
        for Rows {
            first,
            count,
            shares,
        } in block::rows(band, bottom - top, STRIP.1 - STRIP.0)
        {
            let top = top + first;
            let bottom = top + count;
            let mut left = STRIP.0;
            for (class, width) in shares.iter().enumerate().filter(|(_, width)| **width > 0) {
                let corners = [(left, top), (left + width, bottom)];
                let colour = CLASSES[class].colour.filled();
                canvas.draw(&Rectangle::new(corners, colour))?;
                left += width;
            }
        }
        canvas.draw(&Rectangle::new(corners, BLACK.mix(0.6)))?;
        let mode = self.space.mode();
        let address = Text::new(words::va(mode, band.va()), (22, top + 2), text(16));
        canvas.draw(&address)?;
        let words = Text::new(words_of(band), (STRIP.1 + 14, top + 2), text(16));
        canvas.draw(&words)?;
        Ok(())
    }

    /// A gap: hatched, its size beside it.
    fn paint_gap<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        bytes: u64,
        top: i32,
        bottom: i32,
    ) -> Result<(), Refusal>
    where
        B::ErrorType: 'static,
    {
        for left in (STRIP.0..STRIP.1).step_by(10) {
            let line = vec![(left, bottom - 3), (left + 8, top + 3)];
            canvas.draw(&PathElement::new(line, GREY.mix(0.5)))?;
        }
        let mode = self.space.mode();
        // 64 bits hold two halves of addresses; nothing between is one.
        let is_hole = mode != Mode::Sv32 && bytes >> (mode.va_bits() - 1) != 0;
        let words = match is_hole {
            true => "gap between the lower and the upper half".to_owned(),
            false => format!("gap of {}", About(bytes.into())),
        };
        let style = (FAMILY, 14).into_font().color(&GREY);
        let middle = (top + bottom) / 2 - 8;
        canvas.draw(&Text::new(words, (STRIP.1 + 14, middle), style))?;
        Ok(())
    }
}

/// The line of text beside a block.
fn words_of(band: &Band<'_>) -> String {
    let [range] = band.ranges else {
        let mapped = About(band.mapped_bytes().into());
        let (ranges, bytes) = (band.ranges.len(), About(band.bytes.into()));
        return match band.mapped_bytes() == band.bytes {
            true => format!("{bytes} in {ranges} ranges"),
            false => format!("{mapped} mapped of {bytes}, {ranges} ranges"),
        };
    };
    let memory = words::attributes(range.attributes());
    let comma = if memory.is_empty() { "" } else { ", " };
    format!(
        "{} {} at {:#x}, {} pages{comma}{memory}",
        Size(range.bytes),
        range.flags().flags(),
        range.pa,
        Size(range.leaf.page_bytes)
    )
}

/// What heights mean, at the right edge.
fn paint_scale<B: DrawingBackend>(canvas: &DrawingArea<B, Shift>) -> Result<(), Refusal>
where
    B::ErrorType: 'static,
{
    let label = (FAMILY, 14).into_font().color(&GREY);
    let mut left = WIDTH as i32 - 170;
    for bytes in [1u64 << 12, 1 << 21, 1 << 30] {
        let corners = [(left, HEAD), (left + 30, HEAD + block_height(bytes))];
        canvas.draw(&Rectangle::new(corners, GREY.mix(0.7)))?;
        let words = Size(bytes).to_string();
        canvas.draw(&Text::new(words, (left, HEAD - 16), label.clone()))?;
        left += 54;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pagetable::{Dialect, Memory, PhysAddr, Pte, Satp};

    use super::super::{Kind, write};
    use super::*;

    /// A root whose entries are given, and nothing else.
    struct OneTable(Vec<(u64, Pte)>);

    impl Memory for OneTable {
        type Error = ();

        fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
            let index = at.offset(4096) / 8;
            let entry = self.0.iter().find(|(place, _)| *place == index);
            Ok(entry.map_or(0, |(_, pte)| pte.raw()))
        }
    }

    fn space(entries: &[(u64, u64)]) -> Space {
        let leaf = |(index, flags): &(u64, u64)| {
            let at = PhysAddr::new((511 - index) << 30);
            (*index, Pte::leaf(Mode::Sv39, at, *flags))
        };
        let satp = Satp {
            mode: Mode::Sv39,
            asid: 0,
            root: PhysAddr::new(0x8000_0000),
        };
        let mut table = OneTable(entries.iter().map(leaf).collect());
        Space::read(&mut table, satp, Dialect::None)
    }

    fn drawn(space: &Space, kind: Kind) -> Vec<u8> {
        let mut out = Vec::new();
        write(&AddressSpace::new(space, "ram.bin"), kind, &mut out).unwrap();
        out
    }

    const RW: u64 = Pte::READ | Pte::WRITE;
    const RX: u64 = Pte::READ | Pte::EXEC;

    #[test]
    fn svg_names_addresses_gaps_permissions_and_problems() {
        let space = space(&[(0, RX), (3, RW | Pte::USER), (300, RW), (301, Pte::WRITE)]);
        let svg = String::from_utf8(drawn(&space, Kind::Svg)).unwrap();
        for words in [
            "Address space 0x8000000000080000 (sv39): ram.bin",
            "r-x supervisor (1GiB)",
            "rw- user (1GiB)",
            "0x00000000c0000000",
            "1GiB rw-u--- at 0x7f00000000, 1GiB pages",
            "gap of 2GiB",
            "gap between the lower and the upper half",
            "1 problem is not shown",
        ] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn png_has_the_colour_of_every_permission() {
        let flags = [RW, RX, Pte::READ, Pte::EXEC, RW | Pte::EXEC];
        let users = flags.map(|flags| flags | Pte::USER);
        let entries: Vec<_> = (0..).zip(flags.into_iter().chain(users)).collect();
        let png = drawn(&space(&entries), Kind::Png);
        let decoder = png::Decoder::new(std::io::Cursor::new(png));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        for class in CLASSES {
            let wanted = [class.colour.0, class.colour.1, class.colour.2];
            let area = pixels.chunks_exact(3).filter(|it| *it == wanted).count();
            assert!(area > 5000, "{}: {area} pixels", class.words);
        }
    }

    #[test]
    fn many_ranges_stay_on_one_page() {
        // Every other entry, permissions in turn: gaps are all alike.
        let flags = |it: u64| if it.is_multiple_of(4) { RW } else { RX };
        let entries = (0..512).step_by(2).map(|it| (it, flags(it)));
        let space = space(&entries.collect::<Vec<_>>());
        assert_eq!(space.ranges.len(), 256);
        let picture = AddressSpace::new(&space, "ram.bin");
        assert!(picture.bands.len() <= MOST_BANDS && picture.size().1 < 4000);
        assert!(drawn(&space, Kind::Svg).len() < 500_000);
    }

    #[test]
    fn an_empty_space_says_so() {
        let svg = String::from_utf8(drawn(&space(&[]), Kind::Svg)).unwrap();
        assert!(svg.contains("nothing is mapped"));
    }
}
