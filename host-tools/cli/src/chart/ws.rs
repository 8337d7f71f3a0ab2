//! `pagewalk chart ws`: the working set as a heat map.

use view::chart::Heat;

use super::ChartOutput;
use crate::filter::FilterArgs;
use crate::tables::TablesArgs;

/// Draw the working set as a heat map: accessed and dirty pages by address and permission.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk chart ws --from vmcore --satp 0x80033000000830ca -o used.svg
  pagewalk chart ws --from gdb://localhost:1234 --user -o used.png")]
pub struct ChartWsArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    wanted: FilterArgs,
    #[command(flatten)]
    target: ChartOutput,
}

/// Writes the chart of the options to its file.
pub fn run(args: ChartWsArgs) -> anyhow::Result<()> {
    args.target.kind()?;
    let filter = args.wanted.filter()?;
    let mut spaces = args.tables.spaces()?;
    spaces.list.iter_mut().for_each(|space| space.only(&filter));
    let origin = spaces.origin(args.tables.name());
    args.target.write(&Heat::new(spaces.one()?, &origin))?;
    spaces.end()
}
