//! Options for the encoding of entries, and numbers on the command line.

use clap::ValueEnum;
use link::memory::text::address;
use pagetable::{Dialect, Mode, Satp, Xlen};
use view::words::counted;

use crate::exit::UsageError;

/// Parses an address or register value: hexadecimal, with or without `0x`.
pub fn number(text: &str) -> Result<u64, String> {
    address(text).ok_or_else(|| format!("`{text}` is not a 64-bit hexadecimal number"))
}

/// Values of `--xlen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum XlenOption {
    /// A 32-bit hart
    #[value(name = "32")]
    Rv32,
    /// A 64-bit hart
    #[value(name = "64")]
    Rv64,
}

impl From<XlenOption> for Xlen {
    fn from(option: XlenOption) -> Xlen {
        match option {
            XlenOption::Rv32 => Xlen::Rv32,
            XlenOption::Rv64 => Xlen::Rv64,
        }
    }
}

/// Parses the value of `--mode`.
pub fn mode(name: &str) -> Result<Mode, String> {
    let paging = Mode::from_name(name).filter(|mode| *mode != Mode::Bare);
    let names = Mode::ALL.map(Mode::name).join(", ");
    paging.ok_or_else(|| format!("no paging mode `{name}`; there is {names}"))
}

/// Values of `--dialect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DialectOption {
    /// Neither extension: bits 54-63 must be zero
    None,
    /// Ratified Svnapot and Svpbmt
    Svpbmt,
    /// T-Head C9xx with th.sxstatus.MAEE set
    Thead,
    /// Guess from the bits of the entries
    #[default]
    Auto,
}

impl DialectOption {
    /// The dialect, unless it is to be guessed.
    pub fn given(self) -> Option<Dialect> {
        match self {
            DialectOption::None => Some(Dialect::None),
            DialectOption::Svpbmt => Some(Dialect::Svpbmt),
            DialectOption::Thead => Some(Dialect::THead),
            DialectOption::Auto => None,
        }
    }
}

/// Encoding of entries.
#[derive(clap::Args, Clone, Default)]
pub struct PteArgs {
    /// Paging mode, if satp does not state it: sv32, sv39, sv48, sv57
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<Mode>,
    /// Meaning of bits 59-63 of an entry
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        value_name = "none|svpbmt|thead|auto"
    )]
    pub dialect: DialectOption,
    /// Register width in bits, 32 or 64; an ELF core states it itself
    #[arg(long, value_enum, hide_possible_values = true, value_name = "32|64")]
    pub xlen: Option<XlenOption>,
}

impl PteArgs {
    /// The register width from `--xlen` or the mode.
    pub fn xlen(&self) -> anyhow::Result<Option<Xlen>> {
        let by_mode = self.mode.map(Mode::xlen);
        match (self.xlen.map(Xlen::from), by_mode) {
            (Some(xlen), Some(by_mode)) if xlen != by_mode => {
                let (bits, mode) = (xlen.bits(), self.mode.map_or("", Mode::name));
                let misuse = format!("--xlen {bits} has no {mode}");
                Err(UsageError(misuse).into())
            }
            (given, by_mode) => Ok(given.or(by_mode)),
        }
    }
}

/// Decodes `satp` for this width, with its mode replaced if one is given.
pub fn decode_satp(raw: u64, xlen: Xlen, mode: Option<Mode>) -> anyhow::Result<Satp> {
    if xlen == Xlen::Rv32 && raw >> 32 != 0 {
        return Err(UsageError(format!("satp {raw:#x} has more than 32 bits")).into());
    }
    if xlen == Xlen::Rv64 && mode.is_none() && raw >> 31 == 1 {
        eprintln!("warning: satp {raw:#x} is bare on a 64-bit hart; with --xlen 32 it is sv32");
    }
    let kept = match mode {
        Some(_) => raw & !(0xf << 60),
        None => raw,
    };
    let satp = Satp::decode(kept, xlen).map_err(|error| UsageError(error.to_string()))?;
    Ok(Satp {
        mode: mode.unwrap_or(satp.mode),
        ..satp
    })
}

/// Notes that a dialect was guessed, and the option to change it.
pub fn note_dialect(entries: u64, dialect: Dialect) {
    let entries = counted(entries, "entry", "entries");
    eprintln!(
        "note: bits 59-63 are set in {entries}: read as {}; --dialect says otherwise",
        dialect.name()
    );
}
