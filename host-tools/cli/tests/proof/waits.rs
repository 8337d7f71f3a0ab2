//! Faults that wait: programs from a store that takes its time (`image.delay`).

use crate::board::{PROMPT, Qemu, SocketBoard, fault_log, free_pages, tasks};
use crate::gdb::gdb;

/// `image_test` reads 56 pages of its file: it waits for most of its life.
const READER: &str = "image_test";

#[test]
fn programs_from_a_slow_store_run_as_ever_and_ps_shows_who_waits() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.append("image.delay=60").boot();
        board.run(&format!("{READER} &"));
        let ps = board.run("ps");
        let reader = ps.lines().find(|line| line.ends_with(READER));
        assert!(reader.is_some_and(|line| line.contains(" paging ")), "{ps}");
        let said = board.run("hello");
        assert!(
            said.contains("hello, world"),
            "others run meanwhile: {said}"
        );
        board.run("wait");
        let said = board.text();
        assert_eq!(said.matches("as linked: true").count(), 3, "{said}");
        let (_, log) = fault_log(&board.run("faults"));
        let of_reader = log.iter().filter(|fault| fault.outcome == "image copied");
        assert!(of_reader.count() >= 56, "each page is one record");
        let said = board.run("audit");
        assert!(said.contains("every frame has one owner"), "{said}");
    }
}

#[test]
fn ctrl_c_and_kill_end_a_program_that_waits_for_a_page() {
    let mut board = Qemu::with_image().append("image.delay=200").boot();
    // The shell has touched all that it will need: its own pages are no difference.
    board.run("hello &");
    board.run("wait");
    board.run("audit");
    let before = free_pages(&board.run("free"));
    board.type_line(READER);
    board.expect(READER);
    board.send(b"\x03");
    board.expect(PROMPT.trim_end());
    board.run(&format!("{READER} &"));
    let running = tasks(&board.run("ps"));
    let reader = running.iter().find(|task| task.line == READER);
    let pid = reader.expect("it waits").pid;
    board.run(&format!("kill {pid}"));
    board.run("wait");
    let running = tasks(&board.run("ps"));
    assert!(
        running.iter().all(|task| task.line != READER),
        "{running:?}"
    );
    assert_eq!(free_pages(&board.run("free")), before);
    let said = board.run("audit");
    assert!(said.contains("every frame has one owner"), "{said}");
}

#[test]
fn gdb_steps_a_program_that_waits_for_a_page() {
    let board = SocketBoard::boot(&["-append", "image.delay=100"]);
    board.terminal().run(&format!("{READER} &"));
    let said = gdb(
        &board,
        None,
        &[
            "info threads",
            // gdb counts first who ran last, which may be the shell, and that waits for a key.
            "python [t.switch() for t in gdb.selected_inferior().threads() if t.ptid[1] == 2]",
            "printf \"before %#lx.\\n\", $pc",
            "stepi",
            "printf \"after %#lx.\\n\", $pc",
            "stepi",
            "printf \"last %#lx.\\n\", $pc",
        ],
    );
    let pc = |name: &str| {
        let at = said.find(name).unwrap_or_else(|| panic!("{said}")) + name.len();
        said[at..].split('.').next().unwrap_or("").trim().to_owned()
    };
    assert!(said.contains("paging"), "{said}");
    assert_ne!(pc("before "), pc("after "), "{said}");
    assert_ne!(pc("after "), pc("last "), "{said}");
}
