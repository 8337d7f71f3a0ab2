//! `pagewalk image swap-kernel`: replaces the kernel in an image or on a card; other files stay.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use view::words::counted;

/// Replace only the kernel in an image or on a card
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk image swap-kernel Image ox64-sd.img
  pagewalk image swap-kernel Image /dev/sdX")]
pub struct ImageSwapArgs {
    /// The new Image
    file: PathBuf,
    /// The image or card to change
    image: PathBuf,
}

/// Replaces the kernel and prints the result.
pub fn run(args: ImageSwapArgs) -> anyhow::Result<()> {
    let bytes =
        fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let swapped = pack::swap::kernel(&args.file, &bytes, &args.image)?;
    eprintln!(
        "{}: {} on partition {} replaced, {} before, {} now",
        args.image.display(),
        swapped.path,
        swapped.partition,
        counted(swapped.before, "byte", "bytes"),
        bytes.len()
    );
    Ok(())
}
