//! A fault as received by the host: record, number and time.

use crate::Fault;

/// A fault from a frame, a line of text or an agent's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Sequence number since boot, from 0, if the sender has one: the ring's index for Pagewalk.
    pub seq: Option<u64>,
    /// Microseconds since boot, if the clock's frequency is known.
    pub time_us: Option<u64>,
    /// The record; fields that a text log lacks are as in [`Fault::EMPTY`].
    pub fault: Fault,
}
