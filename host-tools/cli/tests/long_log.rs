//! A log of any length: its faults are counted and handed on, and only so many are kept.

mod measured;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// More than are kept.
const FAULTS: u64 = 70_000;
const PROGRAM: &str = env!("CARGO_BIN_EXE_pagewalk");

/// A line for each fault, as a kernel of ours prints it, on 512 pages; each second one of task 3.
fn line(seq: u64) -> String {
    let (seconds, micros) = (seq / 1000, seq % 1000 * 1000);
    let (page, task) = (0x20_0000 + seq % 512 * 4096, 2 + seq % 2);
    format!(
        "[{seconds:>5}.{micros:06}] pagewalk: EXCEPTION: Store/AMO page fault. SCAUSE: 0000000f, \
         EPC: 00000000000104c2, STVAL: {page:016x}, task: {task}, seq: {seq}, user write, heap, \
         zeroed, level: 0, entry: 0000000000000000, frame: 0000000080431000, cost: 812\r\n"
    )
}

fn log(path: &Path, faults: u64) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    for seq in 0..faults {
        // Each pair comes in the wrong order, as a line before the frame of an earlier fault does.
        let number = seq ^ u64::from(seq > 1);
        file.write_all(line(number).as_bytes()).expect("room");
    }
}

#[test]
fn a_long_log_takes_as_much_memory_as_a_short_one_and_is_counted_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    for (faults, forms) in [(FAULTS, 4), (FAULTS * 2, 1)] {
        let path = folder.path().join("serial.log");
        log(&path, faults);
        let name = path.to_str().expect("a name");
        for words in [
            &["faults", name, "--format", "csv"][..],
            &["faults", name, "--format", "json"],
            &["faults", name, "--totals"],
            &["faults", name],
        ]
        .into_iter()
        .take(forms)
        {
            let run = measured::run(PROGRAM, words);
            assert_eq!(run.code, Some(0), "{words:?}: {}", run.stderr);
            println!("{words:?}: {} KiB", run.peak >> 10);
            assert!(run.peak <= 64 << 20, "{words:?}: {} bytes", run.peak);
            match words.last() {
                Some(&"csv") => assert_eq!(run.lines, faults + 1),
                Some(&"json") => assert!(run.lines > faults, "{}", run.lines),
                _ => assert!(run.lines < 100, "{}", run.lines),
            }
        }
    }
}

#[test]
fn faults_of_a_long_log_come_in_order_and_add_up_also_from_stdin_and_for_one_task() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("serial.log");
    log(&path, FAULTS);
    let answer = |words: &[&str]| {
        let run = Command::new(PROGRAM)
            .args(["faults", "-"])
            .args(words)
            .stdin(Stdio::from(File::open(&path).expect("a log")))
            .output()
            .expect("it runs");
        assert!(run.status.success());
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(run.stdout), text(run.stderr))
    };
    let (csv, _) = answer(&["--format", "csv"]);
    let second = |line: &str| line.split(',').nth(1).and_then(|it| it.parse().ok());
    let numbers: Vec<u64> = csv.lines().skip(1).filter_map(second).collect();
    assert!(numbers.into_iter().eq(0..FAULTS), "by number");
    let (json, _) = answer(&["--format", "json", "--task", "3"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["faults"].as_array().map(Vec::len),
        Some(FAULTS as usize / 2)
    );
    assert_eq!(json["causes"][0]["faults"], FAULTS / 2);
    assert_eq!(json["pages"].as_array().map(Vec::len), Some(256));
    assert_eq!((&json["missing"], &json["boots"]), (&0.into(), &1.into()));
    // The table says from where on it has totals only.
    let (table, said) = answer(&[]);
    assert!(said.contains("more than 65536 faults"), "{said}");
    assert!(table.starts_with("70000 faults in 69.999000 s"), "{table}");
}
