//! A strip of addresses with one colour per class.
//!
//! From the lowest address at the top to the highest. Heights of blocks and gaps are logarithmic, so that 4
//! KiB and 256 GiB fit on one page; inside a block, addresses are to scale.

use model::space::{CutPiece, cut};
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color, IntoFont, RGBColor, TextStyle};

use super::block::{self, BlockPart, PixelRows};
use super::font::FAMILY;
use super::{PaintError, Picture, Tips};
use crate::words::{ExactSize, RoundSize};

/// Maximum number of blocks: each has a line of text beside it.
pub(super) const MOST_BLOCKS: usize = 40;

pub(super) const WIDTH: u32 = 1000;
/// Parts that a tooltip lists.
const MOST_TIP_LINES: usize = 20;
const FOOT: i32 = 24;
/// Left and right edge of the strip; addresses are to the left, text to the right.
const STRIP: (i32, i32) = (200, 480);
const LINE: i32 = 20;

pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);
const PALE: RGBColor = RGBColor(238, 238, 238);

/// A class of parts.
#[derive(Clone, Debug, PartialEq)]
pub struct StripClass {
    /// Text in the legend.
    pub words: String,
    /// Fill colour.
    pub colour: RGBColor,
}

/// Returns the text for a block, from its parts and its size in bytes.
pub type Beside<'a> = Box<dyn Fn(&[BlockPart], u64) -> String + 'a>;

/// A strip, ready to be painted.
pub struct Strip<'a> {
    /// Text of the heading.
    pub title: String,
    /// Text below the legend.
    pub note: String,
    /// Classes, in the order of the legend.
    pub classes: Vec<StripClass>,
    /// Pixels of height for each doubling beyond one page.
    pub doubling: i32,
    /// Parts by address, without overlaps.
    pub parts: Vec<BlockPart>,
    /// Formats an address.
    pub address: Box<dyn Fn(u64) -> String + 'a>,
    /// Names a gap; `None` for an ordinary one.
    pub gap: Box<dyn Fn(u64) -> Option<String> + 'a>,
    /// Formats the text beside a block.
    pub words: Beside<'a>,
}

/// Height in pixels of a block of `bytes`.
fn block_height(bytes: u64, doubling: i32) -> i32 {
    let doublings = (bytes.max(4096) as f64 / 4096.0).log2();
    LINE + (doublings * f64::from(doubling)).round() as i32
}

fn gap_height(bytes: u64) -> i32 {
    match bytes {
        0 => 0,
        _ => LINE + (block_height(bytes, 2) - LINE) / 3,
    }
}

pub(super) fn text(size: u32) -> TextStyle<'static> {
    (FAMILY, size).into_font().color(&BLACK)
}

impl Strip<'_> {
    fn pieces(&self) -> Vec<CutPiece> {
        let runs: Vec<(u64, u64)> = self
            .parts
            .iter()
            .map(|part| (part.first, part.bytes))
            .collect();
        cut(&runs, MOST_BLOCKS)
    }

    /// Bytes of each class that occurs.
    fn totals(&self) -> Vec<(usize, u128)> {
        let mut totals = vec![0_u128; self.classes.len()];
        for part in &self.parts {
            totals[part.class] += u128::from(part.bytes);
        }
        let all = totals.into_iter().enumerate();
        all.filter(|(_, bytes)| *bytes > 0).collect()
    }

    fn legend(&self) -> Vec<(RGBColor, String)> {
        let item = |(class, bytes): (usize, u128)| {
            let StripClass { words, colour } = &self.classes[class];
            (*colour, format!("{words} ({})", RoundSize(bytes)))
        };
        self.totals().into_iter().map(item).collect()
    }

    /// Top of the strip in pixels: heading, legend and note are above.
    fn head(&self) -> i32 {
        let rows = legend_rows(&self.legend());
        128.max(48 + 22 * rows as i32 + 60)
    }
}

/// Maximum width of a letter in pixels at font size 16.
const LETTER: f64 = 8.2;

/// Position of each legend item: column in pixels, row in lines.
fn legend_places(items: &[(RGBColor, String)]) -> Vec<(i32, usize)> {
    let (mut left, mut row) = (18, 0);
    let place = |(_, words): &(RGBColor, String)| {
        let width = (words.chars().count() as f64 * LETTER) as i32 + 42;
        if left + width > WIDTH as i32 && left > 18 {
            (left, row) = (18, row + 1);
        }
        let here = (left, row);
        left += width;
        here
    };
    items.iter().map(place).collect()
}

pub(super) fn legend_rows(items: &[(RGBColor, String)]) -> usize {
    legend_places(items).last().map_or(0, |(_, row)| row + 1)
}

/// Paints the legend from `top` downwards.
pub(super) fn paint_legend<B: DrawingBackend>(
    canvas: &DrawingArea<B, Shift>,
    top: i32,
    items: &[(RGBColor, String)],
) -> Result<(), PaintError>
where
    B::ErrorType: 'static,
{
    for ((left, row), (colour, words)) in legend_places(items).into_iter().zip(items) {
        let top = top + 22 * row as i32;
        let square = [(left, top + 1), (left + 13, top + 14)];
        canvas.draw(&Rectangle::new(square, colour.filled()))?;
        canvas.draw(&Rectangle::new(square, BLACK.mix(0.4)))?;
        canvas.draw(&Text::new(words.clone(), (left + 20, top), text(16)))?;
    }
    Ok(())
}

