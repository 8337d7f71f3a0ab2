//! Charts: painted once, written as SVG or PNG.
//!
//! One file per chart, each a [`Picture`]. No font of the machine is used: PNG is drawn with the font in
//! `font/`, whose metrics match the sans-serif family that the SVG names.

use std::error::Error as StdError;
use std::io::{self, Write};

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::{DrawingBackend, IntoDrawingArea, SVGBackend, WHITE};
use thiserror::Error;

mod bars;
mod block;
mod changes;
mod faults;
mod font;
mod heat;
mod levels;
mod map;
mod permission;
mod physical;
mod pixels;
mod strip;
mod timeline;
mod tips;
mod trace;

pub use changes::changes;
pub use faults::FaultsOverTime;
pub use heat::Heat;
pub use levels::Levels;
pub use map::address_space;
pub use physical::physical;
pub use strip::Strip;
pub use timeline::WorkingSetOverTime;
pub use tips::Tips;
pub use trace::{EventKind, EventsOverTime};

use pixels::Pixels;

/// File format of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// Vector graphics; text stays text.
    Svg,
    /// Pixels (RGB).
    Png,
}

impl ImageKind {
    /// The format for a file name extension.
    pub fn of_extension(extension: &str) -> Option<ImageKind> {
        match extension.to_ascii_lowercase().as_str() {
            "svg" => Some(ImageKind::Svg),
            "png" => Some(ImageKind::Png),
            _ => None,
        }
    }
}

/// Why a chart could not be written.
#[derive(Debug, Error)]
pub enum ChartError {
    /// Writing the output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The drawing library reported an error.
    #[error("cannot draw: {0}")]
    Draw(String),
}

/// An error of the drawing library or of a chart's own text.
pub type PaintError = Box<dyn StdError + Send + Sync>;

/// A chart, independent of the output format.
pub trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Paints onto a white canvas of [`Picture::size`], and says in `tips` what a viewer of SVG shows at which place.
    fn paint<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static;
}

/// Paints a chart and writes the file.
pub fn write(
    picture: &impl Picture,
    kind: ImageKind,
    out: &mut dyn Write,
) -> Result<(), ChartError> {
    font::register()?;
    match kind {
        ImageKind::Svg => {
            let mut text = String::new();
            let tips = paint(picture, SVGBackend::with_string(&mut text, picture.size()))?;
            out.write_all(tips.inserted(text).as_bytes())?;
        }
        ImageKind::Png => {
            let (width, height) = picture.size();
            let mut pixels = vec![0; width as usize * height as usize * 3];
            paint(picture, Pixels::new(&mut pixels, (width, height))?)?;
            write_png(&pixels, width, height, out)?;
        }
    }
    Ok(())
}

fn paint<B: DrawingBackend>(picture: &impl Picture, backend: B) -> Result<Tips, ChartError>
where
    B::ErrorType: 'static,
{
    let canvas = backend.into_drawing_area();
    let mut tips = Tips::default();
    let painted: Result<(), PaintError> = (|| {
        canvas.fill(&WHITE)?;
        picture.paint(&canvas, &mut tips)?;
        Ok(canvas.present()?)
    })();
    painted.map_err(|why| ChartError::Draw(why.to_string()))?;
    Ok(tips)
}

fn write_png(
    pixels: &[u8],
    width: u32,
    height: u32,
    out: &mut dyn Write,
) -> Result<(), ChartError> {
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let refused = |error| match error {
        png::EncodingError::IoError(error) => ChartError::Io(error),
        other => ChartError::Draw(other.to_string()),
    };
    let mut writer = encoder.write_header().map_err(refused)?;
    writer.write_image_data(pixels).map_err(refused)?;
    writer.finish().map_err(refused)
}
