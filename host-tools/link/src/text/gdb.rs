//! gdb's `info registers`: name, hexadecimal, and the same again for people.
//!
//! ```text
//! scause         0xd       13
//! sepc           0x80000004        2147483652
//! mstatus        0xa00001880       SD:0 VM:00 MXR:0 PUM:0 MPRV:0 …
//! priv           0x3       prv:3 [Machine]
//! ```

use super::draft::{TrapDialect, nothing_more};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "gdb",
    begins: &[],
    marks: &["info registers", "(gdb) i r", "prv:"],
    says: false,
    more: nothing_more,
};

#[cfg(test)]
mod tests {
    use super::super::crashes;

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
