//! Turns `boards/*.toml` into the kernel's table, and names the linker script.

use std::fmt::Write as _;
use std::{env, fs, path::Path};

fn main() {
    let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo::rustc-link-arg-bins=-T{folder}/link.ld");
        println!("cargo::rustc-link-arg-bins=-zmax-page-size=4096");
        // The same as `Places::link` in `src/mm/bootmap.rs`.
        let base = if xlen() == 32 {
            "0xbe000000"
        } else {
            "0xffffffff80000000"
        };
        println!("cargo::rustc-link-arg-bins=--defsym=link_base={base}");
    }
    println!("cargo::rerun-if-changed=link.ld");
    println!("cargo::rerun-if-changed=build.rs");

    // A kernel of 32 bits runs on boards of 32 bits; the host tests the other table.
    let xlen = xlen();
    let mut table = String::from(
        "/// Every board of this kernel's XLEN.\npub static BOARDS: &[BuiltinBoard] = &[\n",
    );
    for board in boards::all().into_iter().filter(|board| board.xlen == xlen) {
        row(&mut table, &board);
    }
    table.push_str("];\n");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("boards.rs"), table).expect("OUT_DIR can be written");
    fs::write(Path::new(&out).join("consoles.S"), consoles(xlen)).expect("OUT_DIR can be written");
}

/// The boards' consoles for `arch/refuse.S`, which runs before Rust can: a row for each word by which
/// a tree names a board.
///
/// ```text
///  0      8         9      10     11     12      13     16
///  | base | letters | size | shift | words | T-Head | BL808 | the word, with its zero; to a multiple of 8
/// ```
fn consoles(xlen: u32) -> String {
    let mut rows = String::from("    .section .head, \"ax\"\n    .balign 8\nconsoles:\n");
    let boards = boards::all();
    for board in boards.iter().filter(|board| board.xlen == xlen) {
        for word in &board.compatible {
            let letters = word.len() + 1;
            writeln!(
                rows,
                "    .dword {:#x}\n    .byte {letters}, {}, {}, {}, {}, {}, 0, 0\n    .asciz \"{word}\"\n    .balign 8",
                board.uart.base,
                16 + letters.next_multiple_of(8),
                board.uart.reg_shift,
                u8::from(board.uart.reg_bytes == 4),
                u8::from(board.dialect == boards::DialectName::Thead),
                u8::from(board.uart.kind == boards::UartKind::Bl808),
            )
            .expect("a String takes all");
        }
    }
    rows.push_str("    .dword 0, 0\n");
    rows
}

fn xlen() -> u32 {
    if env::var("CARGO_CFG_TARGET_POINTER_WIDTH").as_deref() == Ok("32") {
        32
    } else {
        64
    }
}

fn row(table: &mut String, board: &boards::Board) {
    let kind = match board.uart.kind {
        boards::UartKind::Ns16550 => "Ns16550",
        boards::UartKind::Bl808 => "Bl808",
    };
    let layout = match board.user_layout {
        boards::UserLayout::Low => "low",
        boards::UserLayout::Ox64 => "ox64",
    };
    let devices = board.device.iter().map(|device| {
        format!(
            "MappableDevice {{ name: {:?}, base: {:#x}, bytes: {:#x} }}",
            device.name, device.base, device.size
        )
    });
    let devices: Vec<_> = devices.collect();
    writeln!(
        table,
        "    BuiltinBoard {{ name: {:?}, title: {:?}, compatible: &{:?}, uart: UartDriver::{kind}, uart_base: {:#x}, \
         uart_shift: {}, uart_words: {}, uart_irq: {}, plic_base: {:#x}, plic_context: {}, timebase_hz: {}, layout: {layout:?}, devices: &[{}] }},",
        board.name,
        board.title,
        board.compatible,
        board.uart.base,
        board.uart.reg_shift,
        board.uart.reg_bytes == 4,
        board.uart.irq,
        board.plic.base,
        board.plic.s_context,
        board.timebase_hz,
        devices.join(", "),
    )
    .expect("a String takes all");
}
