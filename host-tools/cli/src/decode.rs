//! `pagewalk decode`: the meaning of a value, field by field.
//!
//! ```text
//! $ pagewalk decode satp 0x8000000000050407
//! satp 0x8000000000050407:
//!  bits  field    value  means
//! 63:60  MODE       0x8  sv39
//! 59:44  ASID       0x0
//!  43:0  PPN    0x50407  root table at 0x50407000
//! ```

use std::ffi::OsString;

use clap::Subcommand;
use model::LooseEntries;
use model::space::{AllBits, guess};
use pagetable::{Mode, PhysAddr, Pte, VirtAddr, Xlen};
use view::fields::{self, Fields};

use crate::exit::UsageError;
use crate::format::Format;
use crate::tables::{PteArgs, XlenOption, decode_satp, mode, note_dialect, number, read_dump};

/// Decode a satp, an entry, an address or a whole dump of entries.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pagewalk decode satp 0x8000000000050407
  pagewalk decode satp 0x80080a1f --xlen 32
  pagewalk decode pte 0x90000000000000e7 --dialect thead
  pagewalk decode va 0xffffffc600005000 --mode sv39
  pagewalk decode --dump uboot.log
  pagewalk decode --dump - --mode sv32 --format csv"
)]
pub struct DecodeArgs {
    #[command(subcommand)]
    what: Option<DecodeSubject>,
    #[command(flatten)]
    dump: Dump,
}

/// The kind of value.
#[derive(Subcommand)]
enum DecodeSubject {
    /// The register that points to the root table
    #[command(after_help = "Example:\n  pagewalk decode satp 0x8000000000050407")]
    Satp {
        /// The value, in hexadecimal, with or without 0x
        #[arg(value_parser = number)]
        value: u64,
        /// Width of the register in bits
        #[arg(long, value_enum, default_value = "64")]
        xlen: XlenOption,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// An entry of a page table
    #[command(after_help = "Example:\n  pagewalk decode pte 0x140804eb --mode sv39 --level 0")]
    Pte {
        /// The entry, in hexadecimal, with or without 0x
        #[arg(value_parser = number)]
        value: u64,
        /// Level of its table; without it, the meaning at each level
        #[arg(long)]
        level: Option<u8>,
        #[command(flatten)]
        writing: PteArgs,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// A virtual address
    #[command(after_help = "Example:\n  pagewalk decode va 0xffffffc600005000 --mode sv39")]
    Va {
        /// The address, in hexadecimal, with or without 0x
        #[arg(value_parser = number)]
        value: u64,
        /// Paging mode: sv32, sv39, sv48, sv57
        #[arg(long, value_name = "MODE", value_parser = mode, default_value = "sv39")]
        mode: Mode,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}

/// A dump of many entries.
#[derive(clap::Args)]
struct Dump {
    /// Text: md.q, x/gx, xp, hexdump -C, NuttX's MMU log; FILE@0xADDR adds to its addresses
    #[arg(long, value_name = "FILE|-")]
    dump: Option<OsString>,
    /// Value of satp: levels are counted from its root
    #[arg(long, value_name = "VALUE", value_parser = number)]
    satp: Option<u64>,
    #[command(flatten)]
    writing: PteArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints the decoded value.
pub fn run(args: DecodeArgs) -> anyhow::Result<()> {
    match args.what {
        None => match &args.dump.dump {
            Some(name) => entries(name, &args.dump),
            None => {
                Err(UsageError("nothing to decode; there is satp, pte, va, --dump".into()).into())
            }
        },
        Some(DecodeSubject::Satp {
            value,
            xlen,
            format,
        }) => {
            let xlen = Xlen::from(xlen);
            // The same checks as everywhere, except that a reserved mode is a result here.
            if xlen == Xlen::Rv32 || value >> 32 == 0 {
                decode_satp(value, xlen, None)?;
            }
            answer(format, &fields::satp(value, xlen))
        }
        Some(DecodeSubject::Pte {
            value,
            level,
            writing,
            format,
        }) => pte(Pte::new(value), level, &writing, format),
        Some(DecodeSubject::Va {
            value,
            mode,
            format,
        }) => answer(format, &fields::va(VirtAddr::new(value), mode)),
    }
}

fn answer(format: Format, value: &Fields) -> anyhow::Result<()> {
    format.answer(value)
}

/// The mode of entries that are given without a satp.
fn mode_of(writing: &PteArgs) -> anyhow::Result<Mode> {
    let by_xlen = match writing.xlen()? {
        Some(Xlen::Rv32) => Mode::Sv32,
        _ => Mode::Sv39,
    };
    Ok(writing.mode.unwrap_or(by_xlen))
}

fn pte(pte: Pte, level: Option<u8>, writing: &PteArgs, format: Format) -> anyhow::Result<()> {
    let mode = mode_of(writing)?;
    if mode == Mode::Sv32 && pte.raw() >> 32 != 0 {
        return Err(UsageError(format!("an sv32 entry has 32 bits; {pte:#x} has more")).into());
    }
    if let Some(level) = level.filter(|level| *level >= mode.levels()) {
        let (name, top) = (mode.name(), mode.root_level());
        let misuse = format!("{name} has no level {level}; its root is level {top}");
        return Err(UsageError(misuse).into());
    }
    let mut bits = AllBits::default();
    bits.note(pte);
    let dialect = writing.dialect.given().unwrap_or_else(|| {
        let dialect = guess(bits);
        if bits.entries > 0 && mode != Mode::Sv32 {
            note_dialect(bits.entries, dialect);
        }
        dialect
    });
    answer(format, &fields::pte(pte, mode, dialect, level))
}

fn entries(name: &OsString, dump: &Dump) -> anyhow::Result<()> {
    let xlen = dump.writing.xlen()?.unwrap_or(Xlen::Rv64);
    let satp = dump
        .satp
        .map(|raw| decode_satp(raw, xlen, dump.writing.mode));
    let satp = satp.transpose()?;
    let mode = match satp {
        Some(satp) if satp.mode == Mode::Bare => {
            return Err(UsageError("satp is bare: it has no tables".into()).into());
        }
        Some(satp) => satp.mode,
        None => mode_of(&dump.writing)?,
    };
    let text = read_dump(name, mode)?;
    let words = || text.memory.words(mode.entry_bytes());
    let dialect = dump.writing.dialect.given().unwrap_or_else(|| {
        let mut bits = AllBits::default();
        words().for_each(|(_, word)| bits.note(Pte::new(word)));
        let dialect = guess(bits);
        if bits.entries > 0 {
            note_dialect(bits.entries, dialect);
        }
        dialect
    });
    let root: Option<PhysAddr> = satp.map(|satp| satp.root);
    let entries = LooseEntries::new(words(), mode, dialect, root);
    dump.format.answer(&entries)
}
