//! Why a page does not go to its store, or does not come back.

/// No slot is left, or no room in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFull;

/// What the store has is not what was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Why a page cannot be entered that was waited for. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageInFailed {
    /// No frame is free for it, or for the table that it needs.
    NoFrame,
    /// The backing store has something else than what was written to it.
    Corrupt,
}
