//! `pagewalk chart map`: an address space as a strip.

use view::chart::AddressSpace;

use super::Target;
use crate::tables::Tables;

/// Draw an address space as a strip, a colour for each permission.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk chart map --core vmcore --satp 0x80033000000830ca -o space.svg
  pagewalk chart map --dump uboot.log --satp 0x8000000000050407 -o space.png")]
pub struct Args {
    #[command(flatten)]
    pub tables: Tables,
    #[command(flatten)]
    target: Target,
}

/// Draws it.
pub fn run(args: Args) -> anyhow::Result<()> {
    args.target.kind()?;
    let spaces = args.tables.spaces()?;
    let origin = args.tables.name();
    args.target
        .write(&AddressSpace::new(spaces.one()?, &origin))?;
    spaces.end()
}
