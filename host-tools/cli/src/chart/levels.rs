//! `pagewalk chart levels`: the tree of tables.

use view::chart::Levels;

use super::ChartOutput;
use crate::tables::TablesArgs;

/// Draw the tree of page tables, level by level, with the use of each table.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk chart levels --from vmcore --satp 0x80033000000830ca -o tables.svg")]
pub struct ChartLevelsArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    target: ChartOutput,
}

/// Writes the chart of the options to its file.
pub fn run(args: ChartLevelsArgs) -> anyhow::Result<()> {
    args.target.kind()?;
    let spaces = args.tables.spaces()?;
    let origin = spaces.origin(args.tables.name());
    args.target.write(&Levels::new(spaces.one()?, &origin))?;
    spaces.end()
}
