//! What the kernel counts of itself in QEMU, where one instruction is one nanosecond: the same on every run.

#[path = "../../tests/board/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the harness of the tests; figures need little of it"
)]
pub mod board;

use crate::linux::linux;
use crate::row::{FigureRow, PeerFigure};

/// Rows of [`rv32`], in the order of [`board::Figures::rows`].
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
    "mmap.touch.rv32",
    "spawn.wait.rv32",
    "yield.rv32",
    "call.null.rv32",
    "switch.process.rv32",
    "switch.process.floats.rv32",
    "thread.create_join.rv32",
    "wake.address.rv32",
    "ipc.scalar.rv32",
    "ipc.lend.rv32",
    "handler.rv32",
    "fork.page.rv32",
    "cow.rv32",
    "cow.last.rv32",
];

/// Rows of [`rv64`], in the order of [`board::Figures::rows`].
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
    "mmap.touch.rv64",
    "spawn.wait.rv64",
    "yield.rv64",
    "call.null.rv64",
    "switch.process.rv64",
    "switch.process.floats.rv64",
    "thread.create_join.rv64",
    "wake.address.rv64",
    "ipc.scalar.rv64",
    "ipc.lend.rv64",
    "handler.rv64",
    "fork.page.rv64",
    "cow.rv64",
    "cow.last.rv64",
];

/// When and where peers were measured that take hours to build.
const NUTTX_SV39: &str = "NuttX master Sv39 -Os, recorded 2026-11-21, QEMU virt";
const NUTTX_SV32: &str = "NuttX 12.5.0 Sv32 -Os, recorded 2026-11-21, QEMU virt";
const PIPE: &str = "Linux 6.1, a byte through two pipes and back, recorded 2026-11-21, QEMU virt";
const LINUX_SIGNAL: &str =
    "Linux RV64, SIGSEGV handled and skipped, recorded 2026-11-21, QEMU virt";
const LINUX_COW: &str = "Linux RV64, a page copied after fork, recorded 2026-11-21, QEMU virt";
const BARE: &str = "loop that only enters a page, recorded 2026-11-21, QEMU virt";

/// Boot to the prompt's first byte, faults and calls of one width, each beside its like.
fn of(bits: u32, names: &'static [&'static str]) -> Vec<FigureRow> {
    let found = board::measure(bits);
    let peer = |what: &str| match (what, bits) {
        // Its prompt, without the programs that it unpacks.
        ("boot", 64) => recorded(NUTTX_SV39, 1_317_993.0),
        ("boot", _) => recorded(NUTTX_SV32, 736_425.0),
        ("fault.fast", _) => recorded(BARE, 43.0),
        ("fault.zero", 64) => linux("zero", false, "a page zeroed, no zicboz"),
        ("fault.zero", _) => recorded(NUTTX_SV32, 5_645.0),
        // All of a fault but the zeroing: NuttX's without its memset, Linux's that maps its page of zeros.
        ("fault.general", 64) => linux("read", true, "its zero page mapped"),
        ("fault.general", _) => recorded(&format!("{NUTTX_SV32}, without its memset"), 492.0),
        // There is no 32-bit Linux to measure: these stand beside the one of 64.
        ("fault.zero.cboz", _) => linux("zero", true, "a page zeroed"),
        ("fault.image.in_place", _) => linux("file.in_place", true, "a page, of 16 to a fault"),
        ("fault.image.around", _) => {
            let page = linux("file.in_place", true, "16 pages");
            page.map(|page| PeerFigure {
                value: 16.0 * page.value,
                ..page
            })
        }
        ("fault.image.copied", _) => linux("file.copied", true, "a page copied"),
        ("mmap", _) => linux("mmap.1gib", true, "1 GiB, and unmapped"),
        ("mmap.touch", _) => linux("mmap.touch", true, "the same"),
        ("spawn.wait", _) => linux("fork.wait", true, "fork, exit, wait; no program"),
        ("yield", _) => linux("yield", true, "sched_yield alone"),
        ("ipc.scalar" | "ipc.lend", _) => recorded(PIPE, 13_677.0),
        ("handler", _) => recorded(LINUX_SIGNAL, 4_426.0),
        ("fork.page", _) => linux(
            "fork.wait",
            true,
            "fork, exit, wait; a process of few pages",
        ),
        // There is no row of it in the run: Linux' fork shares tables' contents as ours does.
        ("cow", _) => recorded(LINUX_COW, 5_107.0),
        ("call.null", _) => linux("getpid", true, "getpid"),
        _ => None,
    };
    let rows = names.iter().copied().zip(found.rows());
    rows.map(|(name, (what, value, limit))| {
        debug_assert!(name.starts_with(what), "{name} is not {what}");
        FigureRow {
            peer: peer(what),
            ..FigureRow::count(name, value as f64, "instructions", limit as f64)
        }
    })
    .collect()
}

/// Sv39.
pub fn rv64() -> Vec<FigureRow> {
    of(64, RV64)
}

/// Sv32; `mmap` of 512 MiB.
pub fn rv32() -> Vec<FigureRow> {
    of(32, RV32)
}

/// What the kernel adds to an Image; beside one that does far less, and loads nothing lazily.
pub fn kernel_bytes() -> Vec<FigureRow> {
    let kernel = board::built("board-side/riscv64gc-unknown-none-elf/board/kernel");
    let initrd = board::built("images/initrd.romfs");
    let payload = pack::payload::build(&kernel, &initrd).expect("what `just build` left");
    vec![FigureRow {
        peer: recorded(NUTTX_SV39, 149_147.0),
        ..FigureRow::count(
            "image.kernel_bytes",
            payload.kernel_bytes as f64,
            "bytes",
            379_000.0,
        )
    }]
}

/// A peer by its name and what it takes: measured in this run, or once, as the name says.
pub fn recorded(name: &str, value: f64) -> Option<PeerFigure> {
    Some(PeerFigure {
        name: name.to_owned(),
        value,
    })
}
