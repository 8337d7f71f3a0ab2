//! The card for the Ox64, booted on the machine in software: as a user runs it.

#[path = "board/inputs.rs"]
mod inputs;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use inputs::built;
use rustix::process::{Pid, Signal, kill_process};

/// Time after which what is awaited is given up.
const PATIENCE: Duration = Duration::from_secs(150);

/// Exit code, stdout, stderr.
fn ox64(words: &[&str]) -> (i32, String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .arg("ox64")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("our program runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = run.status.code().expect("it ends by itself");
    (code, text(run.stdout), text(run.stderr))
}

fn card() -> String {
    let card = built("images/ox64-sd.img");
    card.to_str()
        .expect("paths of the build are UTF-8")
        .to_owned()
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_the_card_is_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("none/of/these");
    let nowhere = nowhere.to_str().expect("UTF-8");
    for option in ["--save", "--trace"] {
        let (code, said, notes) = ox64(&["no-such-card.img", option, nowhere]);
        assert_eq!((code, said.as_str()), (1, ""), "{notes}");
        assert!(notes.contains(nowhere), "{option}: {notes}");
        assert!(!notes.contains("no-such-card"), "{option}: {notes}");
    }
}

#[test]
fn the_card_boots_and_runs_programs_and_silicon_would_refuse_nothing() {
    for maee in ["0", "1"] {
        let card = card();
        let mut words = vec![card.as_str(), "--maee", maee, "--limit", "500000000"];
        words.extend(["--until", "prompt"]);
        for line in ["hello", "touch_test 3", "faulter null", "faults", "audit"] {
            words.extend(["--type", line]);
        }
        let (code, said, notes) = ox64(&words);
        assert_eq!(code, 0, "{said}\n{notes}");
        for wanted in [
            "Pine64 Ox64: 64 MiB RAM",
            "hello, world",
            "touch_test: 3 pages",
            "faulter null: killed: Store/AMO page fault at 0x8",
            "no region",
            "audit: every frame has one owner",
        ] {
            assert!(said.contains(wanted), "no `{wanted}`: {said}");
        }
        assert!(notes.contains("Starting kernel"), "{notes}");
        let clean = "nothing that silicon would refuse";
        assert!(notes.contains(clean), "{notes}");
    }
}

#[test]
fn the_same_card_and_lines_give_the_same_bytes_and_instructions() {
    let run = || ox64(&[&card(), "--until", "prompt", "--type", "hello"]);
    assert_eq!(run(), run());
}

#[test]
fn what_is_no_card_is_said_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let none = folder.path().join("none").to_string_lossy().into_owned();
    for (card, wanted) in [
        (none, "No such file"),
        (file("empty", b""), "neither an MBR nor a GPT"),
        (file("zeros", &[0; 1 << 20]), "neither an MBR nor a GPT"),
    ] {
        let (code, said, notes) = ox64(&[&card, "--until", "prompt"]);
        assert_eq!((code, said.as_str()), (1, ""), "{notes}");
        assert!(notes.contains(wanted), "{notes}");
    }
}

/// A generator of numbers: Marsaglia's xorshift.
fn draw(state: &mut u64, most: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as usize % most
}

/// What a card has in use, up to there: its tables, its folders, its files.
const IN_USE: usize = 4 << 20;

/// Harms a part of the card that is not empty. Most of it are files; as often as not it is what describes them.
fn harm(state: &mut u64, card: &mut [u8], whole: &[u8]) {
    let sectors: Vec<usize> = (0..whole.len() / 512)
        .filter(|sector| whole[sector * 512..][..512].iter().any(|byte| *byte != 0))
        .collect();
    let few = sectors.len().min(40);
    let among = [few, sectors.len()][draw(state, 2)];
    let at = sectors[draw(state, among)] * 512 + draw(state, 512);
    let end = whole.len().min(at + [1, 4, 32, 512][draw(state, 4)]);
    match draw(state, 4) {
        0 => card[at] ^= 1 << draw(state, 8),
        1 => card[at..end].fill([0, 0xff, 0x0f, 0x20][draw(state, 4)]),
        2 => card[at..end].fill_with(|| draw(state, 256) as u8),
        // A part of another place: loops of clusters and of folders, entries twice.
        _ => {
            let from = draw(state, whole.len() - (end - at));
            card[at..end].copy_from_slice(&whole[from..from + (end - at)]);
        }
    }
}

