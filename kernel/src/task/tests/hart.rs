//! A simulated hart as the whole kernel sees it: `mm`'s machine, and a clock that tests turn.

use std::cell::Cell;
use std::num::NonZeroUsize;

use pagetable::{Dialect, Mode, PhysAddr, VirtAddr};

use super::kernel::Wires;
use crate::harts::MAX_HARTS;
use crate::mm::tests::machine::TestMachine;
use crate::mm::{Machine, Space};
use crate::platform::{Pending, Platform};
use crate::task::Floats;

/// A machine of [`TestMachine`] with the rest of a platform, which counts what it is made to do.
pub struct Hart<M> {
    pub machine: M,
    pub now: u64,
    /// Ticks that go by with each entry of a table that is written.
    pub ticks_a_write: u64,
    /// What was done since an interrupt could get through last.
    work: Cell<Work>,
    /// The most that was done between two such moments.
    most: Cell<Work>,
    /// What [`Platform::is_interrupted`] says.
    pub pending: Pending,
    /// External interrupts are let in no more.
    pub masks_external: bool,
    /// What [`Platform::is_waited_for`] says.
    pub is_waited_for: bool,
    /// Fences of code that this hart made.
    pub code_fences: usize,
    /// Harts that have left their space and not come back, a bit for each index.
    pub have_left: u32,
    /// Other harts leave their space when they are asked to; for a test that shows what it is for.
    pub others_obey: bool,
}

/// What a hart was made to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Frames that were filled or copied.
    pub frames: u64,
    /// Table entries that were written.
    pub writes: u64,
    /// Table entries that were read.
    pub reads: u64,
}

impl Work {
    /// The larger of both, number by number.
    pub fn or(self, other: Work) -> Work {
        Work {
            frames: self.frames.max(other.frames),
            writes: self.writes.max(other.writes),
            reads: self.reads.max(other.reads),
        }
    }
}

impl<M> Hart<M> {
    pub fn new(machine: M, now: u64) -> Hart<M> {
        Hart {
            machine,
            now,
            ticks_a_write: 0,
            work: Cell::default(),
            most: Cell::default(),
            pending: Pending::default(),
            masks_external: false,
            is_waited_for: false,
            code_fences: 0,
            have_left: 0,
            others_obey: true,
        }
    }

    /// An interrupt can get through now.
    fn lets_through(&self) {
        self.most.set(self.most.get().or(self.work.take()));
    }

    fn did(&self, what: impl FnOnce(&mut Work)) {
        let mut work = self.work.get();
        what(&mut work);
        self.work.set(work);
    }

    /// The most that was done, since the last time, without a look at what interrupts.
    pub fn take_work(&mut self) -> Work {
        self.lets_through();
        self.most.take()
    }
}

impl<M: TestMachine> Machine for Hart<M> {
    const MODE: Mode = M::MODE;

    fn dialect(&self) -> Dialect {
        self.machine.dialect()
    }

    fn read_entry(&self, at: PhysAddr) -> u64 {
        self.did(|work| work.reads += 1);
        self.machine.read_entry(at)
    }

    fn write_entry(&mut self, at: PhysAddr, value: u64) {
        self.did(|work| work.writes += 1);
        self.now += self.ticks_a_write;
        self.machine.write_entry(at, value)
    }

    fn zero_frame(&mut self, frame: PhysAddr) {
        self.did(|work| work.frames += 1);
        self.machine.zero_frame(frame)
    }

    fn copy_frame(&mut self, from: PhysAddr, to: PhysAddr) {
        self.did(|work| work.frames += 1);
        self.machine.copy_frame(from, to)
    }

    fn phys_to_virt(&self, at: PhysAddr) -> usize {
        self.machine.phys_to_virt(at)
    }

    fn read_bytes(&self, at: PhysAddr, into: &mut [u8]) {
        self.machine.read_bytes(at, into)
    }

    fn write_bytes(&mut self, at: PhysAddr, from: &[u8]) {
        self.machine.write_bytes(at, from)
    }

    fn fence_page(&mut self, va: VirtAddr) {
        self.machine.fence_page(va)
    }

    fn fence_all(&mut self) {
        self.machine.fence_all()
    }

    fn fence_code(&mut self) {
        self.code_fences += 1;
        self.machine.fence_code()
    }
}

impl<M: TestMachine> Platform for Hart<M> {
    type Registers = Wires;

    fn ticks(&self) -> u64 {
        self.now
    }

    fn instructions_since(&self, _start: NonZeroUsize) -> usize {
        0
    }

    fn set_timer(&mut self, _at: u64) {}

    /// All spaces share one ASID.
    fn activate(&mut self, _space: &Space) {
        self.machine.fence_all()
    }

    fn leave_spaces(&mut self) {
        self.machine.fence_all()
    }

    fn save_floats(&mut self, _into: &mut Floats) {}

    fn load_floats(&mut self, _from: &Floats) {}

    fn mask_external(&mut self) {
        self.masks_external = true;
    }

    fn is_interrupted(&self) -> bool {
        self.lets_through();
        self.pending.timer || self.pending.external
    }

    fn wait(&mut self) -> Pending {
        assert!(
            self.is_interrupted(),
            "the hart sleeps, and nothing can wake it"
        );
        std::mem::take(&mut self.pending)
    }

    fn is_waited_for(&self) -> bool {
        self.is_waited_for
    }

    fn shoot_down(&mut self, harts: u32, _ids: &[usize]) {
        for index in (0..MAX_HARTS).filter(|index| self.others_obey && harts & 1 << index != 0) {
            self.machine.hart().forget_on(index);
        }
        self.have_left |= harts;
    }

    fn power_off(&mut self) {}
}
