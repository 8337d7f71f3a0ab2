//! Who waits until memory is short.

use super::slot::Slot;
use crate::fault::PressureTrigger;

/// Threads that can wait for pressure at once.
pub const WATCHES: usize = 8;

/// Who waits for pressure. A row belongs to its thread as long as that waits with it: nothing is to be taken back when a
/// thread ends, or its time is over.
#[derive(Clone, Copy, Debug)]
pub struct PressureWatches {
    pub(super) rows: [Option<(Slot, PressureTrigger)>; WATCHES],
    /// Any row may belong to a thread.
    pub(super) are_there: bool,
}

impl PressureWatches {
    /// No thread waits.
    pub const NONE: PressureWatches = PressureWatches {
        rows: [None; WATCHES],
        are_there: false,
    };
}
