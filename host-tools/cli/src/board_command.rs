//! `pagewalk board`: the compiled-in boards, and a user's own board files.
//!
//! ```text
//! $ pagewalk board show qemu-virt > my.toml      start with a similar board
//! $ pagewalk board check my.toml                 after each change
//! my.toml:7:1: unknown field `irk`, expected one of `kind`, `base`, `irq`, …
//! $ pagewalk lint --from vmcore --board ./my.toml
//! ```

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, bail};
use boards::{Board, FileError};
use model::boards::{BoardList, BoardRow};
use serde::Serialize;
use view::View;
use view::json::JsonObject;

use crate::board_file;
use crate::format::Format;
use crate::output;

/// List the known boards, show a board's file, check a file of your own
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk board list
  pagewalk board show qemu-virt > my.toml
  pagewalk board check my.toml

A file of your own is a board wherever --board stands: --board ./my.toml.")]
pub struct BoardArgs {
    #[command(subcommand)]
    verb: BoardVerb,
}

#[derive(clap::Subcommand)]
enum BoardVerb {
    /// List the compiled-in boards
    #[command(after_help = "\
Example:
  pagewalk board list --format json | jq -r '.boards[].name'")]
    List {
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Print a board's file with its comments, as a start for your own
    #[command(after_help = "\
Examples:
  pagewalk board show ox64
  pagewalk board show ./my.toml --format json | jq .board.ram")]
    Show {
        /// Name of the board, or a file
        #[arg(value_name = "NAME|FILE")]
        board: String,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Check every key of a board's file. Exit code 1 if one is wrong
    #[command(after_help = "\
Example:
  pagewalk board check my.toml")]
    Check {
        /// The board file to check
        file: PathBuf,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}

/// Runs the chosen subcommand.
pub fn run(args: BoardArgs) -> anyhow::Result<()> {
    match args.verb {
        BoardVerb::List { format } => {
            format.answer(&BoardList(boards::all().iter().map(row).collect()))
        }
        BoardVerb::Show { board, format } => show(&board, format),
        BoardVerb::Check { file, format } => check(&file.display().to_string(), format),
    }
}

fn show(word: &str, format: Format) -> anyhow::Result<()> {
    let board = board_file::board(word)?;
    let text = match boards::is_file(word) {
        true => fs::read_to_string(word).with_context(|| format!("cannot read {word}"))?,
        false => boards::text(word)?.to_owned(),
    };
    format.answer(&ReadBoard {
        file: boards::is_file(word).then_some(word),
        text: &text,
        read: Ok(board),
    })
}

/// The argument is always a file: `board check my` does not mean a board called `my`.
fn check(file: &str, format: Format) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let name = PathBuf::from(file);
    let name = name.file_stem().unwrap_or_default().to_string_lossy();
    let read = boards::parse(&name, file, &text);
    match (read, format) {
        (Ok(board), Format::Table) => output::answer(|out| {
            let here = if boards::is_file(file) { "" } else { "./" };
            let title = board.title;
            Ok(writeln!(
                out,
                "{file}: every key is right: {title}, --board {here}{file}"
            )?)
        }),
        (Err(boards::BoardError::Wrong(wrong)), format) => {
            if format != Format::Table {
                let read = Err(&wrong);
                format.answer(&ReadBoard {
                    file: Some(file),
                    text: &text,
                    read,
                })?;
            }
            bail!(wrong)
        }
        (read, format) => format.answer(&ReadBoard {
            file: Some(file),
            text: &text,
            read: Ok(read?),
        }),
    }
}

fn row(board: &Board) -> BoardRow {
    BoardRow {
        name: board.name.clone(),
        title: board.title.clone(),
        xlen: board.xlen,
        paging: boards::word(board.paging),
        dialect: boards::word(board.dialect),
        ram_base: board.ram.base,
        ram_bytes: board.ram.size,
        uart: boards::word(board.uart.kind),
        baud: board.uart.baud,
    }
}

/// A board's file and its parsed content.
struct ReadBoard<'a> {
    /// Path of the file; `None` for a compiled-in board.
    file: Option<&'a str>,
    text: &'a str,
    read: Result<Board, &'a FileError>,
}

#[derive(Serialize)]
struct JsonProblem<'a> {
    line: usize,
    column: usize,
    what: &'a str,
}

impl View for ReadBoard<'_> {
    /// The text of the file.
    fn table(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }

    /// Schema `pagewalk.board/1`, in docs/json.md.
    fn json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.board/1")?;
        object.member("file", self.file)?;
        object.member("board", self.read.as_ref().ok())?;
        let problem = self.read.as_ref().err().map(|wrong| JsonProblem {
            line: wrong.line,
            column: wrong.column,
            what: &wrong.what,
        });
        object.list("problems", problem)?;
        object.end()
    }

    /// The row of `board list`.
    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        BoardList(self.read.iter().map(row).collect()).csv(out)
    }
}
