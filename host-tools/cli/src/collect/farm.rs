//! FARM.toml: which boards there are, on which lines, and where their recordings are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use boards::ByteSize;
use link::transport::Spec;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FarmFile {
    folder: PathBuf,
    #[serde(default = "default_rotate")]
    rotate: ByteSize,
    boards: BTreeMap<String, FarmLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FarmLine {
    line: String,
    #[serde(default)]
    silent: bool,
    #[serde(default, rename = "type")]
    typed: Vec<String>,
}

/// About sixteen million faults.
fn default_rotate() -> ByteSize {
    ByteSize(64 << 20)
}

/// A board of the farm.
pub struct FarmBoard {
    /// Its name: of its recordings, and of its partition.
    pub name: String,
    pub line: Spec,
    /// Whether nothing is sent to it.
    pub silent: bool,
    /// Commands to type at its shell.
    pub typed: Vec<String>,
}

/// A farm as its file describes it.
pub struct Farm {
    /// Folder of the recordings; `parquet` is below it.
    pub folder: PathBuf,
    /// Size in bytes at which a recording is put aside.
    pub rotate: u64,
    pub boards: Vec<FarmBoard>,
}

impl Farm {
    /// Reads the file. Errors name the key, its line and what is possible.
    pub fn read(path: &Path) -> anyhow::Result<Farm> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| name.to_string())?;
        let file: FarmFile = toml::from_str(&text).with_context(|| name.to_string())?;
        if file.boards.is_empty() {
            bail!("{name}: no board in it; each is a table, such as [boards.lab-1]");
        }
        if file.rotate.0 == 0 {
            bail!("{name}: rotate is 0; \"64M\" puts a recording aside at that size");
        }
        let mut boards = Vec::new();
        for (name_of, line) in file.boards {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if name_of.is_empty() || !name_of.chars().all(is_plain) {
                bail!(
                    "{name}: `{name_of}` cannot be the name of files; letters, digits, - and _ can"
                );
            }
            let spec: Spec = line
                .line
                .parse()
                .with_context(|| format!("{name}: boards.{name_of}"))?;
            let same = boards
                .iter()
                .find(|it: &&FarmBoard| !matches!(spec, Spec::Recording(..)) && it.line == spec);
            if let Some(same) = same {
                bail!(
                    "{name}: boards.{} and boards.{name_of} have the same line",
                    same.name
                );
            }
            boards.push(FarmBoard {
                name: name_of,
                line: spec,
                silent: line.silent,
                typed: line.typed,
            });
        }
        Ok(Farm {
            folder: path.parent().unwrap_or(Path::new("")).join(file.folder),
            rotate: file.rotate.0,
            boards,
        })
    }

    /// The recording that a board's line is appended to.
    pub fn recording(&self, board: &str) -> PathBuf {
        self.folder.join(format!("{board}.pwlog"))
    }
}
