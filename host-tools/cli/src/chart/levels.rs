//! `pagewalk chart levels`: the tree of tables.

use view::chart::Levels;

use super::Target;
use crate::tables::Tables;

/// Draw the tree of tables, level by level, and how full each is.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk chart levels --from vmcore --satp 0x80033000000830ca -o tables.svg")]
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
    let origin = spaces.origin(args.tables.name());
    args.target.write(&Levels::new(spaces.one()?, &origin))?;
    spaces.end()
}
