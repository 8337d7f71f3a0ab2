//! `pagewalk probe read`: raw memory through a probe.

use std::path::PathBuf;

use link::memory::MemorySource;
use link::probe::AccessMethod;
use model::probe::MemoryDump;

use super::args::ProbeOptionArgs;
use crate::size::bytes;
use crate::tables::number;

/// Bytes per read: one request to the debug module, and one step of progress.
const PIECE: usize = 4096;
/// Maximum length: the data is kept in memory before it is written.
const MOST: u64 = 1 << 30;

/// Parses a number of bytes up to the maximum.
fn count(text: &str) -> Result<usize, String> {
    let number = bytes(text).ok();
    let fits = number.filter(|it| (1..=MOST).contains(it));
    fits.map(|it| it as usize).ok_or_else(|| {
        format!("`{text}` is not a number of bytes from 1 to {MOST}, such as 64, 0x1000, 4K")
    })
}

/// Show memory; --dump of other commands reads the table.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe read 0x50407000 64
  pagewalk probe read 0xffffffff80001000 0x1000 --virtual
  pagewalk probe read 0x80000000 1M -o ram.bin")]
pub struct ProbeReadArgs {
    /// The first address, in hexadecimal
    #[arg(value_parser = number)]
    address: u64,
    /// Number of bytes
    #[arg(value_parser = count)]
    length: usize,
    /// The address is virtual and translated by the hart, as in S-mode
    #[arg(long = "virtual")]
    is_virtual: bool,
    /// Write the bytes to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    hart: ProbeOptionArgs,
}

/// Prints the bytes, or writes them to a file.
pub fn run(args: ProbeReadArgs) -> anyhow::Result<()> {
    let mut hart = args.hart.open()?;
    let mut read = vec![0; args.length];
    let mut at = args.address;
    for piece in read.chunks_mut(PIECE) {
        match args.is_virtual {
            true => hart.target()?.read_virtual(at, piece)?,
            false => hart.target()?.read_physical(at, piece)?,
        }
        at = at.wrapping_add(piece.len() as u64);
    }
    let is_possibly_stale = hart.is_possibly_stale();
    let ways = match args.is_virtual {
        true => vec![AccessMethod::Program],
        false => hart.target()?.used(),
    };
    hart.close()?;
    if let Some(path) = &args.output {
        if is_possibly_stale {
            eprintln!("warning: {}", view::words::STALE);
        }
        return Ok(pack::output::write(path, &read)?);
    }
    let answer = MemoryDump {
        at: args.address,
        is_virtual: args.is_virtual,
        ways: ways.into_iter().map(AccessMethod::name).collect(),
        is_possibly_stale,
        bytes: read,
    };
    let format = args.hart.format;
    format.answer(&answer)
}
