//! The keys of the console, as a user presses them: fast, out of turn, and without care.

use crate::board::{Board, PROMPT, Qemu, tasks};

#[test]
fn keys_do_what_a_user_expects() {
    let mut board = Qemu::with_image().boot();
    a_line_is_edited(&mut board);
    ctrl_c_ends_what_runs(&mut board);
    ctrl_c_ends_waiting_but_no_task(&mut board);
}

/// Types a command that does not come back by itself, and Ctrl-C: in one burst, or as soon as the
/// line's echo is seen. Whether the program runs by then must not matter.
fn interrupt(board: &mut Board, command: &str, burst: bool) -> String {
    if burst {
        board.send(format!("{command}\r\x03").as_bytes());
        board.expect("\n");
    } else {
        board.type_line(command);
        board.expect("\n");
        board.send(b"\x03");
    }
    board.expect(PROMPT)
}

/// What the keys made the shell answer, up to the prompt after it.
fn press(board: &mut Board, keys: &str) -> String {
    board.send(keys.as_bytes());
    board.expect("\n");
    board.expect(PROMPT)
}

fn a_line_is_edited(board: &mut Board) {
    assert_eq!(press(board, "hellp\x7fo\r"), "hello, world\r\n");
    assert_eq!(press(board, "nonsense\x15hello\r"), "hello, world\r\n");
    assert_eq!(press(board, "\x1b[A\r"), "hello, world\r\n");
    assert_eq!(press(board, "hel\x1b[3~lo\x1b[H\r"), "hello, world\r\n");
    assert_eq!(press(board, "hello keys\r\n"), "hello, keys\r\n");
    // In one burst: what is given up stays given up, what follows is a line of its own.
    assert_eq!(press(board, "no_such\x03hello\r"), "");
    board.expect("\n");
    assert_eq!(board.expect(PROMPT), "hello, world\r\n");
}

fn ctrl_c_ends_what_runs(board: &mut Board) {
    for burst in [false, true, false, true] {
        assert!(interrupt(board, "spin", burst).contains("ended with status 255"));
    }
    // What was typed between the line and Ctrl-C goes with it.
    board.send(b"spin\rhello\r\x03");
    board.expect("\n");
    assert!(board.expect(PROMPT).contains("ended with status 255"));
    assert_eq!(tasks(&board.run("ps")).len(), 1);
}

fn ctrl_c_ends_waiting_but_no_task(board: &mut Board) {
    board.run("spin &");
    for burst in [false, true] {
        assert_eq!(interrupt(board, "wait", burst), "^C\r\n");
    }
    let running = tasks(&board.run("ps"));
    assert_eq!(running.len(), 2, "{running:?}");
    board.run(&format!("kill {}", running[1].pid));
    assert_eq!(tasks(&board.run("ps")).len(), 1);
}
