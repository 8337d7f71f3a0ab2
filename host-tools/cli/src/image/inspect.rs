//! `pagewalk image inspect`: the parts of an image, and whether a board boots it.

use std::path::PathBuf;

use anyhow::bail;
use view::words::counted;

use crate::board_file;
use crate::format::Format;

/// Show the parts of any image, and whether a board will boot it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk image inspect ox64-sd.img --board ox64
  pagewalk image inspect Image --format json

Exit code 1 if the image has a problem.")]
pub struct ImageInspectArgs {
    /// A card image, a card, or an Image, compressed or not
    file: PathBuf,
    /// Check the limits of this board
    #[arg(long, value_name = "NAME|FILE")]
    board: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Inspects the file and prints the result.
pub fn run(args: ImageInspectArgs) -> anyhow::Result<()> {
    let board = args.board.as_deref().map(board_file::board).transpose()?;
    let layout = pack::inspect::inspect(&args.file, board.as_ref())?;
    args.format.answer(&layout)?;
    match layout.problems.len() {
        0 => Ok(()),
        some => bail!(
            "{} has {}",
            args.file.display(),
            counted(some, "problem", "problems")
        ),
    }
}
