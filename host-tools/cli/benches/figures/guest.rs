//! What the kernel counts of itself in QEMU, where one instruction is one nanosecond: the same on every run.

#[path = "../../tests/board/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the harness of the tests; figures need little of it"
)]
pub mod board;

use crate::row::{Better, Peer, Row};

/// Boot to the prompt's first byte, and one demand-zero fault, on RV64.
pub fn rv64() -> Vec<Row> {
    let figures = board::measure();
    vec![
        Row {
            name: "boot.rv64",
            value: figures.boot as f64,
            unit: "instructions",
            better: Better::Lower,
            limit: Some(700_000.0),
            peer: recorded("NuttX 12.5.0 Sv32, recorded", 736_425.0),
        },
        Row {
            name: "fault.zero.rv64",
            value: figures.fault_zero as f64,
            unit: "instructions",
            better: Better::Lower,
            limit: Some(1_200.0),
            peer: recorded("Linux 6.12, recorded", 14_274.0),
        },
    ]
}

/// A peer that takes hours to build, measured once on the same QEMU in the same way.
pub fn recorded(name: &str, value: f64) -> Option<Peer> {
    Some(Peer {
        name: name.to_owned(),
        value,
    })
}
