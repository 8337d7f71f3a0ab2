//! The canvas of a PNG: the drawing library's, with text set by ourselves.
//!
//! The library's own text leaves out the space that belongs to the left of each letter, and rounds each advance
//! down, so that letters stick together or stand apart. Here each outline is drawn where the font puts it, to a
//! fraction of a pixel.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use plotters::backend::RGBPixel;
use plotters::prelude::BitMapBackend;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use super::ChartError;
use super::font::LIBERATION_SANS;

/// A picture in memory, three bytes a pixel.
pub(super) struct Pixels<'a> {
    bitmap: BitMapBackend<'a, RGBPixel>,
    font: FontRef<'static>,
}

impl<'a> Pixels<'a> {
    pub(super) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Result<Pixels<'a>, ChartError> {
        let font = FontRef::try_from_slice(LIBERATION_SANS)
            .map_err(|why| ChartError::Draw(why.to_string()))?;
        Ok(Pixels {
            bitmap: BitMapBackend::with_buffer(pixels, size),
            font,
        })
    }

    /// The scale at which the font's em has so many pixels.
    fn scale(&self, em: f32) -> PxScale {
        let units = self.font.units_per_em().unwrap_or(2048.0);
        PxScale::from(em * self.font.height_unscaled() / units)
    }

    /// Each letter's glyph at its place on a line that starts at 0, and the length of the line.
    fn glyphs(&self, text: &str, scale: PxScale) -> (Vec<ab_glyph::Glyph>, f32) {
        let font = self.font.as_scaled(scale);
        let (mut x, mut before, mut glyphs) = (0.0, None, Vec::new());
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            x += before.map_or(0.0, |before| font.kern(before, id));
            glyphs.push(id.with_scale_and_position(scale, point(x, 0.0)));
            x += font.h_advance(id);
            before = Some(id);
        }
        (glyphs, x)
    }
}

type Drawn<E> = Result<(), DrawingErrorKind<E>>;

impl<'a> DrawingBackend for Pixels<'a> {
    type ErrorType = <BitMapBackend<'a, RGBPixel> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.bitmap.get_size()
    }

    fn ensure_prepared(&mut self) -> Drawn<Self::ErrorType> {
        self.bitmap.ensure_prepared()
    }

    fn present(&mut self) -> Drawn<Self::ErrorType> {
        self.bitmap.present()
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Drawn<Self::ErrorType> {
        self.bitmap.draw_pixel(at, colour)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn<Self::ErrorType> {
        self.bitmap.draw_line(from, to, style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        is_filled: bool,
    ) -> Drawn<Self::ErrorType> {
        self.bitmap
            .draw_rect(upper_left, bottom_right, style, is_filled)
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        at: BackendCoord,
    ) -> Drawn<Self::ErrorType> {
        let em = style.size() as f32 / SIZE_PER_EM;
        let (glyphs, width) = self.glyphs(text, self.scale(em));
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Right => -width,
            HPos::Center => -width / 2.0,
        };
        // Where the writer of SVG puts the base line, so that both formats have text at one height.
        let base_line = match style.anchor().v_pos {
            VPos::Top => 0.76 * em,
            VPos::Center => 0.26 * em,
            VPos::Bottom => -0.26 * em,
        };
        let (columns, rows) = self.get_size();
        let colour = style.color();
        for mut glyph in glyphs {
            glyph.position.x += left;
            glyph.position.y += base_line;
            let Some(outline) = self.font.outline_glyph(glyph) else {
                continue;
            };
            let bounds = outline.px_bounds();
            let (x, y) = (bounds.min.x as i32, bounds.min.y as i32);
            let mut dots = Vec::new();
            outline.draw(|column, row, share| dots.push((column as i32, row as i32, share)));
            for (column, row, share) in dots {
                let (x, y) = style.transform().transform(x + column, y + row);
                let (x, y) = (at.0 + x, at.1 + y);
                let is_inside = (0..columns as i32).contains(&x) && (0..rows as i32).contains(&y);
                if is_inside && share > 0.0 {
                    let alpha = colour.alpha * f64::from(share.min(1.0));
                    self.draw_pixel((x, y), BackendColor { alpha, ..colour })?;
                }
            }
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Self::ErrorType>> {
        let em = style.size() as f32 / SIZE_PER_EM;
        let (_, width) = self.glyphs(text, self.scale(em));
        Ok((width.ceil() as u32, em as u32))
    }
}

/// Size of a style in the font's em: the drawing library's convention, which its writer of SVG has, too.
const SIZE_PER_EM: f32 = 1.24;
