//! Exports, read by the tools that they are for: Perfetto's Python package, DuckDB, Polars.

mod reader;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use reader::check;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

fn pagewalk(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words)
        .current_dir(folder)
        .output()
        .expect("pagewalk starts")
}

fn export(folder: &Path, from: &str, format: &str, to: &str) -> PathBuf {
    let from = format!("{TESTS}/captures/{from}");
    let output = pagewalk(folder, &["export", &from, format, "-o", to]);
    assert!(output.status.success(), "{output:?}");
    folder.join(to)
}

/// Recordings of both versions, and the log of another kernel.
const SOURCES: [&str; 3] = ["run.pwlog", "run-2.pwlog", "nuttx-stack_test.txt"];

#[test]
fn perfetto_reads_every_fault_with_its_track_time_and_arguments() {
    for source in SOURCES {
        let folder = tempfile::tempdir().expect("a folder");
        export(folder.path(), source, "--perfetto", "trace");
        export(folder.path(), source, "--csv", "csv");
        let count = check(folder.path(), &["perfetto", "trace", "csv"]);
        assert!(
            count.parse::<u64>().is_ok_and(|count| count > 5),
            "{source}: {count}"
        );
    }
}

#[test]
fn duckdb_and_polars_read_every_column_of_parquet() {
    for (source, board) in [("run.pwlog", "qemu-virt"), ("run-2.pwlog", "qemu-virt")] {
        let folder = tempfile::tempdir().expect("a folder");
        export(folder.path(), source, "--parquet", "faults");
        export(folder.path(), source, "--csv", "csv");
        assert_eq!(check(folder.path(), &["parquet", "faults", "csv"]), board);
    }
}

#[test]
fn csv_and_json_are_those_of_faults() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = format!("{TESTS}/captures/run-2.pwlog");
    for format in ["csv", "json"] {
        let output = pagewalk(folder.path(), &["faults", &source, "--format", format]);
        let to = export(folder.path(), "run-2.pwlog", &format!("--{format}"), format);
        let exported = fs::read(to).expect("a file");
        match format {
            "csv" => assert_eq!(exported, output.stdout),
            _ => {
                let [one, other] = [&exported, &output.stdout]
                    .map(|text| serde_json::from_slice::<Value>(text).expect("JSON"));
                assert_eq!(one, other);
            }
        }
    }
}

#[test]
fn a_firefox_profile_has_a_thread_for_each_task_and_a_marker_for_each_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = export(folder.path(), "run-2.pwlog", "--firefox", "profile.json");
    let text = fs::read(path).expect("a file");
    let profile: Value = serde_json::from_slice(&text).expect("JSON");
    let threads = profile["threads"].as_array().expect("threads");
    let markers = |thread: &Value| thread["markers"]["length"].as_u64().unwrap_or(0);
    let samples = |thread: &Value| thread["samples"]["length"].as_u64().unwrap_or(0);
    let csv = fs::read_to_string(export(folder.path(), "run-2.pwlog", "--csv", "csv"));
    let faults = csv.expect("a file").lines().count() as u64 - 1;
    assert_eq!(threads.iter().map(markers).sum::<u64>(), faults);
    assert_eq!(threads.iter().map(samples).sum::<u64>(), faults);
    let names: Vec<&str> = threads
        .iter()
        .filter_map(|thread| thread["name"].as_str())
        .collect();
    assert!(
        names.len() > 1 && names.iter().all(|name| name.starts_with("task")),
        "{names:?}"
    );
    assert_eq!(profile["meta"]["product"], "run-2");
}

