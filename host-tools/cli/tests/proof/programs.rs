//! gdb on our own kernel, with the plugin: each program's symbols, breakpoints by name, faults before they are served.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::board::{PROMPT, SocketBoard, built};
use crate::connect::{Connection, ask};
use crate::host::PATIENT;
use crate::plugin::{Machine, PLUGIN, Rv32, between, gdb};
use crate::tools::path;

/// A kernel of each width, with a program that never ends.
fn of_each_width(mut see: impl FnMut(&SocketBoard, &str)) {
    for board in [SocketBoard::boot(&[]), SocketBoard::boot_of_32_bits(&[])] {
        board.terminal().run("spin forever &");
        let line = path(&board.line()).to_owned();
        see(&board, &line);
    }
}

#[test]
fn in_the_stop_of_a_fault_the_trap_is_the_tasks_own() {
    of_each_width(|board, line| {
        let said = gdb(
            line,
            &[
                "set language c",
                "pw explain",
                "echo <trap>\\n",
                "set $pc = 0",
                "continue",
                "printf \"%d %d %d\\n\", $scause, $stval, $sepc",
                "monitor satp",
                "printf \"satp %lx\\n\", (unsigned long)$satp",
                "pw explain",
                "echo </trap>\\n",
                "thread find sh .re",
                "thread 2",
                "pw explain",
                "detach",
            ],
        );
        let trap = between(&said, "trap");
        assert!(trap.contains("SIGSEGV"), "{said}");
        assert!(trap.contains("12 0 0\n"), "cause, value and place: {said}");
        assert!(trap.contains("Instruction page fault"), "{said}");
        assert!(trap.contains("0x0 faults"), "and its walk: {said}");
        let satp = trap.split("satp ").nth(1).expect("the stub's");
        let satp = satp.split(':').next().expect("a number");
        let digits = satp.trim_start_matches('0');
        assert!(trap.contains(&format!("satp {digits}\n")), "{said}");
        let refused = "this stop is not a fault of the selected thread";
        assert_eq!(
            said.matches(refused).count(),
            2,
            "before, and of another: {said}"
        );
        assert!(board.terminal().run("hello").contains("hello, world"));
    });
}

#[test]
fn before_any_trap_explain_says_so() {
    let mut machine = Rv32::with(&[0; 4096]);
    let stub = machine.monitor.stub();
    let said = gdb(&stub, &["pw explain"]);
    assert!(said.contains("nothing has trapped yet"), "{said}");
}

#[test]
fn each_thread_has_its_programs_symbols() {
    of_each_width(|_, line| {
        let said = gdb(
            line,
            &[
                "thread find spin",
                "echo <spin>\\n",
                "bt",
                "echo </spin>\\n",
                "echo <sh>\\n",
                "thread 2",
                "bt",
                "echo </sh>\\n",
                "echo <all>\\n",
                "thread apply all bt",
                "echo </all>\\n",
                "thread 1",
                "echo <back>\\n",
                "bt",
                "echo </back>\\n",
                "detach",
            ],
        );
        for (mark, due, foreign) in [
            ("spin", "spin.rs", "sh/main.rs"),
            ("sh", "sh/main.rs", "spin.rs"),
            ("back", "spin.rs", "sh/main.rs"),
        ] {
            let said = between(&said, mark);
            assert!(said.contains(due), "{mark}: {said}");
            assert!(!said.contains(foreign), "{mark}: {said}");
        }
        let all = between(&said, "all");
        assert!(
            all.contains("spin.rs") && all.contains("sh/main.rs"),
            "{said}"
        );
    });
}

/// gdb with the plugin, through a connection; each time it says `go`, a line is typed on the console.
#[track_caller]
fn typed_while_gdb_waits(board: &SocketBoard, lines: &[&str], commands: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let connection = Connection::to(board, &folder.path().join("line.bin"));
    // Answers once the session stands.
    connection.pagewalk(&["ps"]);
    let mut console = File::options()
        .read(true)
        .write(true)
        .open(&connection.console)
        .expect("the terminal");
    ask(&mut console, "hello\r", PROMPT);
    let said = folder.path().join("said");
    let log = File::create(&said).expect("a file");
    let go = folder.path().join("go");
    let mut gdb = Command::new("timeout");
    gdb.args(["120", "gdb-multiarch", "-nx", "-batch"]);
    gdb.env("PAGEWALK", env!("CARGO_BIN_EXE_pagewalk"));
    let attach = format!("target remote {}", connection.gdb);
    let source = format!("source {PLUGIN}");
    let first = [
        PATIENT,
        "set pagination off",
        "set confirm off",
        &source,
        &attach,
    ];
    let go_on = format!("shell echo go >{}", path(&go));
    for command in first.iter().chain(commands) {
        let command = if *command == "go" { &*go_on } else { *command };
        gdb.args(["-ex", command]);
    }
    fifo(&go);
    let err = log.try_clone().expect("the same file");
    let mut gdb = gdb
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(err)
        .spawn()
        .expect("gdb-multiarch; run `./setup --tests`");
    for line in lines {
        // Opened by gdb's shell, read to its end: then it goes on.
        std::fs::read(&go).expect("the word");
        console.write_all(line.as_bytes()).expect("keys");
    }
    let status = gdb.wait().expect("gdb ends");
    let said = String::from_utf8_lossy(&std::fs::read(&said).expect("what it said")).into_owned();
    assert!(status.success(), "{said}");
    said
}

fn fifo(at: &std::path::Path) {
    let made = Command::new("mkfifo").arg(at).status();
    assert!(made.expect("mkfifo").success());
}

