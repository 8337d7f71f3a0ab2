//! Xous: what its kernel prints of a process that it ends.
//!
//! Registers by name, `pc:` and `sp:` among them, and the exception by its name. The format is read
//! as any text with registers; proven on the written form only, not on a running Xous.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::{causes::named, hex_after};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Xous",
    begins: &["CPU Exception on PID"],
    marks: &["xous-kernel", "CURRENT PID", "kernel/src/arch/riscv"],
    says: true,
    more,
    ..PLAIN
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
    // `StorePageFault(0x00020d2e, 0x40001000)`.
    if let Some((pc, at)) = pair(line) {
        draft.put("sepc", pc);
        draft.put("stval", at);
    }
    if let Some(at) = hex_after(line, "address ").or_else(|| hex_after(line, "addr: ")) {
        draft.put("stval", at);
    }
    Registers::Count
}

/// The two numbers in brackets behind a name.
fn pair(line: &[u8]) -> Option<(u64, u64)> {
    let pc = hex_after(line, "Fault(")?;
    let open = memmem::find(line, b"Fault(")?;
    Some((pc, hex_after(&line[open..], ", ")?))
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn an_exception_as_rust_prints_it_has_pc_and_address_in_brackets() {
        let text = "CPU Exception on PID 2: StorePageFault(0x00020d2e, 0x40001000)\n";
        let found = crashes(text.as_bytes());
        assert_eq!(
            (found[0].cause(), found[0].pc(), found[0].value()),
            (Some(15), Some(0x2_0d2e), Some(0x4000_1000))
        );
    }

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
