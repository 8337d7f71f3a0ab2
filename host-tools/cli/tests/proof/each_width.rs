//! A check on a board of each width that leaves everything as it was.

use crate::board::{Board, Qemu, free_pages, tasks};

/// On each width; nothing is lost by it, and every frame has one owner afterwards.
pub fn on_each_width(check: impl Fn(&mut Board)) {
    for machine in Qemu::of_each_width() {
        let mut board = machine.boot();
        board.run("hello");
        // The shell's pages that only a message needs are brought in now: they are its own, and stay.
        board.run("no-such-program");
        board.run("audit");
        let before = free_pages(&board.run("free"));
        check(&mut board);
        sound(&mut board);
        assert_eq!(
            free_pages(&board.run("free")),
            before,
            "{}",
            board.run("ps")
        );
        assert_eq!(tasks(&board.run("ps")).len(), 1);
    }
}

pub fn sound(board: &mut Board) {
    let said = board.run("audit");
    assert!(
        said.contains("audit: every frame has one owner, and all adds up"),
        "{said}"
    );
}
