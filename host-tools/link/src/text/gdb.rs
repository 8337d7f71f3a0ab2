//! gdb's `info registers`: name, hexadecimal, and the same again for people.
//!
//! ```text
//! scause         0xd       13
//! sepc           0x80000004        2147483652
//! mstatus        0xa00001880       SD:0 VM:00 MXR:0 PUM:0 MPRV:0 …
//! priv           0x3       prv:3 [Machine]
//! ```

use memchr::{memmem, memrchr};

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::{number, registers};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "gdb",
    marks: &["info registers", "(gdb) i r", "prv:", "(gdb) p"],
    more,
    has_own_pc: true,
    ..PLAIN
};

/// `(gdb) p/x $scause`, and `$1 = 0xd` on the next line.
fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(at) = memmem::find(line, b"(gdb) p") {
        let name = memrchr(b'$', &line[at..]).map(|dollar| &line[at + dollar + 1..]);
        draft.asked = name.and_then(|name| registers::name(name.trim_ascii()));
        return Registers::Taken;
    }
    let Some(name) = draft.asked.take() else {
        return Registers::Count;
    };
    if let Some(value) = line.strip_prefix(b"$").and_then(answer) {
        draft.put(name, value);
        return Registers::Taken;
    }
    Registers::Count
}

/// The number of `1 = 0xd`.
fn answer(text: &[u8]) -> Option<u64> {
    let sign = memmem::find(text, b" = ")?;
    let value = text[sign + 3..].trim_ascii();
    match value.strip_prefix(b"0x") {
        Some(digits) => number(digits, 16),
        None => number(value, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn registers_printed_one_by_one_are_one_report() {
        let text = "\
(gdb) p/x $scause
$1 = 0xd
(gdb) p $sepc
$2 = 2147492442
(gdb) print/x $stval
$3 = 0x10
(gdb) p $sp
$4 = (void *) 0x80021000
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].cause(), found[0].pc(), found[0].value()),
            (Some(13), Some(0x8000_225a), Some(0x10))
        );
    }

    #[test]
    fn the_number_is_the_first_of_the_two() {
        let text = "\
(gdb) info registers scause sepc stval satp
scause         0xf\t15
sepc           0x80000004\t2147483652
stval          0x80006000\t2147508224
satp           0x8000000000080000\t-9223372036854251520
priv           0x1\tprv:1 [Supervisor]
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(15), Some(0x8000_0004), Some(0x8000_6000))
        );
        assert_eq!(
            (trap.register("satp"), trap.register("priv")),
            (Some(0x8000_0000_0008_0000), Some(1))
        );
        assert_eq!(
            (trap.dialect, trap.notes.len(), trap.digits),
            (Some("gdb"), 0, 16)
        );
    }
}
