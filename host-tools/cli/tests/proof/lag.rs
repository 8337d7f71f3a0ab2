//! One program's calls on much memory, and how long others wait for the kernel meanwhile.

use crate::board::{Qemu, free_pages, number_after};

/// A millisecond, as instructions are counted here, and what may come on top: the piece of a call that is under way
/// when the timer rings. Measured: 1,301,181 on Sv39, 1,324,550 on Sv32; a call on so much memory that is not bounded
/// takes ten times as much, and more on a board with more.
const MOST: u64 = 1_000_000 + 500_000;

#[test]
fn no_call_of_another_makes_a_sleeper_wait_longer_than_its_budget() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.counting().boot();
        let said = board.run("lag_test");
        let longest = number_after(&said, "the longest sleep of a millisecond took ");
        assert!((1_000_000..MOST).contains(&longest), "{said}");
    }
}

#[test]
fn ctrl_c_ends_a_task_in_the_middle_of_a_call_on_much_memory() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.boot();
        board.run("hello");
        let before = free_pages(&board.run("free"));
        for _ in 0..3 {
            board.type_line("lag_test hog 67108864");
            board.expect("lag_test: begins");
            board.send(b"\x03");
            let said = board.expect(crate::board::PROMPT);
            assert!(said.contains("ended with status 255"), "{said}");
            let audit = board.run("audit");
            assert!(audit.contains("every frame has one owner"), "{audit}");
            assert_eq!(free_pages(&board.run("free")), before);
        }
    }
}
