//! The font that charts are drawn with, shipped so that none need be installed.
//!
//! Liberation Sans, under the SIL Open Font License (LICENSE-LiberationSans).

use plotters::style::{FontStyle, register_font};

use super::ChartError;

const LIBERATION_SANS: &[u8] = include_bytes!("LiberationSans-Regular.ttf");

/// The family every chart names; SVG viewers have one of that name.
pub(super) const FAMILY: &str = "sans-serif";

/// Makes the family known to the drawing library; doing it twice does no harm.
pub(super) fn register() -> Result<(), ChartError> {
    register_font(FAMILY, FontStyle::Normal, LIBERATION_SANS)
        .map_err(|_| ChartError::Draw("the font that came with this program is damaged".to_owned()))
}
