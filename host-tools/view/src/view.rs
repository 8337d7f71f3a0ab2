//! What every model can be written as.

use std::io::{self, Write};

/// A model in each form that a command writes.
///
/// A view opens no file and decides nothing: all that it says stands in the model.
pub trait View {
    /// Columns for people.
    fn table(&self, out: &mut dyn Write) -> io::Result<()>;

    /// One object on several lines, of a schema in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;

    /// A heading, then a line for each row; what is not known is empty.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()>;
}
