//! Two figures of the kernel, in instructions, exact and the same on every run.

use super::answers::{fault_log, number_after};
use super::qemu::Qemu;

/// Pages touched to measure a fault; enough that table pages are a few among them.
const PAGES: usize = 256;

/// What was measured on one hart with one instruction a nanosecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// From the kernel's first instruction to the prompt's first byte.
    pub boot: u64,
    /// The average demand-zero fault, page tables included, as the program feels it:
    /// instructions from leaving it to coming back.
    pub fault_zero: u64,
    /// The same as the fault records say it.
    pub fault_zero_recorded: u64,
}

/// Boots the built Image and measures; the machine is that of NuttX's figures.
#[track_caller]
pub fn measure() -> Figures {
    let mut board = Qemu::with_image().memory("128M").harts(1).counting().boot();
    let boot = number_after(&board.run("boot"), "prompt ");
    let said = board.run(&format!("touch_test {PAGES}"));
    // Around a store that does not fault the counter moves by two.
    let fault_zero = number_after(&said, " avg ") - 2;
    let (_, log) = fault_log(&board.run("faults"));
    let costs: Vec<u64> = log
        .iter()
        .rev()
        .filter(|fault| fault.outcome == "zeroed")
        .map(|fault| fault.cost)
        .take(PAGES)
        .collect();
    assert_eq!(costs.len(), PAGES, "every touch is a fault with a cost");
    let fault_zero_recorded = costs.iter().sum::<u64>() / PAGES as u64;
    Figures {
        boot,
        fault_zero,
        fault_zero_recorded,
    }
}
