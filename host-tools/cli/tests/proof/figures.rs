//! Counts that gate: instructions, which are the same on every run.

use crate::board::measure;

/// NuttX's best boot to its prompt takes 736,425 (PEERS: 12.5.0, Sv32, -Os).
const BOOT_LIMIT: u64 = 700_000;
/// NuttX takes 17,940 and Linux 14,274 for a demand-zero fault under Sv39.
const FAULT_ZERO_LIMIT: u64 = 1_200;

#[test]
fn booting_and_faulting_stay_within_their_budgets() {
    let figures = measure();
    assert!(figures.boot <= BOOT_LIMIT, "{figures:?}");
    assert!(figures.fault_zero <= FAULT_ZERO_LIMIT, "{figures:?}");
    // The record tells what the program felt: off by the instructions outside its view.
    let difference = figures.fault_zero.abs_diff(figures.fault_zero_recorded);
    assert!(
        difference <= 8,
        "the records' cost is not the programs': {figures:?}"
    );
    assert_eq!(measure(), figures, "counts are the same on every run");
}
