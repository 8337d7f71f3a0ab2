//! Recordings that were put aside become Parquet, once each.
//!
//! What is done is a file in `parquet/_complete`, written after the files of Parquet have their names: after
//! a crash the recording is simply read again. Deleting `parquet` has all of it made again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use view::export::EXPORTS;

use super::farm::Farm;
use super::metrics::FarmMetrics;
use crate::export::PathOutput;
use crate::recorded_faults::FaultReader;

/// Makes Parquet of each recording that has none; returns the number of files.
pub fn make(farm: &Farm, metrics: &FarmMetrics) -> anyhow::Result<u64> {
    let folder = farm.folder.join("parquet");
    let complete = folder.join("_complete");
    let mut files = 0;
    for (board, path) in aside(farm)? {
        let Some(stem) = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
        else {
            continue;
        };
        let mark = complete.join(&stem);
        if mark.exists() {
            continue;
        }
        files += one(&folder, &board, &stem, &path).with_context(|| path.display().to_string())?;
        fs::create_dir_all(&complete)?;
        fs::write(&mark, "").with_context(|| mark.display().to_string())?;
        metrics.parquet(files);
    }
    Ok(files)
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
