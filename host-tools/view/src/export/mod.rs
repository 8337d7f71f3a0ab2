//! Faults in the formats of other tools: one file and one row for each.
//!
//! ```text
//! cli: a recording --> ledger --> ExportedFault ... --> Export --> ExportOutput (a file, or a folder of them)
//! ```
//!
//! Faults arrive one by one in the order they happened, so that a recording of any length can be exported.

use std::io::{self, Write};

use model::Faults;
use model::ledger::LedgerRow;

mod clock;
mod csv;
mod firefox;
mod folded;
mod json;
mod parquet;
mod perfetto;
mod perfetto_messages;

pub use self::parquet::{ParquetFile, SCHEMA, partition};

/// A fault, with what the recording knows beside its record.
pub struct ExportedFault<'a> {
    /// The fault in its ledger.
    pub row: &'a LedgerRow,
    /// Name of the board; empty if it is not known.
    pub board: &'a str,
    /// Microseconds since 1970 at which the host received it; `None` in a log without times.
    pub received_us: Option<u64>,
    /// Function that contains `epc`, if a program with symbols was given.
    pub function: Option<&'a str>,
}

/// Where an export writes.
pub trait ExportOutput {
    /// Opens the file at this path below the output; the empty path is the output itself.
    fn open(&mut self, path: &str) -> io::Result<Box<dyn Write + Send>>;
}

/// An export that is being written.
pub trait Export {
    /// Adds a fault.
    fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()>;

    /// Completes the export; the totals are those of all faults.
    fn end(self: Box<Self>, totals: &Faults) -> io::Result<()>;
}

/// A format, and how to begin one.
pub struct ExportKind {
    /// Its option on the command line, without `--`.
    pub name: &'static str,
    /// What reads it.
    pub help: &'static str,
    /// Whether the output is a folder.
    pub is_folder: bool,
    /// Begins an export; the second argument names the recording, for file names and titles.
    pub begin: Begin,
}

/// Begins an export.
pub type Begin = for<'a> fn(&'a mut dyn ExportOutput, &str) -> io::Result<Box<dyn Export + 'a>>;

/// All formats.
pub const EXPORTS: &[ExportKind] = &[
    ExportKind {
        name: "perfetto",
        help: "A Perfetto trace: tasks and harts are tracks, faults are slices with arguments",
        is_folder: false,
        begin: perfetto::begin,
    },
    ExportKind {
        name: "firefox",
        help: "A profile for the Firefox Profiler: tasks are threads, faults are markers and samples",
        is_folder: false,
        begin: firefox::begin,
    },
    ExportKind {
        name: "parquet",
        help: "A folder of Parquet files, board=NAME/date=DAY, for DuckDB, Polars, Spark",
        is_folder: true,
        begin: parquet::begin,
    },
    ExportKind {
        name: "csv",
        help: "A line for each fault",
        is_folder: false,
        begin: csv::begin,
    },
    ExportKind {
        name: "json",
        help: "One JSON object, as `faults --format json` has it",
        is_folder: false,
        begin: json::begin,
    },
    ExportKind {
        name: "folded",
        help: "Folded stacks with counts, for flame graphs: board, task, cause, function",
        is_folder: false,
        begin: folded::begin,
    },
];

/// Name of a task, for a track or a thread.
fn task_name(row: &LedgerRow) -> String {
    match row.sighting.fault.task() {
        Some(task) => format!("task {task}"),
        None => "no task".to_owned(),
    }
}

/// Name of the board, for a process or a track.
fn board_name<'a>(fault: &ExportedFault<'a>) -> &'a str {
    match fault.board {
        "" => "board",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use abi::{Fault, Sighting};
    use model::Ledger;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);
    struct KeptFile(Kept, String);

    impl ExportOutput for Kept {
        fn open(&mut self, path: &str) -> io::Result<Box<dyn Write + Send>> {
            Ok(Box::new(KeptFile(self.clone(), path.to_owned())))
        }
    }

    impl Write for KeptFile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut files = self.0.0.lock().unwrap();
            files.entry(self.1.clone()).or_default().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Everything an export wrote, of a few faults of two boots.
    fn exported(kind: &ExportKind) -> BTreeMap<String, Vec<u8>> {
        let mut ledger = Ledger::default();
        for (seq, time_us, task) in [(0, 1000, 2), (1, 1001, 3), (2, 5000, 2), (0, 10, 2)] {
            ledger.add(Sighting {
                seq: Some(seq),
                time_us: Some(time_us),
                fault: Fault {
                    cause: 15,
                    va: u64::MAX - 4095,
                    task,
                    epc: time_us,
                    ..Fault::EMPTY
                },
            });
        }
        let mut kept = Kept::default();
        let faults = Faults::from(ledger);
        let mut export = (kind.begin)(&mut kept, "run").unwrap();
        for row in faults.all() {
            let fault = ExportedFault {
                row,
                board: "ox/64",
                received_us: Some(1_800_000_000_000_000),
                function: None,
            };
            export.fault(&fault).unwrap();
        }
        export.end(&faults).unwrap();
        kept.0.lock().unwrap().clone()
    }

    #[test]
    fn every_format_writes_something_and_also_of_no_fault() {
        for kind in EXPORTS {
            let files = exported(kind);
            assert!(
                files.values().all(|bytes| bytes.len() > 20),
                "{}",
                kind.name
            );
            let mut kept = Kept::default();
            let export = (kind.begin)(&mut kept, "run").unwrap();
            export.end(&Faults::from(Ledger::default())).unwrap();
        }
    }

    #[test]
    fn folded_stacks_count_and_escape() {
        let kind = EXPORTS.iter().find(|kind| kind.name == "folded").unwrap();
        let text = String::from_utf8(exported(kind)[""].clone()).unwrap();
        assert!(
            text.contains("ox/64;task 2;Store/AMO page fault;0x3e8 1\n"),
            "{text}"
        );
        let sum = text
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        assert_eq!(sum.sum::<u64>(), 4);
    }

    #[test]
    fn a_partition_is_a_path_without_surprises() {
        assert_eq!(
            partition("ox/64=..", Some(1_800_000_000_000_000)),
            "board=ox_64_../date=2027-01-15"
        );
        assert_eq!(
            partition("", None),
            "board=__HIVE_DEFAULT_PARTITION__/date=__HIVE_DEFAULT_PARTITION__"
        );
        assert_eq!(partition("..", Some(0)), "board=../date=1970-01-01");
        let kind = EXPORTS.iter().find(|kind| kind.name == "parquet").unwrap();
        let files = exported(kind);
        let names: Vec<&String> = files.keys().collect();
        assert_eq!(names, ["board=ox_64/date=2027-01-15/run.parquet"]);
        assert!(
            files
                .values()
                .all(|bytes| bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"))
        );
    }
}
