//! `--pmp`: physical memory protection, from the hart or from a text.

use std::io::Read;
use std::path::Path;

use link::gdb::Stub;
use link::pmp;
#[cfg(feature = "probe")]
use link::probe::{ProbeError, Target};
use pagetable::{Pmp, Xlen};
#[cfg(feature = "probe")]
use pagetable::{PmpMatching, PmpRegisters};

use super::{NamesWanted, OpenTables, SpaceArgs, TablesArgs};
use crate::exit::UsageError;

/// Largest text that is read: a boot log is far smaller.
const MOST_TEXT: u64 = 16 << 20;

/// Physical memory protection.
#[derive(clap::Args, Clone, Default)]
pub struct PmpArgs {
    /// Physical memory protection: `hart` reads the registers of a gdb stub or a probe; a text of registers,
    /// as "pmpcfg0=0x1f18 pmpaddr0=0x20007fff"; a file with such, or with OpenSBI's boot lines (Domain0
    /// Region00 …); `-` is stdin
    #[arg(long, value_name = "hart|TEXT|FILE|-")]
    pmp: Option<String>,
    /// A hart without these registers is no error.
    #[arg(skip)]
    is_optional: bool,
}

impl PmpArgs {
    fn is_of_hart(&self) -> bool {
        self.pmp.as_deref() == Some("hart")
    }

    /// The registers of the hart where they can be read; no error where they cannot.
    pub fn hart_if_it_can() -> PmpArgs {
        PmpArgs {
            pmp: Some("hart".to_owned()),
            is_optional: true,
        }
    }

    /// Whether the option was given.
    pub fn is_given(&self) -> bool {
        self.pmp.is_some()
    }

    /// The entries of the text; `None` if it is not given, or if the hart is to say it.
    pub fn of_text(&self, xlen: Xlen) -> anyhow::Result<Option<Pmp>> {
        let Some(given) = self.pmp.as_deref().filter(|_| !self.is_of_hart()) else {
            return Ok(None);
        };
        let (name, text) = text(given)?;
        entries(&name, pmp::read(&text, xlen)).map(Some)
    }
}

/// The text that the option means, and what to call it.
fn text(given: &str) -> anyhow::Result<(String, String)> {
    if given == "-" {
        let stdin = Path::new("stdin");
        let bytes =
            container::read_from(std::io::stdin().lock().take(MOST_TEXT), stdin, MOST_TEXT)?;
        return Ok(("stdin".to_owned(), lossy(&bytes)));
    }
    if given.contains(['=', ':', ' ', '\n']) && !Path::new(given).exists() {
        return Ok(("--pmp".to_owned(), given.to_owned()));
    }
    let head = container::head(Path::new(given), MOST_TEXT as usize)?;
    Ok((given.to_owned(), lossy(&head)))
}

/// Without what a terminal or a page put around its letters.
fn lossy(bytes: &[u8]) -> String {
    let text = link::text::utf8(bytes);
    String::from_utf8_lossy(&link::text::plain(&text)).into_owned()
}

/// The entries of a text, after its notes.
fn entries(name: &str, read: Result<pmp::PmpText, pmp::PmpTextError>) -> anyhow::Result<Pmp> {
    match read {
        Ok(it) => {
            for note in it.notes {
                eprintln!("note: {name}: {note}");
            }
            Ok(it.pmp)
        }
        Err(error) => Err(UsageError(format!("{name}: {error}")).into()),
    }
}

/// Registers of PMP that a stub describes and lets read.
pub(super) fn of_stub(stub: &mut Stub) -> anyhow::Result<Vec<(String, u64)>> {
    let names = stub.names()?;
    let of_pmp = |name: &&String| name.starts_with("pmp") || *name == "mseccfg";
    let mut found = Vec::new();
    for name in names.iter().filter(of_pmp) {
        // A description lists registers that the hart lacks: reading those is an error of theirs alone.
        if let Ok(value) = stub.register(name) {
            found.push((name.clone(), value));
        }
    }
    if !found.iter().any(|(name, _)| name.starts_with("pmpcfg")) {
        found.clear();
    }
    Ok(found)
}

/// Numbers of the registers: Privileged spec, table of machine-mode CSRs.
#[cfg(feature = "probe")]
mod csr {
    pub const PMPCFG0: u16 = 0x3a0;
    pub const PMPADDR0: u16 = 0x3b0;
    pub const MSECCFG: u16 = 0x747;
}

/// Registers of PMP of a hart at a probe: its configuration, and the addresses that it needs.
#[cfg(feature = "probe")]
pub(super) fn of_probe(target: &mut Target, xlen: Xlen) -> anyhow::Result<Vec<(String, u64)>> {
    let mut optional = |number: u16| match target.csr(number) {
        Ok(value) => Ok(Some(value)),
        Err(ProbeError::NoRegister(..)) => Ok(None),
        Err(error) => Err(error),
    };
    let mut registers = PmpRegisters::new(xlen);
    let mut found = Vec::new();
    let step = match xlen {
        Xlen::Rv32 => 1,
        Xlen::Rv64 => 2,
    };
    for number in (0..16_u8).step_by(step) {
        let Some(value) = optional(csr::PMPCFG0 + u16::from(number))? else {
            break;
        };
        registers.set_config(number, value)?;
        found.push((format!("pmpcfg{number}"), value));
    }
    for entry in 0..registers.known() as u8 {
        let is_bottom = registers.matching(entry + 1) == PmpMatching::TopOfRange;
        if registers.matching(entry) == PmpMatching::Off && !is_bottom {
            continue;
        }
        if let Some(value) = optional(csr::PMPADDR0 + u16::from(entry))? {
            found.push((format!("pmpaddr{entry}"), value));
        }
    }
    if let Some(value) = optional(csr::MSECCFG)? {
        found.push(("mseccfg".to_owned(), value));
    }
    Ok(found)
}

impl SpaceArgs {
    /// The same options, for a hart whose registers of PMP are wanted too.
    pub fn with_pmp(&self, pmp: &PmpArgs) -> SpaceArgs {
        SpaceArgs {
            reads_pmp: pmp.is_of_hart(),
            ..self.clone()
        }
    }
}

impl OpenTables {
    /// Takes the entries that the option means.
    pub fn with_pmp(mut self, pmp: &PmpArgs) -> anyhow::Result<OpenTables> {
        self.pmp = match pmp.is_of_hart() {
            true if self.pmp_registers.is_empty() && pmp.is_optional => None,
            true if self.pmp_registers.is_empty() => {
                let misuse = "--pmp hart: no pmpcfg register can be read there; it goes with a gdb stub that \
                              describes them or a probe: --from gdb://HOST:PORT, --from probe";
                return Err(UsageError(misuse.to_owned()).into());
            }
            true => {
                let named = self.pmp_registers.iter();
                let named = named.map(|(name, value)| (&**name, *value));
                Some(entries("hart", pmp::of_registers(named, self.xlen))?)
            }
            false => pmp.of_text(self.xlen)?,
        };
        Ok(self)
    }
}

impl TablesArgs {
    /// Opens the memory as [`TablesArgs::open`] does, with physical memory protection.
    pub fn open_with(&self, pmp: &PmpArgs) -> anyhow::Result<OpenTables> {
        let origins = self.from.origins();
        self.roots.check_wires(&origins)?;
        let roots = SpaceArgs {
            names: NamesWanted::IfKnown,
            ..self.roots.with(&self.plan).with_pmp(pmp)
        };
        roots.open(origins)?.with_pmp(pmp)
    }
}
