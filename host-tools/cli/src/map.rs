//! `pagewalk map`: everything an address space maps.
//!
//! ```text
//! $ pagewalk map --dump ox64.txt --satp 0x8000000000050407
//! satp 0x8000000000050407: sv39, asid 0, root 0x50407000
//! va                  pa                    size  perms    page
//! 0x0000000000000000  0x0000000000000000    1GiB  rw--gad  1GiB
//! 0x0000000050200000  0x0000000050200000    2MiB  r-x-gad  4KiB
//! ```
//!
//! A range is a run of pages of one size whose virtual and physical addresses
//! both continue and whose flags are equal. What the MMU would refuse is no range
//! but a problem, named with the table and the entry.

use model::Space;
use model::space::{AllBits, guess};
use pagetable::{Dialect, Refusal, Trouble};

use crate::format::Format;
use crate::tables::{Open, Tables, Writing, remark_dialect};

/// List everything an address space maps, and what the MMU refuses.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk map --core vmcore --satp 0x80033000000830ca
  pagewalk map --mem ram.bin@0x80000000 --satp 0x8000000000081fca --format json
  pagewalk map --dump uboot.log --satp 0x8000000000050407 --dialect thead
  pagewalk map --from /dev/ttyUSB0@2000000 --task 2
  pagewalk map --from gdb://localhost:1234
  pagewalk map --core nuttx32.core --satp 0x80080a1f --format csv")]
pub struct Args {
    #[command(flatten)]
    tables: Tables,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints the map.
pub fn run(args: Args) -> anyhow::Result<()> {
    let space = read(&args.tables)?;
    if args.format == Format::Csv && !space.problems.is_empty() {
        let problems = space.problems.len();
        eprintln!("remark: {problems} problems are not in the CSV; the table and JSON have them");
    }
    args.format
        .answer(&space, view::map::table, view::map::json, view::map::csv)
}

/// The address space that the options name.
pub fn read(tables: &Tables) -> anyhow::Result<Space> {
    of(tables.open()?, &tables.writing)
}

/// The address space of tables that are open.
pub fn of(open: Open, writing: &Writing) -> anyhow::Result<Space> {
    let Open {
        mut memory,
        satp,
        dialect,
    } = open;
    let given = writing.dialect.given().or(dialect);
    let mut space = Space::read(&mut memory, satp, given.unwrap_or(Dialect::None));
    if given.is_none() {
        let bits = high_bits(&space);
        if bits.entries > 0 {
            let dialect = guess(bits);
            remark_dialect(bits.entries, dialect);
            space = Space::read(&mut memory, satp, dialect);
        }
    }
    if let Some(failure) = memory.take_failure() {
        return Err(failure.into());
    }
    space.is_possibly_stale = memory.is_possibly_stale();
    if space.is_cut() {
        eprintln!("remark: the tables map more than can be listed; the map is cut short");
    }
    Ok(space)
}

/// What a reading without any dialect refused for its upper bits.
fn high_bits(space: &Space) -> AllBits {
    let mut bits = AllBits::default();
    let refused = Trouble::Refused(Refusal::ReservedBits);
    let problems = space.problems.iter().map(|it| it.problem);
    for problem in problems.filter(|it| it.trouble == refused) {
        bits.note(problem.entry.unwrap_or_default());
    }
    bits
}