/// `HARMED` is how many cards there are, `SEED` plays them again: 200 in `just soak`.
#[test]
fn a_card_that_is_harmed_anywhere_is_judged_in_words_and_ends() {
    let number = |name: &str, default: u64| -> u64 {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let bytes = fs::read(card()).expect("the card");
    let (whole, size) = (&bytes[..IN_USE.min(bytes.len())], bytes.len() as u64);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("card");
    let mut seed = number("SEED", 0x0c64);
    for turn in 0..number("HARMED", 12) {
        let mut state = seed;
        let mut harmed = whole.to_vec();
        for _ in 0..=draw(&mut state, 8) {
            harm(&mut state, &mut harmed, whole);
        }
        let file = fs::File::create(&path).expect("a file");
        (&file).write_all(&harmed).expect("room");
        // Now and then it is cut off, too.
        match draw(&mut state, 8) {
            0 => file.set_len(draw(&mut state, IN_USE) as u64),
            _ => file.set_len(size),
        }
        .expect("room");
        let name = path.to_str().expect("UTF-8");
        let maee = ["0", "1"][turn as usize % 2];
        let words = [
            name, "--maee", maee, "--until", "prompt", "--limit", "5000000",
        ];
        // A signal or a panic is neither.
        let (code, _, notes) = ox64(&words);
        assert!([0, 1].contains(&code), "SEED={seed}: {code}: {notes}");
        assert!(
            code == 0 || notes.contains("error: "),
            "SEED={seed}: {notes}"
        );
        seed = state | 1;
    }
}

#[test]
fn an_end_that_does_not_come_is_an_error() {
    let card = card();
    let limited = ["--until", "prompt", "--limit", "10000"];
    let (code, _, notes) = ox64(&[&[card.as_str()][..], &limited].concat());
    assert_eq!(code, 1);
    assert!(
        notes.contains("not seen within 10000 instructions"),
        "{notes}"
    );
    let (code, _, notes) = ox64(&[&card, "--until", "no such words"]);
    assert_eq!(code, 1);
    assert!(notes.contains("nothing will wake it"), "{notes}");
}

#[test]
fn a_rule_that_does_not_exist_is_answered_with_those_that_do() {
    let (code, _, notes) = ox64(&[&card(), "--forgive", "gravity"]);
    assert_eq!(code, 2);
    assert!(
        notes.contains("unknown rule `gravity`; known rules: all, a-clear, d-clear"),
        "{notes}"
    );
    assert!(!notes.contains("Retrieving"), "before it boots: {notes}");
}

#[test]
fn keys_come_from_a_pipe_and_the_board_runs_on_until_it_sleeps() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["ox64", &card()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("our program runs");
    let mut keys = child.stdin.take().expect("a pipe");
    keys.write_all(b"hello\r").expect("it reads");
    drop(keys);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("hello, world"),
        "{said}"
    );
}

#[test]
fn the_checklist_is_that_of_the_documentation() {
    let (code, said, notes) = ox64(&["--checklist"]);
    assert_eq!((code, notes.as_str()), (0, ""));
    assert!(
        said.contains("Starting kernel") && said.contains("GPIO16"),
        "{said}"
    );
    assert_eq!(ox64(&[]).0, 2, "a card is needed for anything else");
}

#[test]
fn other_tools_see_the_board_on_its_serial_line() {
    let (mut child, place) = board_on_a_port();
    let ask = |words: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(words)
            .args(["--from", &place])
            .output()
            .expect("our program runs");
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    let (tasks, map, faults) = (ask(&["ps"]), ask(&["map"]), ask(&["faults"]));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(tasks.contains("sh"), "{tasks}");
    assert!(
        map.contains("0x0000000030002000") && map.contains("so,sh"),
        "{map}"
    );
    assert!(faults.contains("stack grown"), "{faults}");
}

/// The card on the machine, with its serial line at a port; and that port as a SPEC.
fn board_on_a_port() -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["ox64", &card(), "--serial", "tcp://127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("our program runs");
    let mut line = String::new();
    let said = child.stdout.take().expect("a pipe");
    BufReader::new(said).read_line(&mut line).expect("a line");
    let place = line.trim().strip_prefix("serial").expect(&line).trim();
    (child, place.to_owned())
}

