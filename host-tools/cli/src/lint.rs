//! `pagewalk lint`: mappings that are probably mistakes.
//!
//! ```text
//! $ pagewalk lint --from uboot.log --satp 0x8000000000050407 --board ox64
//! satp 0x8000000000050407: sv39, asid 0, root 0x50407000
//!
//! warning write-and-execute: a page is writable and executable; the MMU accepts it
//!   va                  size  pa                  what
//!   0x0000000050200000  2MiB  0x0000000050200000  rwx-gad
//!   -> write it through another mapping, or take W away before it is executed
//!
//! 0 errors, 1 warning, 0 info
//! ```

use std::io::Write;

use anyhow::bail;
use model::lint::{LintMachine, Severity, lint};
use view::lint::Judged;
use view::words::counted;

use crate::filter::bounds;
use crate::format::Format;
use crate::tables::{PmpArgs, TablesArgs, read};

/// Check page tables: reserved bits, W+X, tables accessible to user mode, conflicting memory types, and
/// entries that a board's hart rejects. Exit code 1 if there is an error or a warning.
#[derive(clap::Args)]
#[command(after_help = help())]
pub struct LintArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    pmp: PmpArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Examples, and every rule.
fn help() -> String {
    let mut rules = Vec::new();
    // Writing to a vector does not fail.
    let _ = view::lint::rules(&mut rules);
    format!(
        "Examples:\n  pagewalk lint --from vmcore --satp 0x80033000000830ca,0x800000000008feee\n  \
         pagewalk lint --from tcp://localhost:3334 --all-roots --board ox64\n  \
         pagewalk lint --from gdb://localhost:1234 --pmp hart\n\nRules:\n{}",
        String::from_utf8_lossy(&rules)
    )
}

/// Writes the findings.
pub fn write(args: &LintArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut open = args.tables.open_with(&args.pmp)?;
    let pmp = open.pmp.take();
    let spaces = read(open);
    let machine = LintMachine {
        ram: spaces.ram.iter().map(|span| bounds(*span)).collect(),
        devices: args.tables.devices().into_iter().map(bounds).collect(),
        svade: spaces.svade,
        pmp,
    };
    if machine.is_short_of(&spaces.list) {
        eprintln!(
            "note: some tables lie outside of what --ram or --board says is memory: up to them \
             all is taken for memory"
        );
    }
    let judged = Judged {
        lints: lint(&spaces.list, &machine),
        spaces: &spaces.list,
    };
    args.format.write(out, &judged)?;
    let bad = judged.count(Severity::Error) + judged.count(Severity::Warning);
    let is_cut = spaces.list.iter().any(|space| space.left_out > 0);
    spaces.end()?;
    match bad {
        0 if is_cut => bail!("not all ways to all tables were judged"),
        0 => Ok(()),
        some => bail!(
            "{} more than information",
            counted(some, "finding is", "findings are")
        ),
    }
}
