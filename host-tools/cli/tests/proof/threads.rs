//! Threads as programs have them, on Sv39 and on Sv32.

use crate::board::fault_log;
use crate::each_width::on_each_width;

#[test]
fn threads_share_a_space_and_wait_for_each_other() {
    on_each_width(|board| {
        let said = board.run("thread_test");
        for part in [
            "join",
            "mutex",
            "condvar",
            "semaphore",
            "timeout",
            "priority",
            "many",
        ] {
            assert!(
                said.contains(&format!("thread_test: {part} is well")),
                "{said}"
            );
        }
    });
}

#[test]
fn what_a_thread_does_wrong_ends_its_program_and_nothing_else() {
    on_each_width(|board| {
        for (word, outcome) in [
            ("guard", "guard page"),
            ("below", "guard page"),
            ("fault", "no region"),
            ("return", "no region"),
        ] {
            let said = board.run(&format!("thread_test {word}"));
            assert!(
                said.contains(&format!("thread_test {word}: killed:")),
                "{said}"
            );
            assert!(!said.contains("Ok("), "{said}");
            let (_, log) = fault_log(&board.run("faults"));
            let last = log.last().expect("a fault");
            assert_eq!(last.outcome, outcome, "{word}");
        }
    });
}

#[test]
fn a_program_handles_its_own_faults() {
    on_each_width(|board| {
        let said = board.run("handler_test");
        for part in [
            "skip", "causes", "mend", "threads", "ends", "nested", "forged",
        ] {
            assert!(
                said.contains(&format!("handler_test: {part} is well")),
                "{said}"
            );
        }
        assert!(
            said.contains("handler_test: 227 checks hold, 0 do not"),
            "{said}"
        );
        for killed in ["child nested", "child forged 4286595072"] {
            let line = format!("handler_test {killed}: killed: ");
            assert!(said.contains(&line), "{said}");
        }
        board.run("handler_test mend");
        let (_, log) = fault_log(&board.run("faults"));
        let handled = log.iter().filter(|fault| fault.outcome == "handler");
        assert!(handled.count() >= 4, "the log says that a handler took it");
    });
}

#[test]
fn a_program_has_the_stack_that_it_asks_for() {
    on_each_width(|board| {
        let said = board.run("stack_test 5000");
        assert!(said.contains("stack_test: depth 5000,"), "{said}");
    });
}