#[test]
fn the_board_is_recorded_and_shown_by_the_dashboard() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut board, place) = board_on_a_port();
    let pagewalk = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pagewalk"));
        command.args(words).current_dir(folder.path());
        command.stdin(Stdio::null());
        command
    };
    // Its lines, as it prints them where there is no terminal.
    let mut dash = pagewalk(&["dash", &place, "--type", "touch_test 3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("our program runs");
    let shown = BufReader::new(dash.stdout.take().expect("a pipe"));
    let mut lines = shown.lines().map(|line| line.expect("text"));
    let fault = lines.find(|line| line.contains("Store/AMO page fault"));
    fault.expect("a fault is shown");
    kill_process(Pid::from_child(&dash), Signal::INT).expect("it runs");
    dash.wait().expect("it ends");
    let mut record = pagewalk(&["record", &place, "run.pwlog", "--type", "touch_test 3"])
        .stderr(Stdio::null())
        .spawn()
        .expect("our program runs");
    let read = |words: &[&str]| {
        let run = pagewalk(words).output().expect("our program runs");
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    // Within a second it is in the file, while the recording goes on.
    let deadline = Instant::now() + PATIENCE;
    let faults = loop {
        let faults = read(&["faults", "run.pwlog"]);
        if faults.matches("Store/AMO page fault").count() >= 3 {
            break faults;
        }
        let ended = record.try_wait().expect("a status");
        assert!(ended.is_none(), "the recording has ended: {faults}");
        assert!(Instant::now() < deadline, "{faults}");
    };
    assert!(faults.contains("zeroed"), "{faults}");
    let tasks = loop {
        let tasks = read(&["ps", "--from", "run.pwlog"]);
        if tasks.contains("sh") {
            break tasks;
        }
        let ended = record.try_wait().expect("a status");
        assert!(ended.is_none(), "the recording has ended: {tasks}");
        assert!(Instant::now() < deadline, "{tasks}");
    };
    kill_process(Pid::from_child(&record), Signal::INT).expect("it runs");
    let ended = record.wait().expect("it ends");
    board.kill().expect("it runs");
    board.wait().expect("it ends");
    assert!(ended.success(), "{tasks}");
    let info = read(&["recording", "info", "run.pwlog"]);
    assert!(info.contains("boards  ox64"), "{info}");
}

#[test]
fn a_trace_has_a_line_for_what_happens_beside_instructions() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trace.csv");
    let file = path.to_str().expect("a path");
    let (code, _, notes) = ox64(&[&card(), "--until", "prompt", "--trace", file]);
    assert_eq!(code, 0, "{notes}");
    let text = fs::read_to_string(&path).expect("the trace");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("clock,pc,kind,address,value"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 5));
    for kind in ["fill", "miss", "read", "write", "trap", "fence", "sbi"] {
        assert!(rows.iter().any(|row| row[2] == kind), "no {kind}");
    }
    // UART3's data register: the text itself.
    let sent = |row: &&Vec<&str>| row[2] == "write" && row[3] == "0x30002088";
    assert!(rows.iter().filter(sent).count() > "Pagewalk".len());
    // And its chart has a colour for each kind.
    let chart = folder.path().join("trace.svg");
    let drawn = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["chart", "trace", file, "-o"])
        .arg(&chart)
        .output()
        .expect("our program runs");
    assert!(drawn.status.success(), "{drawn:?}");
    let svg = fs::read_to_string(chart).expect("the chart");
    for kind in [
        "fill (", "miss (", "read (", "write (", "trap (", "fence (", "sbi (",
    ] {
        assert!(svg.contains(kind), "no {kind}");
    }
    assert!(svg.contains("Events over time: trace.csv"), "{svg}");
    let card = card();
    assert_eq!(
        ox64(&[&card, "--trace", &card]).0,
        2,
        "the card is not written over"
    );
}

