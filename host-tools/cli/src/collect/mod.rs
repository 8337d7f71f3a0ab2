//! `pagewalk collect`: records many boards, and turns what is recorded into Parquet.
//!
//! ```text
//! a line --> a recording, BOARD.pwlog --size or day--> BOARD.1.pwlog --> board=BOARD/date=DAY/BOARD.1.parquet
//! ```
//!
//! The recordings are the truth: they are written within a second, and Parquet is made of them again
//! whenever it is not there. A file of Parquet appears by a rename, when it is complete.

mod board;
mod farm;
mod metrics;
mod parquet;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use link::recording::{BlockKind, Blocks};
use view::words::counted;

use self::board::BoardCollector;
use self::farm::Farm;
use self::metrics::FarmMetrics;
use self::parquet::ParquetMaker;
use crate::ending;

/// Interval at which the stop flag and the folder are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Record many boards at once, and make Parquet of what is recorded.
///
/// FARM.toml has a line for each board. A line that is absent, or is lost, is waited for. Recordings are put
/// aside by size and by day (UTC), and each becomes files of Parquet. Ctrl-C ends it; so does the end of all
/// lines.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk collect farm.toml
  pagewalk collect farm.toml --metrics 127.0.0.1:9464
farm.toml:
  folder = \"faults\"        # recordings, and Parquet in faults/parquet; relative to this file
  rotate = \"64M\"           # size at which a recording is put aside
  [boards.lab-1]
  line = \"/dev/ttyUSB0@2000000\"
  [boards.lab-2]
  line = \"rfc2217://ser2net.lan:4002@2000000\"
  silent = true            # send nothing to the board
Then:
  duckdb -c \"select board, text, count(*) from 'faults/parquet/**/*.parquet' group by all\"")]
pub struct CollectArgs {
    /// The boards and their lines
    #[arg(value_name = "FARM.toml")]
    farm: PathBuf,
    /// Serve Prometheus text at http://ADDR/metrics
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:9464")]
    metrics: Option<SocketAddr>,
}

/// Collects until every line has ended for good, or Ctrl-C.
pub fn run(args: CollectArgs) -> anyhow::Result<()> {
    let farm = Farm::read(&args.farm)?;
    fs::create_dir_all(&farm.folder).with_context(|| farm.folder.display().to_string())?;
    let metrics = Arc::new(FarmMetrics::default());
    if let Some(address) = args.metrics {
        let listener =
            TcpListener::bind(address).with_context(|| format!("--metrics {address}"))?;
        eprintln!("note: metrics at http://{}/metrics", listener.local_addr()?);
        metrics::serve(listener, Arc::clone(&metrics));
    }
    let stop = ending::watch();
    let left = Arc::new(AtomicUsize::new(farm.boards.len()));
    let mut threads = Vec::new();
    for board in &farm.boards {
        let collector = BoardCollector::open(&farm, board, &metrics)?;
        let left = Arc::clone(&left);
        threads.push(thread::spawn(move || {
            collector.run(stop);
            left.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    let boards = counted(farm.boards.len() as u64, "board", "boards");
    eprintln!(
        "note: {}: collecting {boards}; Ctrl-C ends it",
        farm.folder.display()
    );
    // What was put aside before, by this program or by one that was killed.
    let mut maker = ParquetMaker::default();
    maker.turn(&farm, &metrics);
    while left.load(Ordering::SeqCst) > 0 && !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
        maker.turn(&farm, &metrics);
    }
    // Each is waited for, also after one that has panicked.
    let panicked = threads.into_iter().filter_map(|thread| thread.join().err());
    let is_whole = panicked.count() == 0;
    for board in &farm.boards {
        let recording = farm.recording(&board.name);
        if recording.exists() && has_output(&recording)? {
            link::recording::put_aside(&recording)?;
        }
    }
    let made = parquet::make(&farm, &metrics);
    eprintln!(
        "note: {}, {} lost; {} of Parquet",
        counted(metrics.faults(), "fault", "faults"),
        metrics.lost(),
        counted(metrics.parquet_files(), "file", "files")
    );
    anyhow::ensure!(
        is_whole,
        "a board's thread has panicked, which is a bug of pagewalk"
    );
    made
}

/// Whether a board said anything. A recording without that stays, and is gone on with the next time.
fn has_output(recording: &Path) -> std::io::Result<bool> {
    let mut blocks = Blocks::open(recording)?;
    while let Some(block) = blocks.next()? {
        if block.kind == BlockKind::Received {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A flag that many threads read.
type StopFlag = &'static AtomicBool;
