//! `pagewalk image glue`: joins kernel and initrd to the one file that loaders read.

use std::path::PathBuf;

use crate::output;

/// Join a kernel and an initrd: the Image that is on the card and that QEMU boots
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk image glue kernel --initrd initrd.romfs -o Image")]
pub struct ImageGlueArgs {
    /// The kernel, an ELF file
    kernel: PathBuf,
    /// The initrd, a ROMFS image
    #[arg(long)]
    initrd: PathBuf,
    /// The Image to write
    #[arg(short, long)]
    output: PathBuf,
}

/// Joins the files, writes the Image, and prints its parts.
pub fn run(args: ImageGlueArgs) -> anyhow::Result<()> {
    let payload = pack::payload::build(&args.kernel, &args.initrd)?;
    pack::payload::write(&payload, &args.output)?;
    let record = payload.record;
    output::summary(&args.output, |out| {
        writeln!(out, "      offset         size  what")?;
        let pad = record.initrd_offset - payload.kernel_bytes;
        for (at, size, what) in [
            (0, payload.kernel_bytes, "kernel"),
            (
                payload.kernel_bytes,
                pad,
                "zeros to the kernel's end in memory",
            ),
            (record.initrd_offset, record.initrd_size, "initrd (ROMFS)"),
        ] {
            writeln!(out, "{at:#012x} {size:>12}  {what}")?;
        }
        Ok::<(), std::io::Error>(())
    })?;
    eprintln!("{}: {} bytes", args.output.display(), record.file_size);
    Ok(())
}
