//! seL4: the kernel's own abort, and a thread's fault without a handler.
//!
//! ```text
//! KERNEL ABORT (exception within s-mode)!
//! scause: 0xf, stval: 0x0
//!
//! Caught vm fault on data at address 0x10 with status 0xd
//! while trying to handle: …
//! in thread 0xffffffc0bffd8a00 "rootserver" at address 0x10234
//! ```
//!
//! The status of a fault is `scause` on RISC-V. Source: `src/arch/riscv/c_traps.c`, `src/api/faults.c`.

use memchr::memmem;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::hex_after;

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "seL4",
    begins: &["KERNEL ABORT", "Caught vm fault", "vm fault on "],
    marks: &["in thread 0x"],
    says: true,
    more,
    ..PLAIN
};

fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if memmem::find(line, b"vm fault on ").is_some() {
        if let Some(at) = hex_after(line, "at address ") {
            draft.put("stval", at);
        }
        if let Some(status) = hex_after(line, "with status ") {
            draft.put("scause", status);
        }
        // `status` is no register here.
        return Registers::Taken;
    }
    if memmem::find(line, b"in thread ").is_some()
        && let Some(pc) = hex_after(line, "at address ")
    {
        draft.put("sepc", pc);
    }
    Registers::Count
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn an_abort_of_the_kernel_tells_no_pc_and_it_is_known_that_it_does_not() {
        let text = "KERNEL ABORT (exception within s-mode)!\nscause: 0xd, stval: 0x8\nhalting...\nKernel entry via Syscall\n";
        let found = crashes(text.as_bytes());
        assert_eq!(
            (found[0].cause(), found[0].value(), found[0].missing()),
            (Some(13), Some(8), vec!["sepc"])
        );
        assert!(
            found[0]
                .message
                .as_ref()
                .is_some_and(|it| it.starts_with("KERNEL ABORT"))
        );
    }

    #[test]
    fn a_fault_of_a_thread_has_its_cause_as_status() {
        let text = "\
Caught vm fault on data at address 0x10 with status 0xf
in thread 0xffffffc0bffd8a00 \"rootserver\" at address 0x10234
With stack:
0x7fffe0: 0x0
";
        let found = crashes(text.as_bytes());
        assert_eq!(
            (found[0].cause(), found[0].pc(), found[0].value()),
            (Some(15), Some(0x10234), Some(0x10))
        );
        assert_eq!(found[0].status(), None);
    }
}
