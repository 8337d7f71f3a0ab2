//! Places in the task table, and sets of them: a bit for each, so that who is ready is found without a look at 64 tasks.

/// Tasks that can exist at once, those that have exited and were not waited for included.
pub const MAX_TASKS: usize = 64;
// Slots are masked with it, which spares a comparison on the way of every fault.
const _: () = assert!(MAX_TASKS.is_power_of_two());

/// A slot of the table. It stays the same task's until it is reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(super) usize);

impl Slot {
    /// The first slot.
    pub const FIRST: Slot = Slot(0);

    /// Below [`MAX_TASKS`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// Slots of the table, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotSet(u64);
const _: () = assert!(MAX_TASKS == u64::BITS as usize);

impl SlotSet {
    pub(super) const NONE: SlotSet = SlotSet(0);

    pub(super) fn set(&mut self, slot: Slot, is_in: bool) {
        let bit = 1 << slot.0;
        self.0 = self.0 & !bit | if is_in { bit } else { 0 };
    }

    pub(super) fn first(self) -> Option<Slot> {
        (self.0 != 0).then(|| Slot(self.0.trailing_zeros() as usize))
    }

    /// The slots behind one.
    pub(super) fn after(self, slot: Slot) -> SlotSet {
        SlotSet(self.0 & (u64::MAX << slot.0 << 1))
    }
}

impl Iterator for SlotSet {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let first = self.first()?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

impl SlotSet {
    /// The slots that are not in it.
    pub(super) fn others(self) -> SlotSet {
        SlotSet(!self.0)
    }
}
