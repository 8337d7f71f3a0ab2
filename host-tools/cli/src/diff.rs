//! `pagewalk diff`: differences between two snapshots of page tables.
//!
//! ```text
//! $ pagewalk diff before.json gdb://localhost:1234
//! satp 0x8000000000081fca: sv39, asid 0, root 0x81fca000
//! change      va                  size  perms               pa
//! added       0x0000000000012000  8KiB  rw-u-ad             0x0000000080a11000
//! permission  0xffffffff80200000  2MiB  rwx-gad -> r-x-gad  0x0000000080400000
//!
//! 2 changes: 8KiB added, 2MiB permission, 30.1MiB as before
//! ```

use std::io::Write;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use link::memory::MemorySpec;
use model::diff::{ChangeKind, pairs};

use crate::format::Format;
use crate::tables::{PlanArgs, SpaceArgs, Spaces, read};

/// Compare two snapshots of page tables: mappings added, removed, moved, or with other permissions.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk snapshot save before.json --from gdb://localhost:1234
  pagewalk diff before.json gdb://localhost:1234
  pagewalk diff before.json after.json --all-roots --ignore used
  pagewalk diff planned: crash.core --board ox64 --elf kernel --image Image --satp 0x8000000000050a3c
  pagewalk diff boot.core crash.core --satp 0x8000000000081fca --format json")]
pub struct DiffArgs {
    /// The earlier one: a snapshot, or anything that --from takes
    #[arg(value_name = "BEFORE")]
    before: MemorySpec,
    /// The later one: a snapshot, or anything that --from takes
    #[arg(value_name = "AFTER")]
    after: MemorySpec,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    pub roots: SpaceArgs,
    /// Leave out differences of these kinds only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND,…")]
    ignore: Vec<KindOption>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// A value of `--ignore`.
#[derive(Clone, Copy, Debug)]
struct KindOption(ChangeKind);

impl ValueEnum for KindOption {
    fn value_variants<'a>() -> &'a [KindOption] {
        const ALL: [KindOption; ChangeKind::ALL.len()] = {
            let mut all = [KindOption(ChangeKind::Added); ChangeKind::ALL.len()];
            let mut place = 0;
            while place < all.len() {
                all[place] = KindOption(ChangeKind::ALL[place]);
                place += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()))
    }
}

/// Writes the differences.
pub fn write(args: &DiffArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let (before, after) = both(&args.roots.with(&args.plan), &args.before, &args.after)?;
    let ignored: Vec<ChangeKind> = args.ignore.iter().map(|it| it.0).collect();
    let diffs = pairs(&before.list, &after.list, &ignored);
    args.format.write(out, &diffs[..])?;
    before.end()?;
    after.end()
}

/// Reads both snapshots. Without roots on the command line, the later one is read from the roots of the
/// earlier, unless it is a snapshot file with roots of its own.
pub fn both(
    roots: &SpaceArgs,
    before: &MemorySpec,
    after: &MemorySpec,
) -> anyhow::Result<(Spaces, Spaces)> {
    roots.check_wires(&[before.clone(), after.clone()])?;
    let before = roots.open(vec![before.clone()])?;
    let begin = match before.are_roots_made {
        true => Vec::new(),
        false => before.roots.clone(),
    };
    // The first is closed before the second is opened: both may use the same line.
    let before = read(before);
    let after = match after.clone().sniffed()? {
        snapshot @ MemorySpec::Snapshot(_) => roots.open(vec![snapshot])?,
        other => roots.or(&begin).open(vec![other])?,
    };
    Ok((before, read(after)))
}
