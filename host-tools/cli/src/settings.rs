//! User settings: the file `~/.config/pagewalk.toml`, and `PAGEWALK_…` variables.
//!
//! ```toml
//! board = "ox64"                 # --board, where none is given
//! line = "lab"                  # the line, where none is given
//! format = "table"               # --format
//! color = "auto"                 # --color
//!
//! [boards.lab]                  # `--board lab`, `--from lab`, `pagewalk monitor lab`
//! board = "./my.toml"            # a name or a file, relative to this one; else what the table is called
//! line = "/dev/serial/by-id/usb-FTDI_A"     # without a baud the board's is taken
//! ```
//!
//! The command line takes precedence over a variable, and a variable over the file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use boards::{Board, FileError};
use serde::Deserialize;
use toml::Spanned;

/// The variable with the path of the file; empty for none.
const CONFIG: &str = "PAGEWALK_CONFIG";

/// The variable for the default of `--board`.
pub const BOARD: &str = "PAGEWALK_BOARD";

/// The variable for the line where none is given.
pub const LINE: &str = "PAGEWALK_LINE";

/// Options that name memory.
const MEMORY: [&str; 4] = ["--from", "--mem", "--core", "--dump"];

/// The keys of the settings file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    board: Option<Spanned<String>>,
    line: Option<Spanned<String>>,
    format: Option<FormatWord>,
    color: Option<ColorWord>,
    #[serde(default)]
    boards: BTreeMap<String, NamedBoard>,
}

