//! Recordings that were put aside become Parquet, once each.
//!
//! What is done is a file in `parquet/_complete`, written after the files of Parquet have their names: after
//! a crash the recording is simply read again. Deleting `parquet` has all of it made again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use view::export::EXPORTS;

use super::farm::Farm;
use super::metrics::FarmMetrics;
use crate::export::PathOutput;
use crate::recorded_faults::FaultReader;

/// After a failure, such as on a full disk: how long until the next attempt. Each reads a whole recording.
const AGAIN: Duration = Duration::from_secs(5);

/// Makes Parquet while boards are recorded, which goes on when that fails.
#[derive(Default)]
pub struct ParquetMaker {
    failed: Option<Instant>,
}

impl ParquetMaker {
    /// Makes what is missing. A failure is said once, and tried again later.
    pub fn turn(&mut self, farm: &Farm, metrics: &FarmMetrics) {
        if self.failed.is_some_and(|failed| failed.elapsed() < AGAIN) {
            return;
        }
        let was_failing = self.failed.is_some();
        match make(farm, metrics) {
            Ok(()) => {
                self.failed = None;
                if was_failing {
                    eprintln!("note: Parquet is made again");
                }
            }
            Err(error) => {
                self.failed = Some(Instant::now());
                if !was_failing {
                    eprintln!(
                        "warning: cannot make Parquet ({error:#}); recording goes on, and it is tried again"
                    );
                }
            }
        }
    }
}

/// Makes Parquet of each recording that has none, and counts the files. One that fails keeps no other from it; the
/// error is that of the first.
pub fn make(farm: &Farm, metrics: &FarmMetrics) -> anyhow::Result<()> {
    let folder = farm.folder.join("parquet");
    let mut first = Ok(());
    for (board, path) in aside(farm)? {
        let made = make_one(&folder, &board, &path, metrics);
        let made = made.with_context(|| path.display().to_string());
        first = first.and(made);
    }
    first
}

fn make_one(folder: &Path, board: &str, path: &Path, metrics: &FarmMetrics) -> anyhow::Result<()> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let complete = folder.join("_complete");
    let mark = complete.join(&*stem);
    if mark.exists() {
        return Ok(());
    }
    let files = one(folder, board, &stem, path)?;
    fs::create_dir_all(&complete)?;
    fs::write(&mark, "").with_context(|| mark.display().to_string())?;
    metrics.parquet(files);
    Ok(())
}

/// Recordings that were put aside, with their boards: `BOARD.NUMBER.pwlog`.
fn aside(farm: &Farm) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(&farm.folder).with_context(|| farm.folder.display().to_string())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let parts = name
            .strip_suffix(".pwlog")
            .and_then(|stem| stem.rsplit_once('.'));
        if let Some((board, number)) = parts
            && number.parse::<u32>().is_ok()
        {
            found.push((board.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

fn one(folder: &Path, board: &str, stem: &str, path: &Path) -> anyhow::Result<u64> {
    let Some(kind) = EXPORTS.iter().find(|kind| kind.is_folder) else {
        return Ok(0);
    };
    let mut out = PathOutput::new(folder, true);
    let mut export = (kind.begin)(&mut out, stem)?;
    let reader = FaultReader::new(None, None, Some(board.to_owned()));
    let totals = reader.file(path, &mut |fault| export.fault(fault))?;
    export.end(&totals)?;
    Ok(out.complete()? as u64)
}
