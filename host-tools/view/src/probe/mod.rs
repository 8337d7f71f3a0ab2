//! What is at a probe, and what a hart behind it tells.

pub mod bytes;
pub mod left;
pub mod list;
pub mod registers;
pub mod wired;
