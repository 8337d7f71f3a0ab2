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
    tables: Tables,
    #[command(flatten)]
    target: Target,
}

/// Draws it.
pub fn run(args: Args) -> anyhow::Result<()> {
    args.target.kind()?;
    let space = crate::map::read(&args.tables)?;
    let mut origin = args.tables.name();
    if space.is_possibly_stale {
        origin += ", possibly stale";
    }
    args.target.write(&AddressSpace::new(&space, &origin))
}
