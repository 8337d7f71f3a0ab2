//! EDK2: an exception of the firmware.
//!
//! ```text
//! !!!! RISCV64 Exception Type - 000000000000000F(EXCEPT_RISCV_STORE_ACCESS_PAGE_FAULT) !!!!
//!      t0 = 0x00000000000000003        t1 = 0x000000000BFB95976
//!    sepc = 0x0000000017FE16CCA     stval = 0x00000000180000C0
//! ```
//!
//! It prints 17 digits of a register of 16. Source: `CpuExceptionHandlerLib.c` of UefiCpuPkg.

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::hex_after;

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "EDK2",
    begins: &["RISCV64 Exception Type", "RISCV32 Exception Type"],
    says: true,
    more,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(cause) = hex_after(line, "Exception Type - ") {
        draft.put("scause", cause);
        draft.report.digits = 16;
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn the_cause_stands_in_the_title_and_registers_have_a_digit_too_many() {
        let text = "\
!!!! RISCV64 Exception Type - 000000000000000D(EXCEPT_RISCV_LOAD_ACCESS_PAGE_FAULT) !!!!
     t0 = 0x00000000000000003        t1 = 0x000000000BFB95976
     ra = 0x000000000BFB00E00        sp = 0x000000000BFAF0E00
   sepc = 0x000000000BFB16CCA    sstatus = 0x08000000200006120
  stval = 0x00000000180000010
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(13), Some(0xbfb1_6cca), Some(0x1_8000_0010))
        );
        assert_eq!(
            (trap.digits, trap.status()),
            (16, Some(0x8000_0002_0000_6120))
        );
        assert!(trap.notes.is_empty(), "{:?}", trap.notes);
    }
}