#[test]
fn a_gdb_stub_shows_the_hart_and_its_tables() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["ox64", &card(), "--serial", "pty", "--gdb", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("our program runs");
    let mut notes = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let port = notes.find_map(|line| {
        let line = line.expect("text");
        let (_, port) = line.split_once("target remote localhost:")?;
        Some(port.trim().to_owned())
    });
    let place = format!("localhost:{}", port.expect("it says where"));
    let gdb = Command::new("gdb-multiarch")
        .args([
            "-q",
            "-nx",
            "-batch",
            "-ex",
            // A packet that is sent again would be answered twice.
            "set remotetimeout 60",
            "-ex",
            &format!("target remote {place}"),
        ])
        .args([
            "-ex",
            "stepi",
            "-ex",
            "info registers pc satp",
            "-ex",
            "break *$pc+4",
        ])
        .args(["-ex", "x/2i $pc"])
        .output()
        .expect("gdb-multiarch is there: ./setup --tests");
    let gdb = [gdb.stdout, gdb.stderr].concat();
    let map = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["map", "--from", &format!("gdb://{place}")])
        .output()
        .expect("our program runs");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let gdb = String::from_utf8_lossy(&gdb);
    assert!(
        gdb.contains("satp") && gdb.contains("Breakpoint 1"),
        "{gdb}"
    );
    let said = [map.stdout, map.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("0x0000000030002000"), "{said}");
}

#[test]
fn a_jtag_probe_halts_the_hart_and_sees_its_tables_and_it_runs_on() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args([
            "ox64",
            &card(),
            "--serial",
            "tcp://127.0.0.1:0",
            "--jtag",
            "0",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("our program runs");
    let mut serial = String::new();
    let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
    said.read_line(&mut serial).expect("a line");
    let serial = serial.trim().strip_prefix("serial").expect(&serial).trim();
    let mut notes = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let port = notes.find_map(|line| {
        let line = line.expect("text");
        let (_, port) = line.split_once("bitbang://")?;
        Some(port.trim().to_owned())
    });
    let port = port.expect("it says where");
    let ask = |words: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(words)
            .output()
            .expect("our program runs");
        let said = [run.stdout, run.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    };
    let probe = format!("probe:bitbang://{port}");
    // The kernel has booted once it answers on the line.
    let tasks = ask(&["ps", "--from", serial]);
    assert!(tasks.contains("sh"), "{tasks}");
    let info = ask(&["probe", "info", &probe]);
    assert!(
        info.contains("0x10000b6f") && info.contains("RV64"),
        "{info}"
    );
    let by_bus = ask(&["map", "--from", &probe, "--board", "ox64", "--by", "bus"]);
    let by_hart = ask(&[
        "map", "--from", &probe, "--board", "ox64", "--by", "program",
    ]);
    for map in [&by_bus, &by_hart] {
        assert!(map.contains("0x0000000030002000"), "{map}");
    }
    assert!(
        by_bus.contains("stale"),
        "the bus does not see the cache: {by_bus}"
    );
    assert!(!by_hart.contains("stale"), "{by_hart}");
    // It was not left halted.
    let faults = ask(&["faults", "--from", serial]);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(faults.contains("stack grown"), "{faults}");
}

#[test]
fn a_saved_board_goes_on_where_it_was_as_one_that_was_not_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("booted");
    let file = file.to_str().expect("a path");
    let card = card();
    let (code, _, notes) = ox64(&[&card, "--until", "prompt", "--save", file]);
    assert_eq!(code, 0, "{notes}");
    let lines = [
        "--until",
        "prompt",
        "--type",
        "touch_test 2",
        "--type",
        "faults",
    ];
    let (_, whole, whole_notes) = ox64(&[&[card.as_str()][..], &lines].concat());
    let (code, rest, notes) = ox64(&[&["--restore", file][..], &lines].concat());
    assert_eq!(code, 0, "{notes}");
    assert!(
        whole.ends_with(&rest),
        "{rest}\ninstead of the end of\n{whole}"
    );
    assert!(rest.contains("touch_test: 2 pages"), "{rest}");
    let count = |notes: &str| {
        let line = notes.lines().find(|line| line.contains(" instructions, "));
        line.map(str::to_owned)
    };
    assert_eq!(count(&notes), count(&whole_notes));
    let bytes = fs::read(file).expect("the snapshot");
    fs::write(file, &bytes[..bytes.len() / 2]).expect("a file");
    let (code, said, notes) = ox64(&["--restore", file]);
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(notes.contains("ends early"), "{notes}");
    assert_eq!(ox64(&[&card, "--restore", file]).0, 2, "one of the two");
    assert_eq!(
        ox64(&[&card, "--save", &card]).0,
        2,
        "the card is not written over"
    );
}
