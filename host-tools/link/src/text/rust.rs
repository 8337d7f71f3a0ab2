//! Kernels in Rust: a trap frame by `{:#x?}`, or a cause by `{:?}`.
//!
//! ```text
//! TrapFrame {
//!     sepc: 0x65786,
//!     stval: 0x4,
//!     scause: Exception(
//!         LoadPageFault,
//!     ),
//! }
//! Exception(LoadPageFault) va = 0xffffffff00080000 instruction = 0x1ab1a
//! StorePageFault in application, bad addr = 0x0, bad instruction = 0x804003ac, core dumped.
//! > mcause: Exception(IllegalInstruction)                                            RustSBI
//! unhandled trap Scause { bits: 15 } Exception(StorePageFault), stval = 0xdeadb000
//! Unhandled Supervisor Page Fault @ 0xffffffc080201a34, fault_vaddr=VA:0x10 (READ):  ArceOS
//! Unsupported trap Exception(LoadPageFault), stval = 0x10!                          rCore
//! Exception 'Load access fault' mepc=0x42000c5e, mtval=0x00000000                   esp-hal
//! ```
//!
//! A number without `0x` and without a letter is decimal: `{:#?}` prints it so. The names are those of the crate `riscv`: `LoadFault` is an access fault.

use memchr::memmem;

use super::causes::named;
use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::hex_after;

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "a kernel in Rust",
    begins: &[
        "TrapFrame {",
        "TrapContext {",
        "bad addr = ",
        "Exception(LoadPageFault) va",
        "Exception(StorePageFault) va",
        "Exception(InstructionPageFault) va",
    ],
    marks: &[
        "cause: Exception(",
        "trap Exception(",
        "trap: Exception(",
        "Exception '",
        "cause { bits: ",
        "fault_vaddr=VA:",
    ],
    more,
    is_decimal: true,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if draft.named.is_none() {
        draft.named = named(line);
    }
    if let Some(at) = hex_after(line, "fault_vaddr=VA:") {
        draft.put("stval", at);
        if let Some(pc) = hex_after(line, "Fault @ ") {
            draft.put("sepc", pc);
        }
        let accesses: [(&[u8], u8); 3] = [(b"(READ", 13), (b"(WRITE", 15), (b"(EXECUTE", 12)];
        let access = accesses
            .iter()
            .find(|(word, _)| memmem::find(line, word).is_some());
        draft.named = draft.named.or(access.map(|(_, cause)| *cause));
    }
    let address = hex_after(line, "bad addr = ").or_else(|| hex_after(line, " va = "));
    if let Some(at) = address {
        draft.put("stval", at);
        if let Some(pc) = hex_after(line, "instruction = ") {
            draft.put("sepc", pc);
        }
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn a_frame_on_many_lines_has_its_cause_on_a_line_of_its_own() {
        let text = "\
[ERROR][0,1] TrapFrame {
    regs: {
        \"ra\": 0x80201000,
        \"sp\": 0x80f0fe70,
    },
    sstatus: 0x100,
    sepc: 0x80201786,
    stval: 0x14,
    scause: Exception(
        StorePageFault,
    ),
}
";
        let found = crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(15), Some(0x8020_1786), Some(0x14))
        );
        assert_eq!(
            (trap.register("sp"), trap.register("ra")),
            (Some(0x80f0_fe70), Some(0x8020_1000))
        );
        assert_eq!(trap.status(), Some(0x100));
    }

    #[test]
    fn a_cause_that_is_a_word_alone_is_the_cause() {
        for (text, cause, pc, value) in [
            (
                "> mcause: Exception(IllegalInstruction)\n> mepc:   0x80201000\n> mtval:  0x0\n",
                2,
                0x8020_1000,
                0,
            ),
            (
                "unhandled trap Scause { bits: 15 } Exception(StorePageFault), stval = 0x8, sepc = 0x80204a1c\n",
                15,
                0x8020_4a1c,
                8,
            ),
            (
                "Exception 'Load access fault' mepc=0x42000c5e, mtval=0x00000010\n",
                5,
                0x4200_0c5e,
                0x10,
            ),
            (
                "TrapContext {\n    sepc: 65644,\n    scause: Exception(\n        LoadPageFault,\n    ),\n    stval: 10,\n}\n",
                13,
                65644,
                10,
            ),
            (
                "Unhandled Supervisor Page Fault @ 0xffffffc080201a34, fault_vaddr=VA:0x10 (READ):\n\
                 TrapFrame {\n  sepc: 0xffffffc080201a34,\n}\n",
                13,
                0xffff_ffc0_8020_1a34,
                0x10,
            ),
        ] {
            let found = crashes(text.as_bytes());
            assert_eq!(
                (found[0].cause(), found[0].pc(), found[0].value()),
                (Some(cause), Some(pc), Some(value)),
                "{text}"
            );
        }
    }

    #[test]
    fn one_line_names_address_and_instruction_in_words() {
        for (text, cause) in [
            (
                "Exception(LoadPageFault) va = 0x80000 instruction = 0x1ab1a\n",
                13,
            ),
            (
                "[kernel] StoreFault in application, bad addr = 0x80000, bad instruction = 0x1ab1a, core dumped.\n",
                7,
            ),
        ] {
            let found = crashes(text.as_bytes());
            assert_eq!(
                (found[0].cause(), found[0].pc(), found[0].value()),
                (Some(cause), Some(0x1ab1a), Some(0x80000)),
                "{text}"
            );
        }
    }
}
