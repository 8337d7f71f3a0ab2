//! `pagewalk map`: every mapping of an address space.
//!
//! ```text
//! $ pagewalk map --dump ox64.txt --satp 0x8000000000050407
//! satp 0x8000000000050407: sv39, asid 0, root 0x50407000
//! va                  pa                    size  perms    page
//! 0x0000000000000000  0x0000000000000000    1GiB  rw--gad  1GiB
//! 0x0000000050200000  0x0000000050200000    2MiB  r-x-gad  4KiB
//! ```
//!
//! A range is a run of pages of one size that are contiguous in virtual and physical addresses and have equal
//! flags. Entries that the MMU rejects are listed as problems, with table and entry.

use std::io::Write;

use anyhow::bail;
use clap::ValueEnum;
use model::GuestMap;
use pagetable::{Dialect, ScanBudget};
use view::guest_map::GuestMapped;
use view::words::counted;

use crate::exit::UsageError;
use crate::filter::FilterArgs;
use crate::format::Format;
use crate::tables::{GuestArgs, TablesArgs};

/// Which neighbouring mappings form one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Merge {
    /// Contiguous in virtual and physical addresses, and equal otherwise
    All,
    /// Contiguous in virtual addresses, wherever they are in memory
    Va,
    /// None: one line per entry
    None,
}

/// List every mapping of an address space, and the entries that the MMU rejects.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk map --core vmcore --satp 0x80033000000830ca
  pagewalk map --from vmcore --satp 0x80033000000830ca --user --write
  pagewalk map --from vmcore --satp 0x80033000000830ca,0x800000000008feee --range 0x0-0x4000000000
  pagewalk map --mem ram.bin@0x80000000 --satp 0x8000000000081fca --format json
  pagewalk map --dump uboot.log --satp 0x8000000000050407 --dialect thead
  pagewalk map --from /dev/ttyUSB0@2000000 --task 2
  pagewalk map --from tcp://localhost:3334 --all-roots
  pagewalk map --from gdb://localhost:1234
  pagewalk map --from gdb://localhost:1234 --task 42 --user
  pagewalk map --mem ram.bin@0x80000000 --vsatp 0x8000000000080003 --hgatp 0x8000000000090000
  pagewalk map --core nuttx32.core --satp 0x80080a1f --format csv
  pagewalk map --core vmcore --satp 0x80033000000830ca --dtb virt.dtb --elf vmlinux
  pagewalk map --planned --board ox64 --elf kernel --image Image --dtb ox64.dtb")]
pub struct MapArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    guest: GuestArgs,
    #[command(flatten)]
    wanted: FilterArgs,
    /// Name areas of the kernel and mappings of the process: on with --task and --all-roots; with --satp, the system
    /// is looked for
    #[arg(long)]
    names: bool,
    /// Which neighbouring mappings form one range
    #[arg(
        long,
        value_enum,
        default_value = "all",
        hide_possible_values = true,
        value_name = "all|va|none"
    )]
    merge: Merge,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Writes the mappings.
pub fn write(args: &MapArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.guest.is_given() {
        return write_guest(args, out);
    }
    let filter = args.wanted.filter()?;
    let mut spaces = args.tables.spaces_named(args.names)?;
    for space in &mut spaces.list {
        space.only(&filter);
        space.merge(match args.merge {
            Merge::All => model::space::Merge::All,
            Merge::Va => model::space::Merge::Va,
            Merge::None => model::space::Merge::Apart,
        });
    }
    let problems: usize = spaces.list.iter().map(|space| space.problems.len()).sum();
    if args.format == Format::Csv && problems > 0 {
        let problems = counted(problems, "problem is", "problems are");
        eprintln!("note: {problems} not in the CSV; the table and JSON have them");
    }
    let format = args.format;
    format.write(out, &spaces.list[..])?;
    for space in spaces.list.iter().filter(|space| space.left_out > 0) {
        eprintln!(
            "warning: stopped after {} of root {}: {} tables that are listed, on further ways to \
             them",
            counted(space.count().ranges, "range", "ranges"),
            space.root.table,
            counted(space.left_out, "more entry repeats", "more entries repeat"),
        );
    }
    spaces.end()
}

/// Writes what a guest reaches through both stages.
fn write_guest(args: &MapArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.wanted.is_given() || args.merge != Merge::All {
        let misuse = "with --hgatp the whole map is shown: filters and --merge are for one stage";
        return Err(UsageError(misuse.to_owned()).into());
    }
    let open = args.tables.open_guest(&args.guest)?;
    let roots = open.guest_roots(&args.guest)?;
    let mut memory = open.memory;
    // Bits 59-63 are those of Svnapot and Svpbmt where nothing else is said: no hart with T-Head's has guests.
    let dialect = open.dialect.unwrap_or(Dialect::Svpbmt);
    let (first, second) = (roots.first(dialect), roots.second(dialect));
    let map = GuestMap::read(&mut memory, first, second, ScanBudget::default());
    if let Some(failure) = memory.take_failure() {
        return Err(failure.into());
    }
    let mapped = GuestMapped {
        vsatp: roots.vsatp,
        hgatp: roots.hgatp,
        map,
    };
    args.format.write(out, &mapped)?;
    match mapped.map.is_cut {
        true => bail!("the guest maps more ranges than are kept"),
        false => Ok(()),
    }
}
