//! OpenSBI: a trap of machine mode that its handlers gave up on.
//!
//! ```text
//! sbi_trap_error: hart3: trap handler failed (error -5)
//! sbi_trap_error: hart3: mcause=0x000000000000000d mtval=0x00000015557a1000
//! sbi_trap_error: hart3: mepc=0x0000000080003e58 mstatus=0x8000000a00027822
//! ```
//!
//! Since 1.5 the values stand behind `trap0: `. Source: `lib/sbi/sbi_trap.c`.

use super::draft::{PLAIN, TrapDialect};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "OpenSBI",
    begins: &[
        "trap handler failed",
        "unhandled local interrupt",
        "unhandled external interrupt",
    ],
    marks: &["sbi_trap_error"],
    says: true,
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn a_trap_of_machine_mode_is_told_by_its_own_registers() {
        for before in ["", "trap0: "] {
            let text = [
                "trap handler failed (error -2)",
                "mcause=0x0000000000000005 mtval=0x0000000010001000",
                "mepc=0x0000000080000f12 mstatus=0x8000000a00007800",
                "ra=0x0000000080000e00 sp=0x0000000080046e00",
            ];
            let lines = text.map(|it| format!("sbi_trap_error: hart1: {before}{it}\n"));
            let found = crashes(lines.concat().as_bytes());
            assert_eq!(found.len(), 1, "{found:?}");
            let trap = &found[0];
            assert!(trap.is_machine());
            assert_eq!(
                (trap.cause(), trap.pc(), trap.value()),
                (Some(5), Some(0x8000_0f12), Some(0x1000_1000))
            );
            assert_eq!(trap.status(), Some(0x8000_000a_0000_7800));
            assert_eq!(
                trap.message.as_deref(),
                Some("trap handler failed (error -2)")
            );
            assert_eq!((trap.dialect, trap.digits), (Some("OpenSBI"), 16));
        }
    }
}
