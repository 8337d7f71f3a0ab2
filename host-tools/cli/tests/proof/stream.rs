//! Faults as frames on the serial line, and what the host makes of the recording.

use abi::Sighting;
use link::{Decoder, LineEvent};
use wire::Request;

use crate::board::{Board, Logged, Qemu, built, fault_log, number_after};
use crate::tools::{path, tool};

/// Everything a recording says.
fn heard(recording: &[u8]) -> Vec<LineEvent> {
    let mut said = Vec::new();
    let mut listener = Decoder::new(None);
    listener.receive(recording, &mut |one| said.push(one));
    listener.finish(&mut |one| said.push(one));
    said
}

/// The faults among what was said.
fn sightings(said: &[LineEvent]) -> Vec<Sighting> {
    let fault = |one: &LineEvent| match one {
        LineEvent::Fault(sighting) => Some(*sighting),
        _ => None,
    };
    said.iter().filter_map(fault).collect()
}

/// Listens until the board has sent `count` faults: frames go out when the line is idle.
#[track_caller]
fn hear_out(board: &mut Board, count: u64) -> Vec<LineEvent> {
    loop {
        let said = heard(board.transcript());
        if sightings(&said).len() as u64 >= count {
            return said;
        }
        board.hear_more();
    }
}

/// Programs that fault in every way a healthy program does, and one that dies.
fn keep_busy(board: &mut Board) -> (u64, Vec<Logged>) {
    assert_eq!(board.run("hello"), "hello, world\n");
    assert!(board.run("touch_test 300").contains("300 pages"));
    assert!(board.run("stack_test 500").contains("depth 500"));
    assert!(board.run("faulter null").contains("no region"));
    fault_log(&board.run("faults"))
}

#[test]
fn a_recording_tells_every_fault_as_the_board_logged_it() {
    let mut board = Qemu::with_image().append("frames=1").boot();
    let (count, log) = keep_busy(&mut board);
    assert!(count > 300, "{count} faults");
    let said = hear_out(&mut board, count);

    let LineEvent::Welcome {
        ticks_per_second,
        xlen,
        board: name,
        ..
    } = &said
        .iter()
        .find(|one| !matches!(one, LineEvent::Text(_)))
        .expect("a frame")
    else {
        panic!("the first frame is a welcome: {said:?}")
    };
    assert_eq!(
        (*ticks_per_second, *xlen, &**name),
        (10_000_000, 64, "qemu-virt")
    );
    let wrong = said.iter().find(|one| {
        !matches!(
            one,
            LineEvent::Welcome { .. } | LineEvent::Fault(_) | LineEvent::Text(_)
        )
    });
    assert_eq!(wrong, None, "nothing was lost, missed or broken");

    let told = sightings(&said);
    assert_eq!(told.len(), log.len());
    for (told, logged) in told.iter().zip(&log) {
        let fault = &told.fault;
        let same = Logged {
            seq: told.seq.expect("frames count"),
            task: fault.task.into(),
            scause: fault.cause.into(),
            epc: fault.epc,
            va: fault.va,
            outcome: fault.outcome().to_string(),
            cost: fault.cost.into(),
        };
        assert_eq!(&same, logged);
        assert!(told.time_us.is_some(), "the welcome has the clock's rate");
    }
    assert!(
        told.windows(2)
            .all(|pair| pair[0].time_us <= pair[1].time_us),
        "in the order of time"
    );
    let text = board.text();
    assert!(
        text.contains("touch_test: 300 pages") && text.is_ascii(),
        "the text between is whole:\n{text}"
    );
}

#[test]
fn the_host_shows_the_recording_fault_by_fault_and_in_sum() {
    let mut board = Qemu::with_image().append("frames=1").boot();
    let (count, log) = keep_busy(&mut board);
    hear_out(&mut board, count);
    let folder = tempfile::tempdir().expect("a folder for the recording");
    let recording = folder.path().join("serial.bin");
    std::fs::write(&recording, board.transcript()).expect("the recording");

    let rows = pagewalk(&["faults", path(&recording), "--format", "csv"]);
    let mut rows = rows.lines();
    let heading: Vec<&str> = rows.next().expect("a heading").split(',').collect();
    let column = |name: &str| heading.iter().position(|word| *word == name).expect(name);
    let [seq, cause, address, outcome] = ["seq", "cause", "address", "outcome"].map(column);
    let shown: Vec<[String; 4]> = rows
        .map(|row| row.split(',').collect::<Vec<&str>>())
        .map(|row| [row[seq], row[cause], row[address], row[outcome]].map(str::to_owned))
        .collect();
    let logged: Vec<[String; 4]> = log
        .iter()
        .map(|one| {
            [
                one.seq.to_string(),
                one.scause.to_string(),
                format!("{:#x}", one.va),
                one.outcome.clone(),
            ]
        })
        .collect();
    assert_eq!(shown, logged);

    let sum = pagewalk(&["faults", path(&recording), "--format", "json"]);
    let sum: serde_json::Value = serde_json::from_str(&sum).expect("JSON");
    assert_eq!(sum["rate"]["faults"], count, "{}", sum["rate"]);
    assert_eq!(
        (&sum["missing"], &sum["overwritten"]),
        (&0.into(), &0.into())
    );

    // The task that touched 300 pages, its instruction named by its own program.
    let toucher = log
        .iter()
        .find(|one| one.outcome == "zeroed")
        .expect("a touch")
        .task
        .to_string();
    let elf = built("board-side/riscv64gc-unknown-none-elf/board/touch_test");
    let named = pagewalk(&[
        "faults",
        path(&recording),
        "--task",
        &toucher,
        "--elf",
        path(&elf),
    ]);
    assert!(named.matches("touch_test::run+").count() >= 300, "{named}");
}

/// What the host's own program answers; it must have nothing to complain about.
#[track_caller]
fn pagewalk(arguments: &[&str]) -> String {
    let said = tool(env!("CARGO_BIN_EXE_pagewalk"), arguments, b"");
    String::from_utf8(said).expect("text")
}

#[test]
fn a_host_that_says_hello_is_told_all_that_went_before() {
    let mut board = Qemu::with_image().boot();
    let (count, _) = keep_busy(&mut board);
    assert!(
        !board.transcript().contains(&0),
        "text only, until a host says hello"
    );
    let mut hello = [0; 32];
    let length = Request::encode_hello(wire::VERSION, 0, &mut hello).expect("room for a hello");
    board.send(&hello[..length]);
    let told = sightings(&hear_out(&mut board, count));
    let numbers: Vec<u64> = told.iter().filter_map(|told| told.seq).collect();
    assert_eq!(numbers[..count as usize], (0..count).collect::<Vec<u64>>());
    assert_eq!(
        board.run("hello"),
        "hello, world\n",
        "and the shell saw none of it"
    );
}

/// A batch is not full for a long time when a task computes; the host receives it all the same.
#[test]
fn a_task_that_only_computes_keeps_no_fault_from_the_host() {
    let mut board = Qemu::with_image().append("frames=1").boot();
    let started = board.run("spin &");
    let (_, log) = fault_log(&board.run("faults"));
    let task = number_after(&started, "[") as u32;
    let count = log.iter().filter(|logged| logged.task == task).count();
    assert!((1..12).contains(&count), "less than a batch: {log:?}");
    board.run(&format!("kill {task}"));

    board.type_line("spin");
    let told = |board: &Board| {
        let told = sightings(&heard(board.transcript()));
        let of_task = |told: &&Sighting| u32::from(told.fault.task) == task + 1;
        told.iter().filter(of_task).count()
    };
    while told(&board) < count {
        board.hear_more();
    }
}
