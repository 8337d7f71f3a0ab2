//! A packet of gdb that was pasted, or a gdb that was forgotten: the console says why it is silent.

use std::time::Duration;

use crate::board::Qemu;

const NOTICE: &str = "pagewalk: keys are not read: gdb is attached to this line";

#[test]
fn a_console_that_gdb_has_says_so_to_who_types_and_three_ctrl_c_bring_it_back() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.boot();
        board.send(b"$g#67");
        board.expect("#");
        // The board counts five seconds of its own clock: keys are pressed until it answers one.
        while !board.hears(NOTICE, Duration::from_millis(500)) {
            board.send(b"k");
        }
        board.expect("press Ctrl-C three times");
        board.send(b"\x03\x03\x03");
        board.expect("the gdb session was ended");
        // The prompt of before may still come: then the echo stands before the answer.
        let said = board.run("hello");
        assert!(said.ends_with("hello, world\n"), "{said}");
    }
}
