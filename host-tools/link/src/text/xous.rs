//! Xous: what its kernel prints of a process that it ends.
//!
//! Registers by name, `pc:` and `sp:` among them, and the exception by its name. The format is read
//! as any text with registers; proven on the written form only, not on a running Xous.

use super::draft::{Draft, Registers, TrapDialect};
use super::{causes::named, hex_after};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Xous",
    begins: &["CPU Exception on PID"],
    marks: &["xous-kernel", "CURRENT PID", "kernel/src/arch/riscv"],
    says: true,
    more,
};

/// `Store page fault @ PC: 20501234, address 00000010`: a pc and an address without a register's
/// name.
fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if draft.named.is_none() {
        draft.named = named(line);
    }
    let pc = hex_after(line, "PC: ").or_else(|| hex_after(line, "PC "));
    if let Some(pc) = pc {
        draft.put("sepc", pc);
    }
    if let Some(at) = hex_after(line, "address ").or_else(|| hex_after(line, "addr: ")) {
        draft.put("stval", at);
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn an_exception_of_a_process_has_its_cause_by_name() {
        let text = "CPU Exception on PID 4: Store page fault @ PC: 20501234, address 00000010\n";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(15), Some(0x2050_1234), Some(0x10))
        );
    }
}
