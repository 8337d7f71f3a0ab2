//! Options that say how entries are written, and the numbers of a command line.

use clap::ValueEnum;
use link::memory::text::address;
use pagetable::{Dialect, Mode, Satp, Xlen};
use view::words::counted;

use crate::exit::UsageError;

/// A number of an address or a register: hexadecimal, `0x` or not.
pub fn number(text: &str) -> Result<u64, String> {
    address(text).ok_or_else(|| format!("`{text}` is no hexadecimal number of 64 bits"))
}

/// `--xlen`.
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

/// `--mode`.
pub fn mode(name: &str) -> Result<Mode, String> {
    let paging = Mode::from_name(name).filter(|mode| *mode != Mode::Bare);
    let names = Mode::ALL.map(Mode::name).join(", ");
    paging.ok_or_else(|| format!("no paging mode `{name}`; there is {names}"))
}

/// `--dialect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DialectOption {
    /// Neither extension: bits 54-63 must be zero
    None,
    /// Ratified Svnapot and Svpbmt
    Svpbmt,
    /// T-Head C9xx with th.sxstatus.MAEE set
    Thead,
    /// What the bits look like
    #[default]
    Auto,
}

impl DialectOption {
    /// The dialect, if it is given.
    pub fn given(self) -> Option<Dialect> {
        match self {
            DialectOption::None => Some(Dialect::None),
            DialectOption::Svpbmt => Some(Dialect::Svpbmt),
            DialectOption::Thead => Some(Dialect::THead),
            DialectOption::Auto => None,
        }
    }
}

/// How entries are written.
#[derive(clap::Args, Clone, Default)]
pub struct PteArgs {
    /// Paging mode, where satp does not say: sv32, sv39, sv48, sv57
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<Mode>,
    /// How bits 59-63 of an entry are meant
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        value_name = "none|svpbmt|thead|auto"
    )]
    pub dialect: DialectOption,
    /// Bits of a register, 32 or 64; an ELF core says so itself
    #[arg(long, value_enum, hide_possible_values = true, value_name = "32|64")]
    pub xlen: Option<XlenOption>,
}

impl PteArgs {
    /// The width that is asked for, by `--xlen` or by the mode.
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

/// `satp` as a hart of this width has it, its mode replaced if one is given.
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

/// Says that a dialect was guessed, and how to say otherwise.
pub fn note_dialect(entries: u64, dialect: Dialect) {
    let entries = counted(entries, "entry", "entries");
    eprintln!(
        "note: bits 59-63 are set in {entries}: read as {}; --dialect says otherwise",
        dialect.name()
    );
}
