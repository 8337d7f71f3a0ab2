//! `pagewalk faults` and `pagewalk chart faults`: what `golden.rs` cannot say.

mod line;
mod program;

use std::fs;
use std::path::Path;

use program::{json, pagewalk};

/// The captures that are made here, not taken from a board: what the wire encoder
/// and the ELF writer give today is what stands in the tree. `UPDATE=1` writes it.
#[test]
fn the_recording_is_what_the_encoder_makes() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let made = [
        ("pagewalk-line.bin", line::recording()),
        ("touch_test.elf", line::program()),
    ];
    for (name, bytes) in made {
        if std::env::var_os("UPDATE").is_some() {
            fs::write(captures.join(name), &bytes).expect(name);
        }
        assert!(
            fs::read(captures.join(name)).expect(name) == bytes,
            "{name}"
        );
    }
}

#[test]
fn nothing_that_looks_like_a_fault_is_left_out() {
    for (log, count) in [("nuttx-alloc_test.txt", 39), ("nuttx-stack_test.txt", 48)] {
        let faults = json(&["faults", log, "--format", "json"], "");
        let text = fs::read_to_string(format!("tests/captures/{log}")).expect(log);
        assert_eq!(text.matches("EXCEPTION").count(), count);
        assert_eq!(faults["faults"].as_array().expect("a list").len(), count);
    }
}

#[test]
fn every_format_tells_of_the_same_faults() {
    let all = json(&["faults", "pagewalk-line.bin", "--format", "json"], "");
    let csv = pagewalk(&["faults", "pagewalk-line.bin", "--format", "csv"], "").stdout;
    let faults = all["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), csv.lines().count() - 1);
    let sum = |total: &str| {
        let counts = all[total].as_array().expect("a list").iter();
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
fn an_empty_recording_is_told_from_one_without_faults() {
    let run = pagewalk(&["faults", "-"], "");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (1, "error: standard input: empty\n")
    );
}

#[test]
fn a_chart_is_what_its_name_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, magic) in [("x.svg", &b"<svg "[..]), ("x.png", b"\x89PNG\r\n\x1a\n")] {
        let path = folder.path().join(name);
        let to = path.to_str().expect("a plain path");
        let run = pagewalk(&["chart", "faults", "nuttx-stack_test.txt", "-o", to], "");
        assert_eq!(
            (run.code, run.stdout.as_str(), run.stderr.as_str()),
            (0, "", "")
        );
        assert!(fs::read(&path).expect("the chart").starts_with(magic));
    }
    let svg = fs::read_to_string(folder.path().join("x.svg")).expect("the chart");
    assert!(svg.contains("Store/AMO page fault (48)") && svg.contains("seconds since boot"));
}

#[test]
fn a_chart_that_cannot_be_drawn_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.svg");
    let timeless = "riscv_fillpage: EXCEPTION: Load page fault. MCAUSE: 0000000d, \
                    EPC: 80000000, MTVAL: c0000000\n";
    let run = pagewalk(
        &["chart", "faults", "-", "-o", path.to_str().expect("plain")],
        timeless,
    );
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("no fault with a time in it"),
        "{}",
        run.stderr
    );
    assert!(!path.exists());
}
