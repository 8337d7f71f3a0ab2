//! Debug probes, and what a hart behind one reports.

pub mod bytes;
pub mod left;
pub mod list;
pub mod registers;
pub mod wired;
