//! The font of the charts, included so that none has to be installed.
//!
//! Liberation Sans, under the SIL Open Font License (LICENSE-LiberationSans).

use plotters::style::{FontStyle, register_font};

use super::ChartError;

/// The font's file.
pub(super) const LIBERATION_SANS: &[u8] = include_bytes!("LiberationSans-Regular.ttf");

/// Font family of every chart; SVG viewers resolve it to a font of their own.
pub(super) const FAMILY: &str = "sans-serif";

/// Registers the font with the drawing library; repeated calls have no effect.
pub(super) fn register() -> Result<(), ChartError> {
    register_font(FAMILY, FontStyle::Normal, LIBERATION_SANS)
        .map_err(|_| ChartError::Draw("the font that came with this program is damaged".to_owned()))
}