impl Picture for Strip<'_> {
    fn size(&self) -> (u32, u32) {
        let pieces = self.pieces();
        let heights = pieces.iter();
        let heights =
            heights.map(|it| block_height(it.bytes, self.doubling) + it.gap.map_or(0, gap_height));
        let height = self.head() + heights.sum::<i32>().max(LINE) + FOOT;
        (WIDTH, height as u32)
    }

    fn paint<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let head = self.head();
        canvas.draw(&Text::new(self.title.clone(), (16, 12), text(24)))?;
        paint_legend(canvas, 48, &self.legend())?;
        let note = format!(
            "{}; 4KiB is {LINE} pixels high, each doubling adds {}",
            self.note, self.doubling
        );
        canvas.draw(&Text::new(note, (18, head - 30), text(14)))?;
        let mut top = head;
        let pieces = self.pieces();
        for piece in &pieces {
            let bottom = top + block_height(piece.bytes, self.doubling);
            self.paint_block(canvas, piece, (top, bottom), tips)?;
            top = bottom;
            if let Some(gap @ 1..) = piece.gap {
                let bottom = top + gap_height(gap);
                self.paint_gap(canvas, gap, (top, bottom), tips)?;
                top = bottom;
            }
        }
        if pieces.is_empty() {
            canvas.draw(&Text::new("nothing is mapped", (STRIP.0, top), text(16)))?;
        }
        Ok(())
    }
}

impl Strip<'_> {
    /// Every part of a block with its addresses, as far as a tooltip has room.
    fn tip(&self, parts: &[BlockPart], bytes: u64) -> String {
        let mut tip = (self.words)(parts, bytes);
        for part in parts.iter().take(MOST_TIP_LINES) {
            let last = (self.address)(part.first.saturating_add(part.bytes - 1));
            let line = format!(
                "\n{}-{last}  {}  {}",
                (self.address)(part.first),
                ExactSize(part.bytes),
                self.classes[part.class].words
            );
            tip.push_str(&line);
        }
        if let Some(more @ 1..) = parts.len().checked_sub(MOST_TIP_LINES) {
            tip.push_str(&format!("\n… and {more} more"));
        }
        tip
    }

    fn paint_block<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        piece: &CutPiece,
        (top, bottom): (i32, i32),
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let corners = [(STRIP.0, top), (STRIP.1, bottom)];
        canvas.draw(&Rectangle::new(corners, PALE.filled()))?;
        let parts = &self.parts[piece.runs.clone()];
        let (height, width) = (bottom - top, STRIP.1 - STRIP.0);
        for PixelRows {
            first,
            count,
            shares,
        } in block::rows(parts, piece.bytes, self.classes.len(), height, width)
        {
            let top = top + first;
            let bottom = top + count;
            let mut left = STRIP.0;
            for (class, width) in shares.iter().enumerate().filter(|(_, width)| **width > 0) {
                let corners = [(left, top), (left + width, bottom)];
                let colour = self.classes[class].colour.filled();
                canvas.draw(&Rectangle::new(corners, colour))?;
                left += width;
            }
        }
        canvas.draw(&Rectangle::new(corners, BLACK.mix(0.6)))?;
        let address = (self.address)(parts[0].first);
        canvas.draw(&Text::new(address, (22, top + 2), text(16)))?;
        let words = (self.words)(parts, piece.bytes);
        let room = WIDTH as i32 - STRIP.1 - 20;
        let shown = fitting(canvas, &words, &text(16), room)?;
        canvas.draw(&Text::new(shown, (STRIP.1 + 14, top + 2), text(16)))?;
        let area = [(0, top), (WIDTH as i32, bottom)];
        tips.add(area, self.tip(parts, piece.bytes));
        Ok(())
    }

    /// Paints a hatched gap with its size beside it.
    fn paint_gap<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        bytes: u64,
        (top, bottom): (i32, i32),
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        for left in (STRIP.0..STRIP.1).step_by(10) {
            let line = vec![(left, bottom - 3), (left + 8, top + 3)];
            canvas.draw(&PathElement::new(line, GREY.mix(0.5)))?;
        }
        let plain = || format!("gap of {}", RoundSize(bytes.into()));
        let words = (self.gap)(bytes).unwrap_or_else(plain);
        let style = (FAMILY, 14).into_font().color(&GREY);
        let middle = (top + bottom) / 2 - 8;
        canvas.draw(&Text::new(words.clone(), (STRIP.1 + 14, middle), style))?;
        let exact = format!("{words}: {bytes:#x} bytes");
        tips.add([(0, top), (WIDTH as i32, bottom)], exact);
        Ok(())
    }
}

/// `words`, cut to `room` pixels with an ellipsis if they are longer.
fn fitting<B: DrawingBackend>(
    canvas: &DrawingArea<B, Shift>,
    words: &str,
    style: &TextStyle<'_>,
    room: i32,
) -> Result<String, PaintError>
where
    B::ErrorType: 'static,
{
    let width = |words: &str| -> Result<i32, PaintError> {
        Ok(i32::try_from(canvas.estimate_text_size(words, style)?.0)?)
    };
    if width(words)? <= room {
        return Ok(words.to_owned());
    }
    let mut shown = words.to_owned();
    while shown.pop().is_some() {
        let cut = format!("{}…", shown.trim_end());
        if width(&cut)? <= room {
            return Ok(cut);
        }
    }
    Ok(shown)
}
