//! Zephyr: a fatal error, each line behind a log prefix.
//!
//! ```text
//! [00:00:05.537,246] <err> os:  mcause: 4, Load address misaligned
//! [00:00:05.537,259] <err> os:   mtval: 230027e6
//! [00:00:05.537,499] <err> os:    mepc: 23001a5c
//! ```
//!
//! The cause is decimal and has its name behind it; all else is hexadecimal without `0x`. Source:
//! `arch/riscv/core/fatal.c`.

use memchr::memmem;

use super::causes::named;
use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::hex_after;

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Zephyr",
    marks: &[
        "Faulting instruction address = ",
        "<err> os:",
        "ZEPHYR FATAL ERROR",
        "Current thread: 0x",
    ],
    more,
    ..PLAIN
};

/// `Exception cause Load access fault (5)` and `Faulting instruction address = 0x80001a5c`, until 2020.
fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(at) = memmem::find(line, b"Exception cause ") {
        draft.named = draft.named.or_else(|| named(&line[at..]));
    }
    if let Some(pc) = hex_after(line, "Faulting instruction address = ") {
        draft.put("mepc", pc);
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    fn fatal(cause: &str) -> String {
        let lines = [
            "",
            cause,
            "  mtval: 90000010",
            "     a0: 00000001    t0: 90000010",
            "     sp: 80012be0",
            "   mepc: 80001a5c",
            "mstatus: 00001880",
            ">>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0",
        ];
        lines
            .map(|line| format!("[00:01:05.537,246] <err> os: {line}\r\n"))
            .concat()
    }

    #[test]
    fn a_decimal_cause_is_the_one_that_its_name_says() {
        for (cause, number) in [
            (" mcause: 5, Load access fault", 5),
            (" mcause: 13, Load page fault", 13),
            (" mcause: 15, Store/AMO page fault", 15),
        ] {
            let found = crashes(fatal(cause).as_bytes());
            assert_eq!(found.len(), 1, "{found:?}");
            let trap = &found[0];
            assert_eq!(
                (trap.cause(), trap.pc(), trap.value()),
                (Some(number), Some(0x8000_1a5c), Some(0x9000_0010))
            );
            assert_eq!((trap.digits, trap.time_us), (8, Some(65_537_246)));
            assert_eq!(
                (trap.dialect, trap.register("sp")),
                (Some("Zephyr"), Some(0x8001_2be0))
            );
            assert!(trap.notes.is_empty(), "{:?}", trap.notes);
        }
    }

    #[test]
    fn without_its_name_it_is_said_how_it_was_read() {
        let found = crashes(fatal(" mcause: 13").as_bytes());
        assert_eq!(found[0].cause(), Some(13));
        assert!(found[0].notes[0].contains("is read as decimal: Load page fault"));
    }
}
