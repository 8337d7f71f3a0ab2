//! U-Boot: an unhandled exception.
//!
//! ```text
//! Unhandled exception: Load access fault
//! EPC: 00000000f7f3b8ae RA: 00000000f7f3b506 TVAL: ffffffb300687fb3
//! EPC: 000000004022e8ae RA: 000000004022e506 reloc adjusted
//! exception code: 5 , Load access fault , epc 9ff7d29e , ra 9ff7d280              until 2020; barebox
//! ```
//!
//! The second line has the addresses as they were linked: how far apart the two are is how far
//! U-Boot moved itself. The cause is given by its name alone. Source: `arch/riscv/lib/interrupts.c`.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::registers::registers;
use super::{digits, hex_after, number};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "U-Boot",
    begins: &["Unhandled exception:", "exception code: "],
    marks: &["reloc adjusted"],
    says: true,
    more,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(code) = digits(line, "exception code", 10) {
        if let Some(code) = number(code, 10) {
            draft.put("cause", code);
        }
        if let Some(pc) = hex_after(line, " epc ") {
            draft.put("epc", pc);
        }
    }
    if memmem::find(line, b"reloc adjusted").is_none() {
        return Registers::Count;
    }
    let mut found = Vec::new();
    registers(line, &mut found);
    let linked = found.iter().find(|it| it.name == "epc").map(|it| it.value);
    if let (Some(linked), Some(at)) = (linked, draft.report.register("epc")) {
        draft.report.moved_by = at.wrapping_sub(linked);
    }
    Registers::Taken
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn the_cause_is_its_name_and_the_second_line_is_how_far_it_moved() {
        let text = "\
Loading Environment... Unhandled exception: Store/AMO access fault
EPC: 00000000fff46052 RA: 00000000fff46b0c TVAL: 0000000010000000
EPC: 0000000080212052 RA: 0000000080212b0c reloc adjusted

SP:  00000000ff733840 GP:  00000000ff733e10 TP:  0000000000000001

Code: 87aa 853e c783 0007 (a023 00f5)
resetting ...
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(7), Some(0xfff4_6052), Some(0x1000_0000))
        );
        assert_eq!(
            (trap.moved_by, trap.register("sp")),
            (0x7fd3_4000, Some(0xff73_3840))
        );
        assert!(trap.notes[0].contains("by its name"), "{:?}", trap.notes);
    }

    #[test]
    fn the_form_before_that_has_a_number_and_no_address() {
        let text = "exception code: 5 , Load access fault , epc 80201a , ra 802018\n";
        let found = crashes(text.as_bytes());
        assert_eq!(
            (found[0].cause(), found[0].pc(), found[0].value()),
            (Some(5), Some(0x80_201a), None)
        );
    }

    #[test]
    fn the_old_form_of_32_bits_has_no_second_line() {
        let text =
            "Unhandled exception: Illegal instruction\nEPC: 80200010 RA: 80200000 TVAL: 0000ffff\n";
        let found = crashes(text.as_bytes());
        assert_eq!(
            (found[0].cause(), found[0].digits, found[0].moved_by),
            (Some(2), 8, 0)
        );
    }
}
