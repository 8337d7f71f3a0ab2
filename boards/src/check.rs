//! Checks that the types of a board file cannot express: values that must agree with each other.
//!
//! Each rule names the key it rejects, so that the message can point at its line.

use std::ops::Range;

use toml::de::DeTable;

use crate::{Board, DialectName, FileError, Paging, UartKind, UserLayout};

/// A key, as `section.key`, and the message about its value.
type Wrong = (&'static str, String);

/// Checks `board` against every rule; `text` is the content of `file`, for the line number of an error.
pub(crate) fn check(board: &Board, file: &str, text: &str) -> Result<(), FileError> {
    rules(board).map_err(|(key, what)| {
        FileError::at(file, text, place(text, key), format!("{key} is {what}"))
    })
}

fn rules(board: &Board) -> Result<(), Wrong> {
    words(board)?;
    paging(board)?;
    devices(board)?;
    jtag(board)?;
    mapped(board)?;
    memory(board)
}

fn words(board: &Board) -> Result<(), Wrong> {
    ensure(!board.title.trim().is_empty(), "title", || {
        "empty; it is what people call the board".into()
    })?;
    ensure(!board.compatible.is_empty(), "compatible", || {
        "empty; the first one picks the board".into()
    })?;
    // Devicetree spec, §2.3.1: manufacturer,model. QEMU's own has no comma.
    let plain =
        |word: &String| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    match board.compatible.iter().find(|word| !plain(word)) {
        Some(word) => Err((
            "compatible",
            format!("`{word}`; it can hold printable characters without blanks"),
        )),
        None => Ok(()),
    }
}

fn paging(board: &Board) -> Result<(), Wrong> {
    let modes = match board.xlen {
        32 => &[Paging::Sv32][..],
        64 => &[Paging::Sv39, Paging::Sv48, Paging::Sv57][..],
        other => return Err(("xlen", format!("{other}; it can be 32, 64"))),
    };
    ensure(modes.contains(&board.paging), "paging", || {
        format!(
            "{}; with xlen = {} it can be {}",
            word(board.paging),
            board.xlen,
            list(modes)
        )
    })?;
    ensure(
        board.xlen == 64 || board.dialect == DialectName::None,
        "dialect",
        || {
            format!(
                "{}; with xlen = 32 it can be none: an Sv32 entry has no bits for it",
                word(board.dialect)
            )
        },
    )?;
    ensure(
        board.user_layout != UserLayout::Ox64 || board.xlen == 64,
        "user_layout",
        || "ox64; with xlen = 32 it can be low: the other lies where the kernel is".into(),
    )
}

fn devices(board: &Board) -> Result<(), Wrong> {
    let (uart, plic) = (&board.uart, &board.plic);
    ensure(board.timebase_hz != 0, "timebase_hz", || {
        "0; a clock ticks".into()
    })?;
    ensure(
        uart.baud != 0 && uart.clock_hz / uart.baud.max(1) != 0,
        "uart.baud",
        || {
            format!(
                "{}; it can be 1 to uart.clock_hz, which is {}",
                uart.baud, uart.clock_hz
            )
        },
    )?;
    ensure(
        [1, 2, 4].contains(&uart.reg_bytes),
        "uart.reg_bytes",
        || format!("{}; it can be 1, 2, 4", uart.reg_bytes),
    )?;
    let shifts = if uart.kind == UartKind::Ns16550 {
        0..=3
    } else {
        0..=0
    };
    ensure(shifts.contains(&uart.reg_shift), "uart.reg_shift", || {
        format!(
            "{}; with kind = \"{}\" it can be {} to {}",
            uart.reg_shift,
            word(uart.kind),
            shifts.start(),
            shifts.end()
        )
    })?;
    // Privileged PLIC spec, §1: sources 1 to 1023, contexts 0 to 15871.
    ensure((1..1024).contains(&plic.sources), "plic.sources", || {
        format!("{}; it can be 1 to 1023", plic.sources)
    })?;
    ensure(plic.s_context < 15872, "plic.s_context", || {
        format!("{}; it can be 0 to 15871", plic.s_context)
    })?;
    ensure((1..=plic.sources).contains(&uart.irq), "uart.irq", || {
        format!(
            "{}; it can be 1 to plic.sources, which is {}",
            uart.irq, plic.sources
        )
    })
}

fn jtag(board: &Board) -> Result<(), Wrong> {
    let Some(jtag) = &board.jtag else {
        return Ok(());
    };
    // IEEE 1149.1, §12.1.1: the lowest bit is 1 in an IDCODE and 0 in a bypass register.
    ensure(jtag.idcode & 1 == 1, "jtag.idcode", || {
        format!("{:#x}; its lowest bit can be 1", jtag.idcode)
    })?;
    let bits = &jtag.ir_bits;
    let fits = (1..=8).contains(&bits.len()) && bits.iter().all(|bits| (2..=32).contains(bits));
    ensure(fits, "jtag.ir_bits", || {
        format!("{bits:?}; it can be 1 to 8 numbers from 2 to 32")
    })
}

/// Ranges that programs may map must be whole pages and must not overlap the kernel's own devices.
fn mapped(board: &Board) -> Result<(), Wrong> {
    const PAGE: u64 = 4096;
    // A PLIC's context registers end at 64 MiB; Privileged PLIC spec, §3.
    let own = [
        ("ram", board.ram.base, board.ram.size),
        ("uart", board.uart.base / PAGE * PAGE, PAGE),
        ("plic", board.plic.base, 64 << 20),
    ];
    for device in &board.device {
        let (base, size) = (device.base, device.size);
        ensure(base % PAGE == 0, "device.base", || {
            format!("{base:#x}; it can be a multiple of 0x1000")
        })?;
        let end = base
            .checked_add(size)
            .filter(|_| size > 0 && size % PAGE == 0);
        let end = end.ok_or_else(|| {
            let what = format!("{size:#x}; it can be a multiple of 0x1000, and end at 2^64");
            ("device.size", what)
        })?;
        for (name, from, bytes) in own {
            ensure(
                end <= from || from.saturating_add(bytes) <= base,
                "device.base",
                || format!("{base:#x}; it can be where {name} is not: that is the kernel's"),
            )?;
        }
    }
    Ok(())
}

fn memory(board: &Board) -> Result<(), Wrong> {
    let (ram, boot) = (&board.ram, &board.boot);
    // The largest leaf below the top level: the kernel maps RAM with leaves of this size.
    let leaf: u64 = if board.xlen == 32 { 4 << 20 } else { 2 << 20 };
    ensure(ram.base % leaf == 0, "ram.base", || {
        format!("{:#x}; it can be a multiple of {leaf:#x}", ram.base)
    })?;
    let end = ram
        .base
        .checked_add(ram.size)
        .filter(|_| ram.size >= 2 * leaf && ram.size % 4096 == 0);
    let Some(end) = end else {
        return Err((
            "ram.size",
            format!(
                "{:#x}; it can be a multiple of 0x1000 from {:#x} up",
                ram.size,
                2 * leaf
            ),
        ));
    };
    ensure(boot.text_offset == leaf, "boot.text_offset", || {
        format!(
            "{:#x}; with xlen = {} it can be {leaf:#x}",
            boot.text_offset, board.xlen
        )
    })?;
    // A boot loader that has placed the Image elsewhere moves it here, and may leave its tail behind.
    ensure(
        boot.load_address == ram.base + boot.text_offset,
        "boot.load_address",
        || {
            let right = ram.base + boot.text_offset;
            format!(
                "{:#x}; it can be {right:#x}, which is ram.base + boot.text_offset",
                boot.load_address
            )
        },
    )?;
    let above = |address: u64| (boot.load_address..end).contains(&address);
    let limit = match boot.dtb_address {
        Some(dtb) if dtb % 8 == 0 && above(dtb) => dtb,
        Some(dtb) => {
            let what = format!(
                "{dtb:#x}; it can be a multiple of 8 from {:#x} to {end:#x}",
                boot.load_address
            );
            return Err(("boot.dtb_address", what));
        }
        None => end,
    };
    let room = limit - boot.load_address;
    ensure(
        (1..=room).contains(&boot.max_image_bytes),
        "boot.max_image_bytes",
        || {
            format!(
                "{:#x}; it can be 0x1 to {room:#x}, what lies between load_address and {limit:#x}",
                boot.max_image_bytes
            )
        },
    )
}

fn ensure(right: bool, key: &'static str, what: impl FnOnce() -> String) -> Result<(), Wrong> {
    if right { Ok(()) } else { Err((key, what())) }
}

/// The spelling of a variant in a board file: its name in lower case.
#[must_use]
pub fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn list(values: &[Paging]) -> String {
    values.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The bytes of `text` that hold the value of `key`; empty, at 0, where the key is not written.
fn place(text: &str, key: &str) -> Range<usize> {
    let Ok(table) = DeTable::parse(text) else {
        return 0..0;
    };
    let mut words = key.split('.');
    let Some(mut value) = words.next().and_then(|first| table.get_ref().get(first)) else {
        return 0..0;
    };
    for word in words {
        match value.get_ref().get(word) {
            Some(inner) => value = inner,
            None => return value.span(),
        }
    }
    value.span()
}
