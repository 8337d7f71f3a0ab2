//! xv6 and kernels after it: `usertrap`, `kerneltrap`.
//!
//! ```text
//! usertrap(): unexpected scause 0x000000000000000d pid=3
//!             sepc=0x00000000000005c4 stval=0x000000000000b040
//! scause=0xd sepc=0x80001234 stval=0x0                            kerneltrap, and a panic
//! ```
//!
//! Older ones print `scause 0x…` and `stval=0x…` with `%p`, newer ones with `0x%lx`; Rust ones the
//! name of the cause, and numbers without `0x`. Source: `kernel/trap.c`.

use super::draft::{PLAIN, TrapDialect};

/// Its row.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "xv6",
    begins: &["usertrap()"],
    marks: &["kerneltrap"],
    says: true,
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn a_trap_of_a_program_old_and_new_and_in_rust() {
        for (text, cause) in [
            (
                "usertrap(): unexpected scause 0x000000000000000f pid=3\n            sepc=0x00000000000005c4 stval=0x000000000000b040\n",
                15,
            ),
            (
                "$ usertrap(): unexpected scause 0xf pid=3\n            sepc=0x5c4 stval=0xb040\n",
                15,
            ),
            (
                "usertrap(): unexcepted scause Exception(LoadPageFault), pid=PId(0)\n            sepc=5C4, stval=B040\n",
                13,
            ),
        ] {
            let found = crashes(text.as_bytes());
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            let trap = &found[0];
            assert_eq!(
                (trap.cause(), trap.pc(), trap.value()),
                (Some(cause), Some(0x5c4), Some(0xb040)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_trap_of_the_kernel_and_a_second_one() {
        let text = "\
scause 0x000000000000000d
sepc=0x0000000080001c3e stval=0x0000000000000010
panic: kerneltrap
scause=0xc sepc=0x0 stval=0x0
panic: kerneltrap
";
        let found = crashes(text.as_bytes());
        let causes: Vec<_> = found.iter().map(|it| (it.cause(), it.pc())).collect();
        assert_eq!(causes, [(Some(13), Some(0x8000_1c3e)), (Some(12), Some(0))]);
    }

    #[test]
    fn the_same_trap_again_is_a_report_of_its_own() {
        let one = "usertrap(): unexpected scause 0xd pid=3\n  sepc=0x5c4 stval=0xb040\n";
        assert_eq!(crashes(one.repeat(3).as_bytes()).len(), 3);
    }
}
