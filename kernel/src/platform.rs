//! What the kernel asks of a hart beyond its MMU: time, interrupts, registers.

use core::num::NonZeroUsize;

use crate::drivers::Registers;
use crate::mm::{Machine, Space};
use crate::task::Floats;

/// The interrupts that wait for this hart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// The timer that `set_timer` programmed has fired.
    pub timer: bool,
    /// The PLIC holds an interrupt for this hart.
    pub external: bool,
}

/// A hart and the firmware under it.
pub trait Platform: Machine + 'static {
    /// How this machine reaches device registers.
    type Registers: Registers + 'static;

    /// Ticks of the board's timebase since reset.
    fn ticks(&self) -> u64;
    /// Instructions this hart has retired since `start`, a count that it gave itself: not every hart
    /// can be asked.
    fn instructions_since(&self, start: NonZeroUsize) -> usize;
    /// Instructions this hart has retired since reset. Only to be asked where boot could read the count.
    fn instructions_retired(&self) -> u64 {
        0
    }
    /// Acquisitions of the kernel's lock by all harts since boot; wraps.
    fn lock_taken(&self) -> u32 {
        0
    }
    /// Asks for a timer interrupt at `at` ticks; `u64::MAX` for none. A pending one is taken back.
    fn set_timer(&mut self, at: u64);
    /// Writes the space's root to `satp` and fences what the hart may hold of the last one.
    fn activate(&mut self, space: &Space);
    /// Activates the kernel's own tables, so that a space can be destroyed.
    fn leave_spaces(&mut self);
    /// Saves `f0` to `f31` and `fcsr`.
    fn save_floats(&mut self, into: &mut Floats);
    /// Loads `f0` to `f31` and `fcsr`.
    fn load_floats(&mut self, from: &Floats);
    /// Lets no external interrupt in any more.
    fn mask_external(&mut self);
    /// True if an enabled interrupt is pending: long work stops between two pieces.
    fn is_interrupted(&self) -> bool;
    /// Sleeps until an interrupt is pending and says which.
    fn wait(&mut self) -> Pending;
    /// Does another hart wait for the kernel's lock?
    fn is_waited_for(&self) -> bool {
        false
    }
    /// TLB shootdown: has other harts leave the space that each has active, a bit for each index; returns when all have. They are in
    /// the kernel from then on, and come back to a program when they have had its lock. `ids` are the SBI's numbers.
    fn shoot_down(&mut self, _harts: u32, _ids: &[usize]) {}
    /// How many debug triggers can stop a program at an instruction.
    fn triggers(&mut self) -> usize {
        0
    }
    /// Has a program trap as by a breakpoint when it comes to `at`; the trigger's number, `None` where there is
    /// none left.
    fn arm_trigger(&mut self, _at: usize) -> Option<u8> {
        None
    }
    /// Clears a trigger that `arm_trigger` returned.
    fn disarm_trigger(&mut self, _trigger: u8) {}
    /// Switches the machine off; returns where that cannot be done.
    fn power_off(&mut self);
}
