//! FreeBSD and OpenBSD: the panic after a trap, and the registers that FreeBSD prints before it.
//!
//! ```text
//! sepc == 0xffffffc0003e4b58
//! stval == 0x0000000000000010
//! panic: Fatal page fault at 0xffffffc0003e4b58: 0x0000000000000010
//! ```
//!
//! Neither says which access it was, unless a cause follows. Source: `sys/riscv/riscv/trap.c` of FreeBSD and
//! `sys/arch/riscv64/riscv64/trap.c` of OpenBSD, as they print.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::hex_after;

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "BSD",
    marks: &["Fatal page fault at "],
    says: true,
    more,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    const MARK: &str = "Fatal page fault at ";
    let Some(at) = memmem::find(line, MARK.as_bytes()) else {
        return Registers::Count;
    };
    let sentence = &line[at..];
    draft.report.message = Some(String::from_utf8_lossy(sentence).trim_end().to_owned());
    if let Some(pc) = hex_after(sentence, MARK) {
        draft.put("sepc", pc);
    }
    if let Some(at) = hex_after(sentence, ": ") {
        draft.put("stval", at);
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn registers_behind_two_signs_and_the_panic_are_one_report() {
        let text = "\
t[0] == 0x0000000000000000
s[0] == 0xffffffc0820ca530
ra == 0xffffffc0003e4b50
sp == 0xffffffc0820ca4c0
sepc == 0xffffffc0003e4b58
sstatus == 0x8000000200006120
stval == 0x0000000000000010
panic: Fatal page fault at 0xffffffc0003e4b58: 0x0000000000000010
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.pc(), trap.value(), trap.missing()),
            (Some(0xffff_ffc0_003e_4b58), Some(0x10), vec!["scause"])
        );
        assert_eq!(trap.status(), Some(0x8000_0002_0000_6120));
        assert_eq!(trap.dialect, Some("BSD"));
    }

    #[test]
    fn a_panic_on_one_line_has_all_three() {
        let text = "panic: Fatal page fault at 0xffffffc00020fe3a: 0xdeadbeef scause 0xd\n";
        let found = crashes(text.as_bytes());
        assert_eq!(
            (found[0].cause(), found[0].pc(), found[0].value()),
            (Some(13), Some(0xffff_ffc0_0020_fe3a), Some(0xdead_beef))
        );
    }
}
