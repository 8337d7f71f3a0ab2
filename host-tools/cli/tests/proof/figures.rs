//! Counts that gate: instructions, which are the same on every run.

use crate::board::measure;

/// NuttX's best boot to its prompt takes 736,425 (PEERS: 12.5.0, Sv32, -Os).
const BOOT_LIMIT: u64 = 700_000;

/// NuttX takes 17,940 and Linux 14,274 for a demand-zero fault under Sv39; hand-written loops
/// that do less than this kernel take 43 and 589.
#[test]
fn booting_and_faulting_stay_within_their_budgets() {
    for bits in [64, 32] {
        let found = measure(bits);
        let [fast, zero, copied] = if bits == 64 {
            [90, 640, 1_550]
        } else {
            [96, 1_190, 2_600]
        };
        let cboz = if bits == 64 { 225 } else { 240 };
        for (what, count, limit) in [
            ("boot", found.boot, BOOT_LIMIT),
            ("fault.fast", found.fast, fast),
            ("fault.zero", found.zero, zero),
            ("fault.zero with cbo.zero", found.cboz, cboz),
            ("fault.general", found.general, 400),
            ("fault.image in place", found.in_place, 450),
            (
                "fault.image in place, with neighbours",
                found.in_place_around,
                450,
            ),
            ("fault.image copied", found.copied, copied),
            ("mmap.1gib", found.mmap, 2_000),
        ] {
            assert!(count <= limit, "{what}: {count}, not {limit}: {found:?}");
        }
        assert_eq!(
            found.unrecorded, 0,
            "a record's cost is what the program felt"
        );
        assert_eq!(measure(bits), found, "counts are the same on every run");
    }
}
