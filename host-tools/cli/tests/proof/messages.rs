//! Servers and messages as programs have them, on Sv39 and on Sv32.

use crate::board::{Board, tasks};
use crate::each_width::on_each_width;

#[test]
fn messages_between_programs_are_received_once_in_order_and_answered() {
    on_each_width(|board| {
        let said = board.run("message_test");
        for part in [
            "words", "order", "full", "time", "names", "handles", "ends", "many",
        ] {
            assert!(
                said.contains(&format!("message_test: {part} is well")),
                "{said}"
            );
        }
        assert!(said.contains(" checks hold, 0 do not"), "{said}");
    });
}

#[test]
fn pages_go_with_messages_and_come_back_whichever_side_ends() {
    on_each_width(|board| {
        let said = board.run("lend_test");
        for part in [
            "move", "borrow", "many", "refused", "lent", "wait", "chain", "ends",
        ] {
            assert!(
                said.contains(&format!("lend_test: {part} is well")),
                "{said}"
            );
        }
        assert!(said.contains(" checks hold, 0 do not"), "{said}");
        assert!(said.contains("lend_test touch: killed:"), "{said}");
        assert!(said.contains(": lent"), "{said}");
    });
}

/// Asks `ps` until it says both.
fn until_ps_says(board: &mut Board, state: &str, event: &str) {
    for _ in 0..1000 {
        let said = board.run("ps");
        if said
            .lines()
            .any(|line| line.contains(state) && line.contains(event))
        {
            return;
        }
    }
    panic!("no task is {state}: {}", board.run("ps"));
}

#[test]
fn who_waits_for_a_message_is_seen_and_ended() {
    on_each_width(|board| {
        board.run("message_test serve it &");
        until_ps_says(board, "receiving", " message ");
        board.run("message_test ask none &");
        until_ps_says(board, "sending", " server ");
        let said = board.run("ps");
        for task in tasks(&said) {
            if task.line.starts_with("message_test") {
                board.run(&format!("kill {}", task.pid));
            }
        }
    });
}
