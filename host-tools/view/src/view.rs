//! The output formats that every model has.

use std::io::{self, Write};

/// A model in each output format.
///
/// A view opens no file and takes no decision: its content is that of the model.
pub trait View {
    /// Writes aligned columns for people.
    fn table(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Writes one JSON object on several lines; its schema is in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Writes a header and one line per row; unknown fields are empty.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()>;
}
