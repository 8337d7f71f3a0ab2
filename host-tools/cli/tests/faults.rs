//! `pagewalk faults` and `pagewalk chart faults`, as a user runs them.

mod line;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn capture(name: &str) -> String {
    tests().join("captures").join(name).display().to_string()
}

fn pagewalk(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(args)
        .output()
        .expect("pagewalk runs")
}

/// What was answered, and what was remarked.
fn answer(args: &[&str]) -> (String, String) {
    let output = pagewalk(args);
    let remarks = String::from_utf8(output.stderr).expect("remarks are text");
    assert!(output.status.success(), "{args:?}: {remarks}");
    (
        String::from_utf8(output.stdout).expect("the answer is text"),
        remarks,
    )
}

fn refusal(args: &[&str]) -> (Option<i32>, String) {
    let output = pagewalk(args);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{args:?}");
    (
        output.status.code(),
        String::from_utf8(output.stderr).expect("text"),
    )
}

/// A change of output is a diff to read: `UPDATE_EXPECTED=1 cargo test` makes it.
fn expect(name: &str, got: &str) {
    let path = tests().join("expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, got).expect("the tree can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("what is expected is in the tree");
    assert!(
        got == expected,
        "differs from {}; got:\n{got}",
        path.display()
    );
}

fn recorded(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("room for it");
    file
}

#[test]
fn nuttx_logs_among_boot_messages_and_shell_output() {
    for test in ["alloc_test", "stack_test"] {
        let log = capture(&format!("nuttx-{test}.txt"));
        let (table, remarks) = answer(&["faults", &log]);
        expect(&format!("faults-nuttx-{test}.txt"), &table);
        assert_eq!(remarks, "");
        // Nothing that looks like a fault was left out.
        let text = std::fs::read_to_string(&log).expect("the capture");
        let count = text.matches("EXCEPTION").count();
        assert!(table.contains(&format!("\n{count} faults in ")), "{count}");
    }
}

#[test]
fn frames_text_and_noise_on_one_line() {
    let line = recorded(&line::recording());
    let path = line.path().to_str().expect("a plain path");
    let (table, remarks) = answer(&["faults", path]);
    expect("faults-frames.txt", &table);
    expect("faults-frames.remarks.txt", &remarks);
    let (json, _) = answer(&["faults", path, "--format", "json"]);
    expect("faults-frames.json", &json);
    let (csv, _) = answer(&["faults", path, "--format", "csv"]);
    expect("faults-frames.csv", &csv);
}

#[test]
fn every_format_tells_of_the_same_faults() {
    let line = recorded(&line::recording());
    let path = line.path().to_str().expect("a plain path");
    let (json, _) = answer(&["faults", path, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let (csv, _) = answer(&["faults", path, "--format", "csv"]);
    let faults = json["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), csv.lines().count() - 1);
    let sum = |total: &str| {
        let counts = json[total].as_array().expect("a list").iter();
        counts
            .map(|row| row["faults"].as_u64().expect("a count"))
            .sum::<u64>()
    };
    // One is an illegal instruction, which is on no page.
    assert_eq!(["causes", "tasks", "pages"].map(sum), [8, 8, 7]);
    for (row, line) in faults.iter().zip(csv.lines().skip(1)) {
        let address = row["address"].as_str().expect("hex");
        assert!(line.contains(&format!(",{address},")), "{line}");
    }
}

#[test]
fn one_task_and_only_totals() {
    let line = recorded(&line::recording());
    let path = line.path().to_str().expect("a plain path");
    let (table, _) = answer(&["faults", path, "--task", "4", "--totals", "--top", "1"]);
    assert_eq!(
        table,
        "2 faults in 0.000200 s, at most 2 in one millisecond\n\
         1 missing between them\n\
         7 overwritten on the board before it could send them\n\
         \n\
         faults  cause\n\
         \x20    1      2  Illegal instruction\n\
         \x20  and 1 more\n\
         \n\
         faults  task\n\
         \x20    2     4\n\
         \n\
         faults  task  page\n\
         \x20    1     4  0x00000000\n"
    );
}

#[test]
fn functions_are_named_by_the_program() {
    let log = recorded(&line::recording());
    let elf = recorded(&line::program());
    let paths = [&log, &elf].map(|file| file.path().to_str().expect("a plain path"));
    let (csv, _) = answer(&["faults", paths[0], "--elf", paths[1], "--format", "csv"]);
    let named = csv
        .lines()
        .filter(|line| line.contains(",touch_test::touch+0x4,"))
        .count();
    assert_eq!(named, 6, "{csv}");
    let (status, error) = refusal(&["faults", paths[0], "--elf", paths[0]]);
    assert_eq!(status, Some(1));
    assert!(error.contains("not an ELF file"), "{error}");
}

#[test]
fn standard_input_is_a_recording_too() {
    let log = std::fs::File::open(capture("nuttx-alloc_test.txt")).expect("the capture");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagewalk"));
    let output = command
        .args(["faults", "-"])
        .stdin(log)
        .output()
        .expect("pagewalk runs");
    expect(
        "faults-nuttx-alloc_test.txt",
        &String::from_utf8_lossy(&output.stdout),
    );
}

#[test]
fn what_is_no_log_is_told_with_what_was_read() {
    let prose = recorded(b"nothing\nhappened\nhere\n");
    let empty = recorded(b"");
    let cases = [
        ("/no/such/file", "No such file or directory"),
        (
            prose.path().to_str().expect("a plain path"),
            "22 bytes, 3 lines of text",
        ),
        (empty.path().to_str().expect("a plain path"), "empty"),
    ];
    for (path, why) in cases {
        let (status, error) = refusal(&["faults", path]);
        assert_eq!(status, Some(1), "{error}");
        assert!(error.contains(path) && error.contains(why), "{error}");
    }
    assert_eq!(refusal(&["faults"]).0, Some(2));
}

#[test]
fn a_chart_is_what_its_name_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = capture("nuttx-stack_test.txt");
    for (name, magic) in [("x.svg", &b"<svg "[..]), ("x.png", b"\x89PNG\r\n\x1a\n")] {
        let path = folder.path().join(name);
        answer(&[
            "chart",
            "faults",
            &log,
            "-o",
            path.to_str().expect("a plain path"),
        ]);
        assert!(std::fs::read(&path).expect("the chart").starts_with(magic));
    }
    let svg = std::fs::read_to_string(folder.path().join("x.svg")).expect("the chart");
    assert!(svg.contains("Store/AMO page fault (48)") && svg.contains("seconds since boot"));
}

#[test]
fn a_chart_that_cannot_be_drawn_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let log = capture("nuttx-stack_test.txt");
    let (status, error) = refusal(&["chart", "faults", &log, "-o", &path("x.jpg")]);
    assert_eq!(status, Some(2));
    assert!(
        error.contains("x.jpg: a chart is written as .svg or .png"),
        "{error}"
    );
    let timeless = "riscv_fillpage: EXCEPTION: Load page fault. MCAUSE: 0000000d, \
                    EPC: 80000000, MTVAL: c0000000\n";
    let timeless = recorded(timeless.as_bytes());
    let timeless = timeless.path().to_str().expect("a plain path");
    let (status, error) = refusal(&["chart", "faults", timeless, "-o", &path("x.svg")]);
    assert_eq!(status, Some(1));
    assert!(error.contains("no fault with a time in it"), "{error}");
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("the folder")
            .count(),
        0
    );
}
