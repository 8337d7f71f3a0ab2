//! The plugin's other commands in a live gdb, and the same questions asked of the stub without it.

use crate::board::SocketBoard;
use crate::host::pagewalk;
use crate::plugin::{Machine, between, gdb};
use crate::tools::path;

/// Echoes around a command, for [`between`].
fn marked(mark: &str, command: &str) -> [String; 3] {
    [
        format!("echo <{mark}>\\n"),
        command.to_owned(),
        format!("echo </{mark}>\\n"),
    ]
}

/// gdb with these commands, each between its marks.
#[track_caller]
fn asked(target: &str, commands: &[(&str, &str)]) -> String {
    let commands = commands
        .iter()
        .flat_map(|(mark, command)| marked(mark, command));
    let commands: Vec<String> = commands.chain(["detach".to_owned()]).collect();
    gdb(target, &commands.iter().map(|it| &**it).collect::<Vec<_>>())
}

#[test]
fn gdb_and_the_host_find_judge_and_count_alike() {
    let mut machine = Machine::boot(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| path(&folder.path().join(name)).to_owned();
    let (before, svg, png) = (file("before.json"), file("it.svg"), file("it.png"));
    let said = asked(
        &machine.stub,
        &[
            ("find", "pw find 0x80200000"),
            (
                "pattern",
                "pw find --pattern 506167657761 --range 0xffffffff80000000-0",
            ),
            ("lint", "pw lint --board qemu-virt"),
            ("stats", "pw stats"),
            ("ws", "pw ws --user"),
            ("map", "pw map --kernel --exec --merge va"),
            ("snapshot", &format!("pw snapshot {before}")),
            ("diff", &format!("pw diff {before}")),
            ("chart", &format!("pw chart {svg}")),
            ("levels", &format!("pw chart levels {png}")),
            ("pa", "printf \"%lx\\n\", $pw_pa($pc)"),
            ("flags", "output $pw_flags($pc)"),
            ("none", "print $pw_pa(8)"),
            ("pc", "printf \"%lx\\n\", $pc"),
            ("mode", "maintenance packet qqemu.PhyMemMode"),
        ],
    );
    let told = |mark: &str| between(&said, mark).to_owned();
    assert!(told("mode").contains("received: \"0\""), "{said}");
    assert_eq!(
        told("diff").lines().last(),
        Some("no changes: 128MiB as before"),
        "{said}"
    );
    // The snapshot holds what gdb saw: each answer is the host's, of the file.
    let same = |mark: &str, words: &[&str]| {
        let ours = pagewalk(&[words, &["--from", &before]].concat());
        assert_eq!(told(mark), ours, "{mark}: {said}");
    };
    same("find", &["find", "0x80200000"]);
    same("lint", &["lint", "--board", "qemu-virt"]);
    same("stats", &["stats"]);
    same("ws", &["ws", "--user"]);
    same("map", &["map", "--kernel", "--exec", "--merge", "va"]);
    assert!(told("pattern").contains("r---gad"), "{said}");
    // The kernel's text: the walk says where, and QEMU what lies there.
    let walk = pagewalk(&[
        "walk",
        &format!("0x{}", told("pc").trim()),
        "--from",
        &before,
    ]);
    let pa = told("pa").trim().to_owned();
    assert!(walk.contains(&format!("-> 0x{pa}:")), "{walk}: {said}");
    assert!(said.contains("\"r-x-gad\""), "{said}");
    assert!(said.contains("0x8: not valid (V=0)"), "{said}");
    for (drawn, begin) in [(&svg, &b"<svg"[..]), (&png, b"\x89PNG")] {
        assert!(std::fs::read(drawn).expect("a chart").starts_with(begin));
    }
    machine.monitor.must_run();
    // What a program writes is a change since then.
    let from = format!("gdb://{}", machine.stub);
    machine.board.terminal().run("spin forever 1048576 &");
    let live = pagewalk(&["stats", "--from", &from, "--format", "csv"]);
    assert!(live.contains("tables,0,"), "{live}");
    machine.monitor.must_run();
}

#[test]
fn another_root_is_looked_at_until_the_harts_is_wanted_again() {
    let board = SocketBoard::boot(&[]);
    board.terminal().run("spin forever 1048576 &");
    let line = path(&board.line()).to_owned();
    let said = asked(
        &line,
        &[
            ("hart", "pw root"),
            ("task", "pw root 2"),
            ("map", "pw map --user"),
            ("all", "pw find 0x80200000"),
            ("value", "pw root 0x8000000000080120"),
            ("back", "pw root hart"),
            ("none", "pw root 99"),
            ("device", "pw walk 0x10000000"),
        ],
    );
    let told = |mark: &str| between(&said, mark).to_owned();
    assert!(told("hart").ends_with(", the hart's\n"), "{said}");
    assert!(told("task").ends_with(", chosen\n"), "{said}");
    // The million bytes that the task has touched are its own.
    assert!(told("map").contains("rw-u-ad"), "{said}");
    assert_eq!(told("value"), "satp 0x8000000000080120, chosen\n");
    assert_eq!(told("back"), told("hart"));
    assert!(said.contains("this stub has no task 99"), "{said}");
    assert_eq!(board.terminal().run("hello"), "hello, world\n");
}

#[test]
fn a_working_set_is_watched_while_a_program_touches_its_pages() {
    let machine = Machine::boot(&[]);
    let from = format!("gdb://{}", machine.stub);
    let tables = [
        "ws",
        "--from",
        &from,
        "--range",
        "0x0-0x4000000000",
        "--watch",
        "0",
    ];
    let told = pagewalk(&[&tables[..], &["--samples", "3", "--format", "csv"]].concat());
    let lines: Vec<Vec<u64>> = told
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .map(|it| it.parse().expect("a number"))
                .collect()
        })
        .collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(
        lines.iter().all(|line| line[1] > 0 && line[2] <= line[1]),
        "{told}"
    );
    assert!(
        lines.windows(2).all(|pair| pair[0][0] < pair[1][0]),
        "time goes on: {told}"
    );
}

#[test]
fn a_stub_tells_why_the_hart_trapped_last() {
    let mut machine = Machine::boot(&[]);
    machine.board.terminal().run("faulter null");
    let from = format!("gdb://{}", machine.stub);
    let told = pagewalk(&["explain", "--from", &from]);
    for register in ["scause", "sepc", "stval", "satp"] {
        assert!(told.contains(register), "{register}: {told}");
    }
    let inside = asked(&machine.stub, &[("explain", "pw explain")]);
    let cause = told.lines().next().expect("a cause");
    assert!(
        between(&inside, "explain").contains(cause),
        "{told}: {inside}"
    );
    machine.monitor.must_run();
}
