//! `pagewalk flash`: writes an image to a card and verifies it.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use pack::flash::FlashMedium;
use view::words::counted;

use crate::exit::UsageError;
use crate::progress;

/// Write an image to a card, read it back, and compare every byte
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk flash ox64-sd.img /dev/sdX
  pagewalk flash ox64-sd.img /dev/sdX --yes

  pagewalk flash ox64-sd.img.xz /dev/sdX

Refuses what is mounted, the system's or not removable. An image compressed by gzip, xz or
zstd is unpacked first, into a temporary file in which zeros take no room. With
ox64-sd.img.bmap beside the image only the blocks that hold something are written and
compared.")]
pub struct FlashArgs {
    /// The image to write
    image: PathBuf,
    /// The card's device, or a file
    device: PathBuf,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// Checks, asks for confirmation, writes and compares.
pub fn run(args: FlashArgs) -> anyhow::Result<()> {
    let target = progress::with("unpacking", |see| {
        FlashMedium::check(&args.device, &args.image, see)
    })?;
    if !args.yes && !agreed(&args, &target)? {
        anyhow::bail!("nothing was written");
    }
    let flashed = progress::with("flashing", |see| target.flash(&args.image, see))?;
    let map = if flashed.mapped_only {
        ", only the blocks of its map"
    } else {
        ""
    };
    eprintln!(
        "{}: {} written{map}, read back and equal{}",
        args.device.display(),
        counted(flashed.written, "byte", "bytes"),
        match flashed.repeated {
            0 => String::new(),
            some => format!(
                "; {} had to be written again: do not trust this card",
                counted(some, "piece", "pieces")
            ),
        }
    );
    Ok(())
}

fn agreed(args: &FlashArgs, target: &FlashMedium) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        return Err(UsageError(
            "stdin is not a terminal, so writing cannot be confirmed; give --yes".into(),
        )
        .into());
    }
    let image = args.image.display();
    eprint!(
        "image   {image}: {}\nmedium  {}: {}, {}\nEverything on {} will be lost. Type yes to go on: ",
        size(target.needs),
        args.device.display(),
        target.description,
        size(target.size),
        args.device.display(),
    );
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// A size in powers of ten, as on a card's label, and in bytes.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        1_000_000_000.. => (1_000_000_000, "GB"),
        _ => (1_000_000, "MB"),
    };
    let tenths = (bytes * 10 + unit / 2) / unit;
    format!("{}.{} {name} ({bytes} bytes)", tenths / 10, tenths % 10)
}
