//! gdb on a kernel of 32 bits.

use crate::board::SocketBoard;
use crate::gdb::gdb;

/// The same stub with registers of 32 bits: it stops, steps, reads and resumes.
#[test]
fn a_kernel_of_32_bits_is_debugged_as_one_of_64() {
    let board = SocketBoard::boot_of_32_bits(&[]);
    board.terminal().run("spin forever &");
    let said = gdb(
        &board,
        None,
        &[
            "info threads",
            "print sizeof($sp)",
            "print $satp < 0",
            "set $before = $pc",
            "stepi",
            "print $pc != $before",
            "x/2xw $pc",
            "monitor ps",
            "detach",
        ],
    );
    for due in [
        "(spin forever [ready])",
        "$1 = 4",
        "$2 = 1",
        "$3 = 1",
        "ready",
    ] {
        assert!(said.contains(due), "no {due}: {said}");
    }
    assert_eq!(board.terminal().run("hello"), "hello, world\n");
}