/// A board of the settings, with its line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedBoard {
    board: Option<Spanned<String>>,
    #[cfg_attr(
        not(feature = "full"),
        expect(dead_code, reason = "cards need no line")
    )]
    line: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatWord {
    Table,
    Json,
    Csv,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ColorWord {
    Auto,
    Always,
    Never,
}

/// The settings of all sources.
#[derive(Default)]
pub struct Settings {
    file: ConfigFile,
    /// Path and text of the file; `None` without a file.
    source: Option<(PathBuf, String)>,
    /// The value of `--board` or its variable.
    said_board: Option<String>,
    /// The command line names a source of memory.
    names_memory: bool,
}

/// Why a word does not name a board or a line.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// No board of that name, or its file is invalid.
    #[error(transparent)]
    Board(#[from] boards::BoardError),
    /// The settings file is invalid.
    #[error(transparent)]
    File(#[from] FileError),
    /// A board of the settings without a line.
    #[error("{file}: [boards.{name}] has no line; write line = \"/dev/ttyUSB0\" into it")]
    #[cfg(feature = "full")]
    NoLine {
        /// Path of the file.
        file: String,
        /// Name of the table.
        name: String,
    },
    /// A serial port without a speed, and no board to take it from.
    #[error("`{0}` without a baud: write {0}@2000000, or name the board that has it: --board ox64")]
    #[cfg(feature = "full")]
    NoBaud(String),
    /// Not a form of a line.
    #[error("{0}")]
    #[cfg(feature = "full")]
    Form(String),
}

impl Settings {
    /// Reads the settings, and from the command line the board, which determines the baud rate of a line.
    pub fn read(words: impl Iterator<Item = OsString>) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        if let Some(path) = path()
            && let Some(text) = read_if_there(&path)?
        {
            let name = path.display().to_string();
            settings.file =
                toml::from_str(&text).map_err(|wrong| FileError::unread(&name, &text, &wrong))?;
            settings.source = Some((path, text));
        }
        let words: Vec<String> = words
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        settings.said_board = said_board(&words);
        settings.names_memory = words.iter().any(|word| {
            let option = word.split('=').next().unwrap_or(word);
            MEMORY.contains(&option)
        });
        Ok(settings)
    }

    /// Path of the file that was read.
    pub fn file(&self) -> Option<&Path> {
        self.source.as_ref().map(|(path, _)| path.as_path())
    }

    /// Whether the command line names a source of memory, so that the line of the settings is not one.
    pub fn names_memory(&self) -> bool {
        self.names_memory
    }

    /// The default in the file for the option with that variable.
    pub fn default_of(&self, variable: &str) -> Option<String> {
        let file = &self.file;
        match variable {
            BOARD => file.board.as_ref().map(|word| self.placed(word)),
            LINE => file.line.as_ref().map(|word| word.get_ref().clone()),
            "PAGEWALK_FORMAT" => file.format.map(|word| {
                let word = match word {
                    FormatWord::Table => "table",
                    FormatWord::Json => "json",
                    FormatWord::Csv => "csv",
                };
                word.to_owned()
            }),
            "PAGEWALK_COLOR" => file.color.map(|word| {
                let word = match word {
                    ColorWord::Auto => "auto",
                    ColorWord::Always => "always",
                    ColorWord::Never => "never",
                };
                word.to_owned()
            }),
            _ => None,
        }
    }

    /// A board named in the file; a relative path starts at the file.
    fn placed(&self, word: &Spanned<String>) -> String {
        let word = word.get_ref();
        match self.file().and_then(Path::parent) {
            Some(folder) if boards::is_file(word) => folder.join(word).display().to_string(),
            _ => word.clone(),
        }
    }

    /// The names of all boards: those of the settings and the compiled-in ones.
    pub fn board_names(&self) -> Vec<String> {
        let own = self.file.boards.keys().cloned();
        let known = boards::names().map(str::to_owned);
        let all: BTreeSet<String> = own.chain(known).collect();
        all.into_iter().collect()
    }

    /// The board that a word names: one of the settings, a compiled-in one, or a file.
    pub fn board(&self, word: &str) -> Result<Board, SettingError> {
        let Some(named) = self.file.boards.get(word) else {
            return Ok(boards::find(word, Path::new(""))?);
        };
        let Some(said) = &named.board else {
            return Ok(boards::by_name(word)?);
        };
        match boards::find(&self.placed(said), Path::new("")) {
            Err(wrong @ boards::BoardError::Wrong(_)) => Err(wrong.into()),
            Err(wrong) => Err(self.wrong(said, wrong.to_string()).into()),
            Ok(board) => Ok(board),
        }
    }

    /// Resolves a board of the settings to the word it stands for.
    pub fn board_word(&self, word: &str) -> String {
        let named = self.file.boards.get(word);
        match named.and_then(|named| named.board.as_ref()) {
            Some(said) => self.placed(said),
            None => word.to_owned(),
        }
    }

    fn wrong(&self, word: &Spanned<String>, what: String) -> FileError {
        let (path, text) = match &self.source {
            Some((path, text)) => (path.display().to_string(), text.as_str()),
            None => Default::default(),
        };
        FileError::at(&path, text, word.span(), what)
    }

    /// The line that a word names, for `Spec` and `MemorySpec`: for a board of the settings its line, with a
    /// baud rate.
    #[cfg(feature = "full")]
    pub fn line(&self, word: &str) -> Result<String, SettingError> {
        let Some(named) = self.file.boards.get(word) else {
            return self.with_baud(word, self.said_board.clone());
        };
        match &named.line {
            Some(line) => self.with_baud(line.get_ref(), Some(word.to_owned())),
            None => Err(SettingError::NoLine {
                file: self.file().unwrap_or(Path::new("")).display().to_string(),
                name: word.to_owned(),
            }),
        }
    }

    #[cfg(feature = "full")]
    fn with_baud(&self, line: &str, board: Option<String>) -> Result<String, SettingError> {
        // A regular file below /dev is an ordinary file.
        let is_port =
            line.starts_with("/dev/") && !line.contains('@') && !Path::new(line).is_file();
        if !is_port {
            return Ok(line.to_owned());
        }
        let board = board.or_else(|| self.default_of(BOARD));
        let Some(board) = board else {
            return Err(SettingError::NoBaud(line.to_owned()));
        };
        Ok(format!("{line}@{}", self.board(&board)?.uart.baud))
    }
}

/// Default path of the file.
fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(CONFIG) {
        return Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty());
    }
    let absolute = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    // XDG Base Directory Specification 0.8: relative paths are ignored.
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    Some(folder?.join("pagewalk.toml"))
}

