//! `pagewalk walk`: the translation of one address, or why it faults.
//!
//! ```text
//! $ pagewalk walk 0x50201000 --dump ox64.txt --satp 0x8000000000050407
//! satp 0x8000000000050407: sv39, asid 0, root 0x50407000
//! level  index  entry at            entry               flags    means
//!     2      1  0x0000000050407008  0x0000000014101821  ----g--  table 0x50406000
//!     1    129  0x0000000050406408  0x0000000014101001  -------  table 0x50404000
//!     0      1  0x0000000050404008  0x00000000140804eb  r-x-gad  4KiB page 0x50201000
//! ```
//!
//! The physical address follows, and for each kind of access whether it succeeds or which `scause` it faults
//! with.

use std::io::Write;

use model::space::{AllBits, Bounds, area_names, guess};
use pagetable::{
    Dialect, Mode, TwoStageOutcome, TwoStageWalk, VirtAddr, translate, translate_two_stage,
};
use view::two_stage::TwoStageWalked;
use view::walk::Walked;

use crate::format::Format;
use crate::tables::{GuestArgs, OpenTables, PmpArgs, TablesArgs, note_dialect, number};

/// Translate one address, level by level, or show why it faults.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk walk 0x50201000 --dump uboot.log --satp 0x8000000000050407
  pagewalk walk 0xffffffc600005000 --from vmcore --satp 0x8000000000081fca
  pagewalk walk 0xc0801000 --mem ram.bin@0x80000000 --satp 0x80080a1f --xlen 32
  pagewalk walk 0x50201000 --dump uboot.log --satp 0x8000000000050407 --pmp opensbi.log
  pagewalk walk 0x1000 --mem ram.bin@0x80000000 --vsatp 0x8000000000080003 --hgatp 0x8000000000090000")]
pub struct WalkArgs {
    /// The virtual address, in hexadecimal
    #[arg(value_parser = number)]
    va: u64,
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    pmp: PmpArgs,
    #[command(flatten)]
    guest: GuestArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Writes the walk.
pub fn write(args: &WalkArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.guest.is_given() {
        let open = args.tables.open_guest(&args.guest)?;
        return args
            .format
            .write(out, &of_guest(open, &args.guest, args.va)?);
    }
    let walked = of(args.tables.open_with(&args.pmp)?, args.va)?;
    let format = args.format;
    format.write(out, &walked)
}

/// Translates one address through open tables.
pub fn of(open: OpenTables, va: u64) -> anyhow::Result<Walked> {
    let satp = open.single_root()?;
    let areas = open.areas_of(&satp.into());
    let mut memory = open.memory;
    let va = VirtAddr::new(va);
    let mut root = satp.tree(open.dialect.unwrap_or(Dialect::None));
    let mut walk = translate(&mut memory, root, va);
    if open.dialect.is_none() && satp.mode != Mode::Sv32 {
        let mut bits = AllBits::default();
        let entries = walk.steps().iter().filter_map(|step| step.entry);
        entries.for_each(|pte| bits.note(pte));
        if bits.entries > 0 {
            root.dialect = guess(bits);
            note_dialect(bits.entries, root.dialect);
            walk = translate(&mut memory, root, va);
        }
    }
    if let Some(failure) = memory.take_failure() {
        return Err(failure.into());
    }
    Ok(Walked {
        satp,
        root,
        va,
        walk,
        is_possibly_stale: memory.is_possibly_stale(),
        name: area_names(
            &areas,
            Some(Bounds::one(va.raw())),
            walk.address().map(|at| Bounds::one(at.raw())),
        ),
        pmp: open.pmp,
    })
}

/// Translates one address of a guest through both stages.
pub fn of_guest(open: OpenTables, guest: &GuestArgs, va: u64) -> anyhow::Result<TwoStageWalked> {
    let roots = open.guest_roots(guest)?;
    let mut memory = open.memory;
    let va = VirtAddr::new(va);
    let mut dialect = open.dialect.unwrap_or(Dialect::None);
    let mut walk = |dialect| {
        let (first, second) = (roots.first(dialect), roots.second(dialect));
        translate_two_stage(&mut memory, first, second, va)
    };
    let mut walked = walk(dialect);
    if open.dialect.is_none() && roots.hgatp.mode != Mode::Sv32 {
        let bits = high_bits(&walked);
        if bits.entries > 0 {
            dialect = guess(bits);
            note_dialect(bits.entries, dialect);
            walked = walk(dialect);
        }
    }
    if let Some(failure) = memory.take_failure() {
        return Err(failure.into());
    }
    Ok(TwoStageWalked {
        first: roots.first(dialect),
        second: roots.second(dialect),
        vsatp: roots.vsatp,
        hgatp: roots.hgatp,
        va,
        walk: walked,
    })
}

/// Counts of bits 59–63 in the entries of both stages.
fn high_bits(walk: &TwoStageWalk) -> AllBits {
    let mut bits = AllBits::default();
    let last = match &walk.outcome {
        TwoStageOutcome::Mapped { guest, .. } => Some(guest),
        _ => None,
    };
    let guests = walk.steps().map(|step| &step.guest).chain(last);
    let second = guests.flat_map(|guest| guest.steps().iter().filter_map(|step| step.entry));
    let first = walk.steps().filter_map(|step| step.entry);
    second.chain(first).for_each(|pte| bits.note(pte));
    bits
}