#[test]
fn an_export_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("empty.log"), "no fault here\n").expect("a file");
    let output = pagewalk(
        folder.path(),
        &["export", "empty.log", "--perfetto", "-o", "out"],
    );
    assert_eq!(output.status.code(), Some(1));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_report_is_one_page_with_board_versions_chart_and_faults() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = format!("{TESTS}/captures/run-2.pwlog");
    let output = pagewalk(folder.path(), &["report", &source, "-o", "report.html"]);
    assert!(output.status.success(), "{output:?}");
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a page");
    for part in [
        "<td>qemu-virt, 64 bits</td>",
        "<th>Kernel</th><td>Pagewalk 0",
        "<th>Tool</th><td>pagewalk 0",
        "<svg",
        "Store/AMO page fault",
        // The walk of the fault that killed, as its record has it; this recording has no tables.
        "level 2 [  0]  points to the next table",
        "level 0 [  0]  0x0  the entry is zero: nothing is mapped  &lt;- stopped here",
        "The recording does not have these tables",
        "UTC",
        "</html>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Names of SVG and its parts are no requests.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "src=", "<script", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_compressed_recording_is_read_as_what_is_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = fs::read(format!("{TESTS}/captures/run-2.pwlog")).expect("a capture");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&plain).expect("room");
    let packed = packed.finish().expect("room");
    // A folder for each, so that both have one name, which is shown.
    for (place, bytes) in [("plain", &plain), ("packed", &packed)] {
        fs::create_dir(folder.path().join(place)).expect("a folder");
        fs::write(folder.path().join(place).join("run.pwlog"), bytes).expect("a file");
    }
    for words in [
        &["export", "run.pwlog", "--csv", "-o", "out"][..],
        &["report", "run.pwlog", "-o", "out"],
        &["recording", "cut", "run.pwlog", "--from", "3", "-o", "out"],
        &["recording", "merge", "run.pwlog", "-o", "out"],
        &["recording", "info", "run.pwlog"],
        &["recording", "check", "run.pwlog"],
    ] {
        let [plain, packed] = ["plain", "packed"].map(|place| {
            let place = folder.path().join(place);
            let output = pagewalk(&place, words);
            assert!(output.status.success(), "{words:?}: {output:?}");
            let made = fs::read(place.join("out")).expect("a file");
            (made, output.stdout, output.stderr)
        });
        assert!(plain == packed, "{words:?}");
    }
}

/// Writes so many faults of boards over days, in the layout of `collect`; returns how many.
fn farm(folder: &Path, rows: u64, boards: u64, days: u64) -> u64 {
    use abi::{Fault, Sighting};
    use model::ledger::LedgerRow;
    use view::export::{ExportedFault, ParquetFile, partition};

    let each = rows / (boards * days);
    for (board, day) in (0..boards).flat_map(|board| (0..days).map(move |day| (board, day))) {
        let name = format!("board-{board}");
        let midnight_us = 1_800_000_000_000_000 + day * 86_400_000_000;
        let path = folder.join(partition(&name, Some(midnight_us)));
        fs::create_dir_all(&path).expect("a folder");
        let file = fs::File::create(path.join("run.1.parquet")).expect("a file");
        let mut file = ParquetFile::begin(Box::new(file)).expect("a file of Parquet");
        for seq in 0..each {
            let row = LedgerRow {
                id: seq + 1,
                boot: 0,
                sighting: Sighting {
                    seq: Some(seq),
                    time_us: Some(seq * 1000),
                    fault: Fault {
                        cause: if seq % 9 == 0 { 13 } else { 15 },
                        va: 0x20_0000 + seq * 4096,
                        task: 2,
                        ..Fault::EMPTY
                    },
                },
            };
            let fault = ExportedFault {
                row: &row,
                board: &name,
                received_us: Some(midnight_us + seq * 1000),
                function: None,
            };
            file.fault(&fault).expect("room");
        }
        file.end().expect("room");
    }
    each * boards * days
}

/// A million rows; `just soak` has ten million, of 1,000 boards over 90 days.
#[test]
fn duckdb_and_polars_count_the_faults_of_a_farm() {
    let number = |name: &str, default: u64| -> u64 {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (rows, boards, days) = (
        number("ROWS", 1_000_000),
        number("BOARDS", 20),
        number("DAYS", 10),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let rows = farm(folder.path(), rows, boards, days);
    let text = check(folder.path(), &["count", ".", &rows.to_string()]);
    assert!(text.starts_with(&format!("{} rows", 2 * boards)), "{text}");
    println!("{rows} faults of {boards} boards over {days} days: {text}");
}
