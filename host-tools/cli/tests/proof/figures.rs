//! Counts that gate: instructions and bytes, which are the same on every run.

use crate::board::{built, measure};

/// The kernel's part of an Image, in bytes, each width: what is zero at the start is not in it. Of it the evictor, the stores and
/// who reclaims have about 11,000 (RV32: 20,000), LZ4 and its store about 8,000, fork and exec
/// about 20,000, messages with pages about 15,000, calls that page, their statistics, histograms and words at the prompt about
/// 20,000 (RV32: 17,000), pressure and who waits for it 4,100, threads of a process on several harts 4,100.
const KERNEL_BYTES: [(&str, &str, u64); 2] = [
    ("riscv64gc-unknown-none-elf", "images/initrd.romfs", 383_000),
    (
        "riscv32imac-unknown-none-elf",
        "images/rv32/initrd.romfs",
        416_000,
    ),
];

#[test]
fn booting_and_faulting_stay_within_their_budgets() {
    for bits in [64, 32] {
        let found = measure(bits);
        for (what, count, limit) in found.rows() {
            assert!(count <= limit, "{what}: {count}, not {limit}: {found:?}");
        }
        assert_eq!(
            found.unrecorded, 0,
            "a record's cost is what the program felt"
        );
        assert_eq!(measure(bits), found, "counts are the same on every run");
    }
}

#[test]
fn no_image_carries_the_zeros_of_an_empty_kernel() {
    for (target, initrd, limit) in KERNEL_BYTES {
        let kernel = built(&format!("board-side/{target}/board/kernel"));
        let payload =
            pack::payload::build(&kernel, &built(initrd)).expect("what `just build` left");
        let bytes = payload.kernel_bytes;
        assert!(bytes <= limit, "{target}: {bytes}, not {limit}");
    }
}
