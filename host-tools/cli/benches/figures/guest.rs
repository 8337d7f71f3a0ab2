//! What the kernel counts of itself in QEMU, where one instruction is one nanosecond: the same on every run.

#[path = "../../tests/board/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the harness of the tests; figures need little of it"
)]
pub mod board;

use crate::row::{Better, FigureRow, PeerFigure};

/// Rows of [`rv32`].
pub const RV32: &[&str] = &[
    "boot.rv32",
    "fault.fast.rv32",
    "fault.zero.rv32",
    "fault.zero.cboz.rv32",
    "fault.general.rv32",
    "fault.image.in_place.rv32",
    "fault.image.around.rv32",
    "fault.image.copied.rv32",
    "mmap.512mib.rv32",
];

/// Rows of [`rv64`].
pub const RV64: &[&str] = &[
    "boot.rv64",
    "fault.fast.rv64",
    "fault.zero.rv64",
    "fault.zero.cboz.rv64",
    "fault.general.rv64",
    "fault.image.in_place.rv64",
    "fault.image.around.rv64",
    "fault.image.copied.rv64",
    "mmap.1gib.rv64",
];

/// Boot to the prompt's first byte, and the faults of one width.
fn of(bits: u32, names: &'static [&'static str], limits: [f64; 9]) -> Vec<FigureRow> {
    let found = board::measure(bits);
    let nuttx = || recorded("NuttX 12.5.0 Sv32, recorded", 736_425.0);
    let linux = || recorded("Linux 6.12, recorded", 14_274.0);
    // Hand-written loops that only enter a page: the least that a fault can take.
    let least = |ready: bool| match (bits, ready) {
        (_, true) => recorded("bare loop, recorded", 43.0),
        (64, false) => recorded("bare loop, recorded", 589.0),
        (_, false) => recorded("bare loop, recorded", 1_133.0),
    };
    let values = [
        (found.boot, nuttx()),
        (found.fast, least(true)),
        (found.zero, least(false)),
        (found.cboz, least(false)),
        (found.general, linux()),
        (found.in_place, linux()),
        (found.in_place_around, linux()),
        (found.copied, linux()),
        (found.mmap, None),
    ];
    let rows = names.iter().copied().zip(limits).zip(values);
    rows.map(|((name, limit), (value, peer))| FigureRow {
        name,
        value: value as f64,
        unit: "instructions",
        better: Better::Lower,
        limit: Some(limit),
        peer,
    })
    .collect()
}

/// Sv39.
pub fn rv64() -> Vec<FigureRow> {
    let limits = [
        700_000.0, 90.0, 640.0, 225.0, 400.0, 450.0, 450.0, 1_550.0, 2_000.0,
    ];
    of(64, RV64, limits)
}

/// Sv32; `mmap` of 512 MiB.
pub fn rv32() -> Vec<FigureRow> {
    let limits = [
        700_000.0, 96.0, 1_190.0, 240.0, 400.0, 450.0, 450.0, 2_600.0, 2_000.0,
    ];
    of(32, RV32, limits)
}

/// A peer that takes hours to build, measured once on the same QEMU in the same way.
pub fn recorded(name: &str, value: f64) -> Option<PeerFigure> {
    Some(PeerFigure {
        name: name.to_owned(),
        value,
    })
}
