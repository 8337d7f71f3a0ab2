//! Spike's `-l`: traps between the instructions.
//!
//! ```text
//! core   0: exception trap_load_page_fault, epc 0x0000000080000104
//! core   0:           tval 0x0000000000000008
//! core   0: exception interrupt #7, epc 0x0000000080000104
//! ```
//!
//! The cause has a name and no number. Source: `riscv/processor.cc`.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Spike",
    begins: &[": exception trap_", ": exception interrupt #"],
    more,
    has_own_pc: true,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    let mark = b"exception interrupt #";
    if let Some(at) = memmem::find(line, mark) {
        let digits = &line[at + mark.len()..];
        let count = digits.iter().take_while(|it| it.is_ascii_digit()).count();
        if let Some(number) = super::number::<u64>(&digits[..count], 10) {
            draft.put("cause", number);
            draft.is_interrupt = true;
        }
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn a_trap_is_two_lines_between_instructions() {
        let text = "\
core   0: 0x0000000080000100 (0x00053583) ld      a1, 0(a0)
core   0: exception trap_load_page_fault, epc 0x0000000080000100
core   0:           tval 0x0000000000000008
core   0: 0x0000000080000200 (0x34202573) csrr    a0, mcause
core   0: exception trap_user_ecall, epc 0x0000000000010000
core   0: exception interrupt #7, epc 0x0000000080000104
";
        let found = crashes(text.as_bytes());
        let told: Vec<_> = found
            .iter()
            .map(|it| (it.cause(), it.pc(), it.value()))
            .collect();
        assert_eq!(
            told,
            [
                (Some(13), Some(0x8000_0100), Some(8)),
                (Some(8), Some(0x10000), None),
                (Some(1 << 63 | 7), Some(0x8000_0104), None),
            ]
        );
    }
}
