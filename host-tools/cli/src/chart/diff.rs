//! `pagewalk chart diff`: differences as a strip.

use link::memory::MemorySpec;
use model::diff::pairs;
use view::chart::changes;

use super::ChartOutput;
use crate::diff::both;
use crate::exit::UsageError;
use crate::tables::{SpaceArgs, Spaces};

/// Draw the differences between two snapshots, one colour per kind.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk chart diff before.json after.json -o changes.svg")]
pub struct ChartDiffArgs {
    /// The earlier one: a snapshot, or anything that --from takes
    #[arg(value_name = "BEFORE")]
    before: MemorySpec,
    /// The later one: a snapshot, or anything that --from takes
    #[arg(value_name = "AFTER")]
    after: MemorySpec,
    #[command(flatten)]
    pub roots: SpaceArgs,
    #[command(flatten)]
    target: ChartOutput,
}

/// Writes the chart of the options to its file.
pub fn run(args: ChartDiffArgs) -> anyhow::Result<()> {
    args.target.kind()?;
    let (before, after) = both(&args.roots, &args.before, &args.after)?;
    let diffs = pairs(&before.list, &after.list, &[]);
    let [diff] = &diffs[..] else {
        let misuse = format!("expected one root, found {}", diffs.len());
        return Err(UsageError(misuse).into());
    };
    let named = |spaces: &Spaces, origin: &MemorySpec| spaces.origin(origin.to_string());
    let origin = format!(
        "{} to {}",
        named(&before, &args.before),
        named(&after, &args.after)
    );
    args.target.write(&changes(diff, &origin))?;
    before.end()?;
    after.end()
}
