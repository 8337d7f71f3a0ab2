//! One fault as it reaches the host: its record, its number and its time.

use crate::Fault;

/// One fault out of a frame, a line of text or an agent's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its number since boot, from 0, where the sender counts: the ring's index on a board of ours.
    pub seq: Option<u64>,
    /// Microseconds since boot, where the clock's rate is known.
    pub time_us: Option<u64>,
    /// The record; fields that a text log does not have are as in [`Fault::EMPTY`].
    pub fault: Fault,
}
