//! `pagewalk chart faults`: faults over time, by cause.

use anyhow::Context;
use view::chart::FaultsOverTime;

use super::ChartOutput;
use crate::recording::FaultSourceArgs;

/// Maximum number of intervals, so that bars stay wide enough to see.
const STEPS: usize = 100;

/// Draw faults over time, one colour per cause.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk chart faults serial.log -o faults.svg
  pagewalk chart faults serial.log --task 3 -o faults.png")]
pub struct ChartFaultsArgs {
    #[command(flatten)]
    source: FaultSourceArgs,
    #[command(flatten)]
    target: ChartOutput,
}

/// Writes the chart of the options to its file.
pub fn run(args: ChartFaultsArgs) -> anyhow::Result<()> {
    args.target.kind()?;
    let faults = args.source.read()?;
    let origin = args.source.name();
    let none = || format!("{origin}: no fault with a time in it, so nothing to draw over time");
    let timeline = faults.timeline(STEPS).with_context(none)?;
    let origin = origin.rsplit('/').next().unwrap_or(&origin);
    args.target.write(&FaultsOverTime {
        timeline: &timeline,
        origin,
    })
}
