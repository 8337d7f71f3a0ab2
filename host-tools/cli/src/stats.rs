//! `pagewalk stats`: structure and cost of an address space.
//!
//! ```text
//! $ pagewalk stats --from vmcore --satp 0x80033000000830ca
//! level  tables  empty  entries  filled
//!     2       1      0      135   26.4%
//!     1     132    127       43    0.1%
//!     0      43      …
//! ```

use std::io::Write;

use model::AddressSpace;
use model::stats::Stats;

use crate::format::Format;
use crate::tables::TablesArgs;

/// Count tables by level, empty tables, bytes by page size and permission, and TLB reach.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk stats --from vmcore --satp 0x80033000000830ca
  pagewalk stats --from tcp://localhost:3334 --all-roots --format json")]
pub struct StatsArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Writes the statistics.
pub fn write(args: &StatsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let spaces = args.tables.spaces()?;
    let stats = Stats::of_all(&spaces.list);
    let all: Vec<(&AddressSpace, Stats)> = spaces.list.iter().zip(stats).collect();
    args.format.write(out, &all[..])?;
    spaces.end()
}
