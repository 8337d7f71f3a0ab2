//! Machines at simulated JTAG ports, their memory a fixture's.

use std::path::Path;

use link::memory::open_core;
use link::probe::sim::{Profile, SharedTap, SimulatedHart, csr, lock, machine, serve};

/// A fixture: its core in `captures/`, and what `satp` was.
pub struct Fixture {
    pub core: &'static str,
    pub satp: u64,
}

/// Linux of 64 bits and NuttX of 32.
pub const FIXTURES: [Fixture; 2] = [
    Fixture {
        core: "linux-sv39/pagetables.core",
        satp: 0x8003_3000_0008_30ca,
    },
    Fixture {
        core: "nuttx-sv32/pagetables.core",
        satp: 0x8008_0a1f,
    },
];

/// A machine with this module that runs on a fixture's tables, and the name of its probe.
pub fn start(profile: Profile, fixture: &Fixture) -> (SharedTap, String) {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let core = open_core(&captures.join(fixture.core)).expect("a core");
    let tap = machine(profile.with_xlen(core.xlen), fixture.satp, core.memory);
    let address = serve(tap.clone()).expect("a socket");
    (tap, format!("bitbang://{address}"))
}

/// The hart, but for what is no state of its own. Halting leaves its mark in dcsr.cause, and nowhere else.
pub fn hart(tap: &SharedTap) -> SimulatedHart {
    let mut hart = lock(tap).module.harts[0].clone();
    if let Some(dcsr) = hart.csr.get_mut(&csr::DCSR) {
        *dcsr &= !(7 << 6);
    }
    hart.has_resumed = false;
    hart
}
