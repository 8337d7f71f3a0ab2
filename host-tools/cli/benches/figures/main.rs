//! `just bench`: our figures, their limits, and peers measured in the same run.
//!
//! A row is made by a function below; to add one, add it to the list. Prints a table, or with `--json` one object a
//! line: `{name, value, unit, better, limit, peer, peer_value, aim}`. Counts and bytes have a limit, which `just test`
//! gates where it can; times have an aim, which nothing gates. Every name on the command line asks for the rows that
//! begin with it. A time is a median of runs that take turns with the peer's, so that a busy machine troubles both.

mod binary;
mod clock;
#[cfg(feature = "export")]
mod dash;
mod dumps;
#[cfg(feature = "export")]
mod export;
mod faults;
mod guest;
mod guests;
#[path = "../../tests/hostile/mod.rs"]
mod hostile;
mod image;
mod initrd;
mod linux;
mod live;
mod machine;
mod paging;
#[cfg(feature = "probe")]
mod probe;
mod romfs;
mod row;
mod tables;
mod tasks;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use row::FigureRow;

/// What measures, and the names it gives its rows.
type Measure = (&'static [&'static str], fn() -> Vec<FigureRow>);

const MEASURES: &[Measure] = &[
    (&["image.pack", "image.pack.wall"], image::pack),
    (&["image.pack.sha256"], image::sum),
    (&["image.card.wall"], image::card),
    (&["image.vs_mtools"], image::vs_mtools),
    (&["image.vs_genimage"], image::vs_genimage),
    (&["romfs.69"], romfs::few),
    (&["romfs.5000"], romfs::many),
    (guest::RV64, guest::rv64),
    (guest::RV32, guest::rv32),
    (&["image.kernel_bytes"], guest::kernel_bytes),
    (paging::RV64, paging::rv64),
    (paging::RV32, paging::rv32),
    (&["wire.bytes_per_fault"], live::bytes_per_fault),
    (&["agent.bytes_per_entry"], live::bytes_per_entry),
    (&["gdb.start_to_map"], live::start_to_map),
    (&["dash.cpu_percent_1000"], live::dash_cpu),
    #[cfg(feature = "export")]
    (
        &[
            "log.open_1m_s",
            "dash.events_per_s",
            "dash.span_ms",
            "dash.rss_mib_1m",
        ],
        dash::open,
    ),
    #[cfg(feature = "probe")]
    (&["probe.map_scans"], probe::map_scans),
    #[cfg(feature = "probe")]
    (
        &[
            "probe.read_kib_s.bus",
            "probe.read_kib_s.program",
            "probe.read_kib_s.abstract",
        ],
        probe::speed,
    ),
    (&["machine.mips"], machine::mips),
    (&["map.core"], tables::core),
    (&["decode.rate"], tables::rate),
    (&["roots.scan"], tables::roots),
    (&["ps.linux", "map.linux.all"], tasks::linux),
    (
        &["walk.two_stage", "walk.two_stage.reads"],
        guests::two_stage,
    ),
    (&["faults.rate"], faults::rate),
    #[cfg(feature = "export")]
    (
        &["recording.bytes_per_fault", "recording.bytes_per_fault.50"],
        export::bytes_per_fault,
    ),
    #[cfg(feature = "export")]
    (&["export.parquet.rate"], export::parquet),
    #[cfg(feature = "export")]
    (&["report.bytes_1m"], export::report),
    #[cfg(feature = "export")]
    (&["collect.events_per_s", "collect.memory"], export::farm),
    (&["traps.rate.none", "traps.rate.all"], dumps::traps),
    (&["dump.rate"], dumps::dump),
    (&["map.hostile", "map.hostile.memory"], tables::hostile),
    (&["map.rsp_packets", "map.rsp"], tables::rsp),
    (&["map.rsp_5ms"], tables::rsp_far),
    (&["map.all_roots_pages"], tables::all_roots),
    (&["binary.bytes"], binary::bytes),
    (&["start.ms"], binary::start),
    (&["install.s"], binary::install),
];

fn main() -> io::Result<()> {
    // Cargo passes --bench to every bench program.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let json = words.iter().any(|word| word == "--json");
    let names: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wanted =
        |name: &str| names.is_empty() || names.iter().any(|begin| name.starts_with(begin.as_str()));

    let mut out = io::stdout().lock();
    if !json {
        writeln!(out, "{}", row::head())?;
    }
    for (_, measure) in MEASURES
        .iter()
        .filter(|(rows, _)| rows.iter().any(|name| wanted(name)))
    {
        for row in measure().iter().filter(|row| wanted(row.name)) {
            writeln!(out, "{}", if json { row.json() } else { row.line() })?;
        }
    }
    Ok(())
}

/// The program under measurement, as `cargo bench` built it: optimised.
const PAGEWALK: &str = env!("CARGO_BIN_EXE_pagewalk");

/// The top of the house, where `images/` and `target/` are.
fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the house stands")
}

/// A new folder for results, on the disk that `target/` is on.
fn scratch() -> tempfile::TempDir {
    let target = house().join("target");
    tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(target)
        .expect("target/ can be written")
}
