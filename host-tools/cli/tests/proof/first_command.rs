//! The first command works, whatever moment of the boot the host was started at.
//!
//! Moments are counted in bytes that the board has said, never in time. `STARTS` makes it more of
//! them: `just soak`.

use wire::Request;

use crate::board::{Board, BoardConsole, PROMPT, Qemu, SocketBoard, built};

/// Starts of each kind, here; two hundred in `just soak`.
const STARTS: usize = 20;

fn starts() -> usize {
    let given = std::env::var("STARTS").ok();
    given.map_or(STARTS, |text| text.parse().expect("STARTS is a number"))
}

/// The hello of a session, of a host that repeats it: every byte of it may be a letter.
fn hello(session: u32, sequence: u16) -> Vec<u8> {
    let mut room = [0; 32];
    let used = Request::encode_session(wire::VERSION, session, sequence, &mut room).expect("room");
    room[..used].to_vec()
}

/// Bytes that the board sends until its prompt, with no host that says hello.
fn bytes_of_a_boot() -> usize {
    let board = Qemu::with_image().boot();
    board.transcript().len()
}

/// Listens until the board has said that many bytes.
fn hear(board: &mut Board, bytes: usize) {
    while board.transcript().len() < bytes {
        board.hear_more();
    }
}

/// A host that died in the middle of calling: what it said arrived in part, and a person types.
#[test]
fn what_is_left_of_a_hello_is_never_part_of_the_first_command() {
    let (boot, count) = (bytes_of_a_boot(), starts());
    for start in 0..count {
        let mut board = Qemu::with_image().start();
        // From before the first byte to the prompt itself.
        hear(&mut board, boot * start / (count - 1));
        // The text of `x` and `help` stands in it, where the cut leaves it.
        let whole = hello(0x7878_7878 + start as u32, 0x7878);
        let cut = 2 + start % (whole.len() - 2);
        board.send(&whole[cut..]);
        board.expect(PROMPT);
        assert_eq!(
            board.run("hello"),
            "hello, world\n",
            "start {start}, cut at {cut}"
        );
        let text = board.text();
        assert!(text.contains("pw> hello\r\n"), "start {start}: {text}");
        assert!(!text.contains("not found"), "start {start}: {text}");
    }
}

/// The host itself, on a machine that it starts and on a line that it comes to: what is typed first
/// is run as it was typed.
#[test]
fn the_first_command_of_a_host_that_comes_during_the_boot_is_run_whole() {
    let boot = bytes_of_a_boot();
    let count = starts();
    for start in 0..count {
        let board = SocketBoard::start(&[]);
        // A reader listens first, and leaves the line after so many bytes.
        board.terminal().hear(boot * start / count);
        let line = format!("unix:{}", board.line().display());
        let mut host = dash(&line);
        host.expect("hello, world");
        host.expect("hello, again");
        shown_as_typed(start, &host.text());
    }
}

#[test]
fn the_first_command_of_a_machine_that_the_host_starts_is_run_whole() {
    for start in 0..starts() / 4 {
        let image = format!("qemu:{}", built("images/Image").display());
        let mut host = dash(&image);
        host.expect("hello, world");
        host.expect("hello, again");
        shown_as_typed(start, &host.text());
    }
}

/// The echo of the first command: a line of its own, with nothing before it that was rubbed out. The
/// prompt, or a part of it, may have gone to an earlier listener.
#[track_caller]
fn shown_as_typed(start: usize, said: &str) {
    let typed = |line: &str| line.ends_with("hello") && "pw> hello".ends_with(line);
    assert!(said.lines().any(typed), "start {start}: {said}");
    assert!(!said.contains("not found"), "start {start}: {said}");
}

/// The dashboard as lines, with two commands typed at once.
fn dash(line: &str) -> BoardConsole {
    BoardConsole::start(
        std::process::Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["dash", line, "--type", "hello"])
            .args(["--type", "hello again"]),
    )
}
