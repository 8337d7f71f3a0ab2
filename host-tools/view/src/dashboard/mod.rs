//! What a dashboard asks of a session: a span in numbers, rows of faults, one fault explained.
//!
//! Every answer is JSON with a schema of its own. A page knows nothing that these do not say.

mod fault;
mod groups;
mod rows;
mod span;

pub use fault::FaultDetail;
pub use groups::{GroupName, name as group_name};
pub use rows::{FoldedRow, RowOrder, RowsRequest};
pub use span::{SpanRequest, region_names};

/// The names of instructions and the lines of their source, where programs are known.
pub struct Sources<'a> {
    /// `function+0x10` of an address.
    pub names: crate::faults::Names<'a>,
    /// `file:line` of an address.
    pub lines: crate::faults::Names<'a>,
}

impl Sources<'_> {
    /// No program is known.
    pub const NONE: Sources<'static> = Sources {
        names: &|_| None,
        lines: &|_| None,
    };
}