#[test]
fn a_breakpoint_by_name_holds_in_a_program_that_has_not_started() {
    for board in [SocketBoard::boot(&[]), SocketBoard::boot_of_32_bits(&[])] {
        let said = typed_while_gdb_waits(
            &board,
            &["touch_test 3\r"],
            &[
                "break touch_test::run",
                "go",
                "continue",
                "bt",
                "info breakpoints",
                "delete",
                "detach",
            ],
        );
        assert!(
            said.contains("Breakpoint 1 (touch_test::run) pending"),
            "{said}"
        );
        assert!(said.contains("hit Breakpoint 1, touch_test::run"), "{said}");
        assert!(said.contains("touch_test::program"), "{said}");
        assert!(said.contains("already hit 1 time"), "{said}");
    }
}

#[test]
fn hbreak_is_a_trigger_and_where_there_is_none_it_says_so() {
    of_each_width(|_, line| {
        let said = gdb(
            line,
            &[
                "stepi",
                "hbreak *$pc",
                "continue",
                "continue",
                "echo <memory>\\n",
                "x/2i $pc",
                "echo </memory>\\n",
                "delete",
                "detach",
            ],
        );
        assert_eq!(said.matches("hit Breakpoint 1").count(), 2, "{said}");
        assert!(!said.contains("no trigger of this hart"), "{said}");
    });
    let board = SocketBoard::boot(&["-cpu", "rv64,debug=off"]);
    board.terminal().run("spin forever &");
    let said = gdb(
        path(&board.line()),
        &[
            "stepi",
            "hbreak *$pc",
            "continue",
            "continue",
            "delete",
            "detach",
        ],
    );
    assert_eq!(said.matches("hit Breakpoint 1").count(), 2, "{said}");
    assert!(said.contains("no trigger of this hart is free"), "{said}");
}

#[test]
fn a_fault_is_caught_before_it_is_served_with_its_walk() {
    of_each_width(|board, line| {
        let said = gdb(
            line,
            &[
                "set language c",
                "pw catch fault nonsense_1",
                "pw catch fault 2 write",
                "set $sp = (unsigned long)$sp - 0x8000",
                "set $pc = program",
                "echo <caught>\\n",
                "continue",
                "printf \"%d\\n\", $scause",
                "pw walk $stval",
                "echo </caught>\\n",
                "pw catch off",
                // It is served: the page is there.
                "set $at = $stval",
                "stepi",
                "echo <served>\\n",
                "pw walk $at",
                "echo </served>\\n",
                "set $pc = 0",
                "detach",
            ],
        );
        let caught = between(&said, "caught");
        for due in [
            "caught before it is served: task 2",
            "nothing is mapped there",
            "stack",
            "15\n",
            "not valid",
        ] {
            assert!(caught.contains(due), "{due}: {said}");
        }
        assert!(said.contains("no fault is caught"), "{said}");
        assert!(between(&said, "served").contains("rw-u-ad"), "{said}");
        assert!(board.terminal().run("hello").contains("hello, world"));
    });
}

#[test]
fn a_backtrace_crosses_a_call_into_the_kernel() {
    // The shell waits for a key: the kernel stands in its call.
    let machine = Machine::boot(&[]);
    let folder = "board-side/riscv64gc-unknown-none-elf/board";
    let said = gdb(
        &machine.stub,
        &[
            &format!("file {}", path(&built(&format!("{folder}/kernel")))),
            &format!("add-symbol-file {}", path(&built(&format!("{folder}/sh")))),
            "echo <bt>\\n",
            "bt",
            "echo </bt>\\n",
            "detach",
        ],
    );
    let trace = between(&said, "bt");
    let places = [
        "call_from_user",
        "<signal handler called>",
        "user::call::read",
        "sh::run",
    ];
    let found: Vec<_> = places.iter().map(|place| trace.find(place)).collect();
    assert!(
        found.iter().all(Option::is_some) && found.is_sorted(),
        "{said}"
    );
}

#[test]
fn another_tasks_root_physical_memory_and_what_is_no_memory() {
    of_each_width(|board, line| {
        let bits_64 = board.terminal().run("boot").contains("RV64");
        let image = if bits_64 { "0x80200000" } else { "0x80400000" };
        let said = gdb(
            line,
            &[
                "thread 2",
                "pw root 2",
                "echo <one>\\n",
                "monitor satp 2",
                "pw root 77",
                "echo </one>\\n",
                "pw ram nonsense",
                "pw ram 0x80000000+128M",
                "echo <bytes>\\n",
                &format!("pw x/4xb {image}+0x38"),
                &format!("pw x/1xw {image}+0x38"),
                "echo </bytes>\\n",
                "pw x/8gx 0x10000000",
                "pw x",
                "pw x/2q 0x80200000",
                "detach",
            ],
        );
        assert!(said.contains(", chosen"), "{said}");
        assert!(between(&said, "one").contains("has no task 77"), "{said}");
        assert!(
            said.contains("`nonsense` is not a range of addresses"),
            "{said}"
        );
        assert!(said.contains("memory: 0x80000000+128M"), "{said}");
        // The magic of an Image: RSC\x05.
        let bytes = between(&said, "bytes");
        assert!(bytes.contains("0x52\t0x53\t0x43\t0x05"), "{said}");
        assert!(bytes.contains("0x05435352"), "{said}");
        assert!(said.contains("`q` is not a format of pw x"), "{said}");
        assert!(said.contains("which physical address?"), "{said}");
    });
}
