//! `pagewalk romfs`: builds, lists, extracts and checks ROMFS images, and strips programs for them.
//!
//! ```text
//! $ pagewalk romfs build rootfs -o initrd.romfs --label pagewalk
//! initrd.romfs: 9 files, 126976 bytes
//! $ pagewalk romfs ls initrd.romfs
//!     offset       size  name
//!                        bin/
//! 0x00001000      21856  bin/sh*
//! ```
//! The same folder gives the same bytes on every machine. Linux, NuttX and other readers of genromfs images
//! accept them.

use std::path::{Path, PathBuf};

use anyhow::bail;
use romfs::{NodeKind, RomfsEntry};
use view::words::counted;

use crate::size::bytes;
use crate::{output, progress};

/// Build, list, extract and check ROMFS images
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk romfs build rootfs -o initrd.romfs --label pagewalk --align 4096
  pagewalk romfs strip target/hello target/sh -o rootfs/bin
  pagewalk romfs ls initrd.romfs
  pagewalk romfs extract initrd.romfs -o unpacked
  pagewalk romfs check initrd.romfs")]
pub struct RomfsArgs {
    #[command(subcommand)]
    verb: RomfsVerb,
}

#[derive(clap::Subcommand)]
enum RomfsVerb {
    /// Build an image from a folder
    Build {
        /// The folder to pack
        dir: PathBuf,
        /// The image to write
        #[arg(short, long)]
        output: PathBuf,
        /// The volume's name
        #[arg(long, default_value = "pagewalk")]
        label: String,
        /// Alignment of file content in bytes; ELF files have at least 4096
        #[arg(long, value_name = "BYTES", default_value = "16", value_parser = bytes)]
        align: u64,
    },
    /// Copy ELF programs without their debug information, for an image
    Strip {
        /// The programs
        #[arg(required = true, value_name = "PROGRAM")]
        programs: Vec<PathBuf>,
        /// The folder that the copies go into
        #[arg(short, long)]
        output: PathBuf,
    },
    /// List the content of an image
    Ls {
        /// The image to read
        image: PathBuf,
    },
    /// Extract an image's files to a folder
    Extract {
        /// The image to read
        image: PathBuf,
        /// The folder to write to
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Check every header of an image
    Check {
        /// The image to read
        image: PathBuf,
    },
}

/// Runs the chosen subcommand.
pub fn run(args: RomfsArgs) -> anyhow::Result<()> {
    match args.verb {
        RomfsVerb::Build {
            dir,
            output,
            label,
            align,
        } => {
            let built = progress::with("packing", |see| {
                pack::initrd::build(&dir, &output, &label, align, see)
            })?;
            eprintln!(
                "{}: {}, {}",
                output.display(),
                counted(built.files, "file", "files"),
                counted(built.bytes, "byte", "bytes")
            );
            Ok(())
        }
        RomfsVerb::Strip { programs, output } => {
            let (mut before, mut after) = (0, 0);
            for program in &programs {
                let stripped = pack::strip::into_folder(program, &output)?;
                before += stripped.before;
                after += stripped.after;
            }
            eprintln!(
                "{}: {}, {} of {}",
                output.display(),
                counted(programs.len(), "program", "programs"),
                after,
                counted(before, "byte", "bytes")
            );
            Ok(())
        }
        RomfsVerb::Ls { image } => list(&image),
        RomfsVerb::Extract { image, output } => {
            let bytes = read(&image)?;
            let romfs = pack::initrd::open(&image, &bytes)?;
            let extracted = pack::extract::extract(&romfs, &output)?;
            for (path, what) in &extracted.left_out {
                eprintln!("note: {path} was left out: {what}");
            }
            let files = counted(extracted.files, "file", "files");
            eprintln!("{}: {files}", output.display());
            Ok(())
        }
        RomfsVerb::Check { image } => {
            let bytes = read(&image)?;
            pack::initrd::open(&image, &bytes)?;
            let problems = pack::check::problems(&bytes);
            let name = image.display();
            match &problems[..] {
                [] => {}
                [problem] => bail!("{name}: {problem}"),
                [first, ..] => {
                    for problem in &problems[1..] {
                        eprintln!("note: {name}: {problem}");
                    }
                    bail!("{name}: {first}, and {} more problems", problems.len() - 1)
                }
            }
            eprintln!("{}: good", image.display());
            Ok(())
        }
    }
}

/// Most bytes of a compressed image: a ROMFS ends at 4 GiB.
const MOST_BYTES: u64 = 4 << 30;

fn read(image: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(container::read(image, MOST_BYTES)?)
}

fn list(image: &Path) -> anyhow::Result<()> {
    let bytes = read(image)?;
    let romfs = pack::initrd::open(image, &bytes)?;
    output::answer(|out| {
        writeln!(out, "    offset       size  name")?;
        let mut failed = None;
        pack::initrd::each(&romfs, &mut |path, entry| {
            let path = String::from_utf8_lossy(path);
            if let Err(error) = writeln!(out, "{}", line(&path, entry)) {
                failed.get_or_insert(error);
            }
            Ok(())
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    })
}

fn line(path: &str, entry: &RomfsEntry) -> String {
    let data = |mark: &str| {
        format!(
            "{:#010x} {:>10}  {path}{mark}",
            entry.offset(),
            entry.data().len()
        )
    };
    let plain = |what: String| format!("{:>23}{path}{what}", "");
    match entry.kind {
        NodeKind::File => data(if entry.executable { "*" } else { "" }),
        NodeKind::SymbolicLink => plain(format!(" -> {}", String::from_utf8_lossy(entry.data()))),
        NodeKind::Directory(_) => plain("/".into()),
        NodeKind::HardLink(at) => plain(format!(" = entry at {at:#x}")),
        NodeKind::Block(number) => plain(format!(
            " (block device {}:{})",
            number >> 16,
            number & 0xffff
        )),
        NodeKind::Character(number) => plain(format!(
            " (character device {}:{})",
            number >> 16,
            number & 0xffff
        )),
        NodeKind::Socket => plain(" (socket)".into()),
        NodeKind::Fifo => plain(" (pipe)".into()),
    }
}
