//! `pagewalk chart map`: an address space as a strip.

use view::chart::{address_space, physical};

use super::ChartOutput;
use crate::filter::FilterArgs;
use crate::tables::TablesArgs;

/// Draw an address space as a strip, one colour per permission; or physical memory, one colour per owner.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk chart map --core vmcore --satp 0x80033000000830ca -o space.svg
  pagewalk chart map --dump uboot.log --satp 0x8000000000050407 -o space.png
  pagewalk chart map --physical --from tcp://localhost:3334 --all-roots -o memory.svg")]
pub struct ChartMapArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    wanted: FilterArgs,
    /// Draw physical memory and its owners, of all given roots
    #[arg(long)]
    physical: bool,
    #[command(flatten)]
    target: ChartOutput,
}

/// Writes the chart of the options to its file.
pub fn run(args: ChartMapArgs) -> anyhow::Result<()> {
    args.target.kind()?;
    let filter = args.wanted.filter()?;
    let mut spaces = args.tables.spaces_named(false)?;
    spaces.list.iter_mut().for_each(|space| space.only(&filter));
    let origin = spaces.origin(args.tables.name());
    match args.physical {
        true => args.target.write(&physical(&spaces.list, &origin))?,
        false => args.target.write(&address_space(spaces.one()?, &origin))?,
    }
    spaces.end()
}
