//! `pagewalk image build`: builds a card image from a definition.
//!
//! Beside the image, a block map (`.bmap`) and a SHA-256 (`.sha256`) are written. The same inputs give the
//! same bytes on every machine and at any time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use container::Packing;
use pack::card::{self, BuiltCard};

use crate::exit::UsageError;
use crate::{output, progress};

/// Build a card image from a definition
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk image build images/ox64-sd.toml -o ox64-sd.img
  pagewalk image build images/ox64-sd.toml -o ox64-sd.img --kernel my-kernel.elf --initrd my.romfs")]
pub struct ImageBuildArgs {
    /// The definition, a TOML file such as images/ox64-sd.toml
    definition: PathBuf,
    /// The image to write
    #[arg(short, long)]
    output: PathBuf,
    /// Kernel to use instead of the definition's, an ELF file, compressed or not
    #[arg(long)]
    kernel: Option<String>,
    /// Initrd to use instead of the definition's, a ROMFS image, compressed or not
    #[arg(long)]
    initrd: Option<String>,
    /// Omit the SHA-256: it hashes the image's holes as zeros, and takes most of the time
    #[arg(long)]
    no_sha256: bool,
}

/// Builds the image and prints its parts.
pub fn run(args: ImageBuildArgs) -> anyhow::Result<()> {
    let path = args.definition.display().to_string();
    let text =
        fs::read_to_string(&args.definition).with_context(|| format!("cannot read {path}"))?;
    let mut image = images::parse(&path, &text)?;
    let board = images::board(&image, &path, &text)?;
    image.payload.kernel = args.kernel.unwrap_or(image.payload.kernel);
    image.payload.initrd = args.initrd.unwrap_or(image.payload.initrd);
    if let Some(packing) = Packing::ALL
        .iter()
        .find(|it| args.output.extension() == Some(it.extension().as_ref()))
    {
        let misuse = format!(
            "{}: an image is written as it goes onto a card; write it without .{}, and compress it afterwards",
            args.output.display(),
            packing.extension()
        );
        return Err(UsageError(misuse).into());
    }
    let built = progress::with("writing", |see| {
        card::build(&image, &board, &args.output, !args.no_sha256, see)
    })?;
    print(&built, &args.output)?;
    eprintln!(
        "{}: {} bytes, of which a card needs {}; map and checksum beside it",
        args.output.display(),
        built.size,
        built.mapped
    );
    Ok(())
}

fn print(built: &BuiltCard, to: &Path) -> anyhow::Result<()> {
    output::summary(to, |out| {
        writeln!(out, "      offset         size  what")?;
        for part in &built.parts {
            writeln!(out, "{:#012x} {:>12}  {}", part.at, part.size, part.what)?;
        }
        Ok(())
    })
}