/// Reads a file that the user named; the default file may be missing.
fn read_if_there(path: &Path) -> anyhow::Result<Option<String>> {
    use anyhow::Context;
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(_) if std::env::var_os(CONFIG).is_none() && !path.exists() => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The value of `--board` on the command line, otherwise of its variable. Searched before the command line is
/// parsed, because parsing a line needs it.
fn said_board(words: &[String]) -> Option<String> {
    let options = words.iter().take_while(|word| *word != "--").enumerate();
    let said = options.filter_map(|(at, word)| match word.strip_prefix("--board") {
        Some("") => words.get(at + 1).cloned(),
        Some(rest) => rest.strip_prefix('=').map(str::to_owned),
        None => None,
    });
    said.last().or_else(|| std::env::var(BOARD).ok())
}

#[cfg(feature = "full")]
#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, words: &[&str]) -> Settings {
        Settings {
            file: toml::from_str(text).unwrap(),
            source: Some(("/etc/pagewalk.toml".into(), text.to_owned())),
            said_board: said_board(
                &words
                    .iter()
                    .map(|&word| word.to_owned())
                    .collect::<Vec<_>>(),
            ),
            names_memory: false,
        }
    }

    #[test]
    fn doctor_takes_the_baud_of_a_board_and_tries_every_rate_without_one() {
        use crate::doctor::DoctorLine;
        let lab = "[boards.lab]\nboard = \"qemu-virt\"\nline = \"/dev/ttyUSB1\"\n";
        let line = |word: &str, words: &[&str]| DoctorLine::of(word, &settings(lab, words));
        assert_eq!(line("lab", &[]).unwrap().0, "/dev/ttyUSB1@115200");
        let board = line("/dev/ttyUSB0", &["--board", "ox64"]);
        assert_eq!(board.unwrap().0, "/dev/ttyUSB0@2000000");
        assert_eq!(line("/dev/ttyUSB0", &[]).unwrap().0, "/dev/ttyUSB0");
        assert_eq!(line("boot.log", &[]).unwrap().0, "boot.log");
    }

    #[test]
    fn a_port_without_a_baud_takes_the_boards() {
        let said = |words: &[&str]| settings("", words).line("/dev/ttyUSB0");
        for words in [&["ps", "--board", "ox64"][..], &["--board=ox64"]] {
            assert_eq!(said(words).unwrap(), "/dev/ttyUSB0@2000000");
        }
        let by_file = settings("board = \"qemu-virt\"", &[]).line("/dev/ttyS0");
        assert_eq!(by_file.unwrap(), "/dev/ttyS0@115200");
        let wrong = said(&["--", "--board", "ox64"]).unwrap_err().to_string();
        assert!(wrong.contains("`/dev/ttyUSB0` without a baud"), "{wrong}");
        let wrong = said(&["--board", "ox46"]).unwrap_err().to_string();
        assert!(wrong.contains("known boards: ox64"), "{wrong}");
    }

    #[test]
    fn what_has_a_baud_or_needs_none_stays_as_it_is() {
        let settings = settings("", &["--board", "ox64"]);
        for line in [
            "/dev/ttyUSB0@115200",
            "tcp://localhost:4444",
            "qemu",
            "vmcore",
            "probe:0403:6010",
        ] {
            assert_eq!(settings.line(line).unwrap(), line);
        }
    }

    #[test]
    fn a_name_of_the_file_is_a_board_and_a_line() {
        let text = "[boards.lab]\nboard = \"ox64\"\nline = \"/dev/ttyUSB7\"\n\
                    [boards.spike]\nline = \"tcp://localhost:1\"\n[boards.far]\nboard = \"x46\"\n";
        let settings = settings(text, &["--board", "qemu-virt"]);
        assert_eq!(settings.line("lab").unwrap(), "/dev/ttyUSB7@2000000");
        assert_eq!(settings.line("spike").unwrap(), "tcp://localhost:1");
        assert_eq!(settings.board("lab").unwrap().name, "ox64");
        assert_eq!(settings.board("spike").unwrap().name, "spike");
        let wrong = settings.board("far").unwrap_err().to_string();
        assert!(
            wrong.starts_with("/etc/pagewalk.toml:7:9: unknown board `x46`"),
            "{wrong}"
        );
        let wrong = settings.line("far").unwrap_err().to_string();
        assert!(wrong.contains("[boards.far] has no line"), "{wrong}");
    }

    #[test]
    fn a_boards_file_lies_relative_to_the_settings() {
        let settings = settings("board = \"./my.toml\"", &[]);
        assert_eq!(settings.default_of(BOARD).unwrap(), "/etc/./my.toml");
    }
}
