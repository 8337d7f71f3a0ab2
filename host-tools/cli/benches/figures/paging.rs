//! What a page costs that goes to the backing store and comes back, as a program on the board feels it.

use serde_json::Value;

use crate::guest::board::{Board, Qemu, number_after};
use crate::row::FigureRow;

/// Rows of [`rv64`].
pub const RV64: &[&str] = &[
    "store.rom.out.rv64",
    "store.rom.in.rv64",
    "store.ram.out.rv64",
    "store.ram.in.rv64",
    "store.zip.out.rv64",
    "store.zip.in.rv64",
    "store.zip.zeros.rv64",
    "evict.select.rv64",
    "evict.select.most.rv64",
];

/// Rows of [`rv32`].
pub const RV32: &[&str] = &[
    "store.rom.out.rv32",
    "store.rom.in.rv32",
    "store.ram.out.rv32",
    "store.ram.in.rv32",
    "store.zip.out.rv32",
    "store.zip.in.rv32",
    "store.zip.zeros.rv32",
    "evict.select.rv32",
    "evict.select.most.rv32",
];

/// What each row must not pass, in the order of the names.
const LIMITS_64: [f64; 9] = [
    1_350.0, 1_550.0, 2_400.0, 2_050.0, 172_000.0, 88_500.0, 6_900.0, 570.0, 10_000.0,
];
const LIMITS_32: [f64; 9] = [
    1_360.0, 2_640.0, 3_500.0, 3_100.0, 158_000.0, 99_000.0, 11_700.0, 700.0, 11_400.0,
];

/// Sv39.
pub fn rv64() -> Vec<FigureRow> {
    of(64, RV64)
}

/// Sv32.
pub fn rv32() -> Vec<FigureRow> {
    of(32, RV32)
}

/// In the order of the names, each with its limit on that width.
fn of(bits: u32, names: &[&'static str]) -> Vec<FigureRow> {
    let costs = |store: &str| machine(bits, &format!("store={store}")).run("paging_test cost");
    let cost = |said: &str, kind: &str| {
        let line = said.lines().find(|line| line.contains(kind));
        let line = line.unwrap_or_else(|| panic!("{said}"));
        [number_after(line, " out "), number_after(line, " in ")]
    };
    let file = cost(&costs("rom"), "file");
    let ram = cost(&costs("ram:4M"), "noise");
    let compressed = costs("zip:4M");
    let zip = cost(&compressed, "text");
    let zeros = cost(&compressed, "zeros");
    let (average, most) = select(bits);
    let values = [
        file[0], file[1], ram[0], ram[1], zip[0], zip[1], zeros[0], average, most,
    ];
    let limits = if bits == 64 { LIMITS_64 } else { LIMITS_32 };
    let rows = names.iter().zip(values).zip(limits);
    rows.map(|((name, value), limit)| FigureRow::count(name, value as f64, "instructions", limit))
        .collect()
}

fn machine(bits: u32, append: &str) -> Board {
    let machine = match bits {
        32 => Qemu::with_image_of_32_bits(),
        _ => Qemu::with_image(),
    };
    machine.append(append).counting().boot()
}

/// The choice of a page while a program writes to four times the pool: on average, and at most.
fn select(bits: u32) -> (u64, u64) {
    let mut board = machine(bits, "pool=1M store=ram:10M");
    board.run("alloc_test 4096 1024");
    let said = board.run("hist json");
    let line = said.lines().find(|line| line.contains("\"select\""));
    let found: Value =
        serde_json::from_str(line.unwrap_or_else(|| panic!("{said}"))).expect("JSON");
    let value = |key: &str| found[key].as_u64().expect("a number");
    (value("total") / value("times").max(1), value("most"))
}
