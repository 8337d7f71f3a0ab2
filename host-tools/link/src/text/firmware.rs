//! Firmware that has words for registers: coreboot, and riscv-pk under its programs.
//!
//! ```text
//! Exception:          Load access fault                                             coreboot
//! Bad instruction pc: 0x0000000080001234
//! Bad address:        0x0000000000000010
//!
//! pc 0000000000010188 va/inst 0000000000000000 sr 8000000200006020                  riscv-pk
//! User load segfault @ 0x0000000000000000
//! ```
//!
//! Source: `src/arch/riscv/trap_handler.c` of coreboot, `pk/handlers.c` of riscv-pk, as they print.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::{hex_after, number};

/// The row of coreboot.
pub(super) const COREBOOT: TrapDialect = TrapDialect {
    name: "coreboot",
    begins: &["Exception:          "],
    marks: &["Bad instruction pc: ", "Bad address:        "],
    says: true,
    more: coreboot,
    ..PLAIN
};

fn coreboot(line: &[u8], draft: &mut Draft) -> Registers {
    for (words, name) in [
        ("Bad instruction pc: ", "epc"),
        ("Bad address:        ", "badaddr"),
        ("Stored ra:          ", "ra"),
        ("Stored sp:          ", "sp"),
    ] {
        if let Some(value) = hex_after(line, words) {
            draft.put(name, value);
        }
    }
    Registers::Count
}

/// The row of riscv-pk.
pub(super) const PK: TrapDialect = TrapDialect {
    name: "riscv-pk",
    marks: &["va/inst ", " segfault @ 0x", "unhandlable trap "],
    more: pk,
    ..PLAIN
};

/// What riscv-pk calls a fault that it cannot resolve.
const SEGFAULTS: [(&str, u8); 3] = [
    ("User fetch segfault @ ", 12),
    ("User load segfault @ ", 13),
    ("User store segfault @ ", 15),
];

fn pk(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(value) = hex_after(line, "va/inst ") {
        for (name, value) in [("badaddr", Some(value)), ("epc", hex_after(line, "pc "))] {
            if let Some(value) = value {
                draft.put(name, value);
            }
        }
        if let Some(status) = hex_after(line, " sr ") {
            draft.put("status", status);
        }
    }
    // The firmware under it: `machine mode: unhandlable trap 5 @ 0x80001234`.
    if let Some(at) = memmem::find(line, b"unhandlable trap ") {
        let code = line[at..].split(|it| *it == b' ').nth(2);
        if let Some(cause) = code.and_then(|code| number(code, 10)) {
            draft.put("mcause", cause);
        }
        if let Some(pc) = hex_after(&line[at..], "@ ") {
            draft.put("mepc", pc);
        }
    }
    for (words, cause) in SEGFAULTS {
        let Some(at) = hex_after(line, words) else {
            continue;
        };
        draft.put("badaddr", at);
        draft.named = Some(cause);
        if let Some(begin) = memmem::find(line, words.as_bytes()) {
            let sentence = String::from_utf8_lossy(&line[begin..]);
            draft.report.message = Some(sentence.trim_end().to_owned());
        }
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn words_of_coreboot_are_registers() {
        let text = "\
Exception:          Load access fault
Hart ID:            0
Previous mode:      machine
Bad instruction pc: 0x0000000080001234
Bad address:        0x0000000000000010
Stored ra:          0x0000000080001230
Stored sp:          0x0000000080023f00
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(5), Some(0x8000_1234), Some(0x10))
        );
        assert_eq!(trap.register("sp"), Some(0x8002_3f00));
        assert_eq!(trap.dialect, Some("coreboot"));
    }

    #[test]
    fn a_trap_that_the_firmware_cannot_handle_has_cause_and_pc() {
        let found = crashes(b"machine mode: unhandlable trap 5 @ 0x0000000080001234\n");
        assert_eq!(
            (found[0].cause(), found[0].pc()),
            (Some(5), Some(0x8000_1234))
        );
    }

    #[test]
    fn a_program_under_pk_that_died_has_its_cause_in_words() {
        let text = "\
z  0000000000000000 ra 00000000000101b4 sp 000000007f7e9b30 gp 0000000000012ff8
pc 0000000000010188 va/inst 0000000000000008 sr 8000000200006020
User store segfault @ 0x0000000000000008
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(15), Some(0x1_0188), Some(8))
        );
        assert_eq!(trap.status(), Some(0x8000_0002_0000_6020));
    }
}
