//! `pagewalk chart`: one file per chart.
//!
//! To add a chart: a file with `Args` and `run`, and its row here.

use std::path::PathBuf;

use view::chart::{self, ImageKind, Picture};

use crate::exit::UsageError;
use crate::tables::SpaceArgs;

mod diff;
mod faults;
mod levels;
mod map;
mod timeline;
mod trace;
mod ws;

/// Draw a chart as SVG or PNG.
#[derive(clap::Args)]
pub struct ChartArgs {
    #[command(subcommand)]
    chart: Chart,
}

#[derive(clap::Subcommand)]
enum Chart {
    Map(map::ChartMapArgs),
    Ws(ws::ChartWsArgs),
    Diff(diff::ChartDiffArgs),
    Levels(levels::ChartLevelsArgs),
    Timeline(timeline::ChartTimelineArgs),
    Faults(faults::ChartFaultsArgs),
    Trace(trace::ChartTraceArgs),
}

impl ChartArgs {
    /// The options that select tables; `None` for a chart of something else.
    pub fn roots(&mut self) -> Option<&mut SpaceArgs> {
        match &mut self.chart {
            Chart::Map(args) => Some(&mut args.tables.roots),
            Chart::Ws(args) => Some(&mut args.tables.roots),
            Chart::Levels(args) => Some(&mut args.tables.roots),
            Chart::Diff(args) => Some(&mut args.roots),
            Chart::Timeline(_) | Chart::Faults(_) | Chart::Trace(_) => None,
        }
    }
}

/// Draws the chosen chart.
pub fn run(args: ChartArgs) -> anyhow::Result<()> {
    match args.chart {
        Chart::Map(args) => map::run(args),
        Chart::Ws(args) => ws::run(args),
        Chart::Diff(args) => diff::run(args),
        Chart::Levels(args) => levels::run(args),
        Chart::Timeline(args) => timeline::run(args),
        Chart::Faults(args) => faults::run(args),
        Chart::Trace(args) => trace::run(args),
    }
}

/// The last component of a path, for a heading.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The output file of a chart.
#[derive(clap::Args)]
pub struct ChartOutput {
    /// The file to write; its extension, svg or png, selects the format
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl ChartOutput {
    /// The format, from the file name's extension.
    pub fn kind(&self) -> anyhow::Result<ImageKind> {
        let extension = self
            .output
            .extension()
            .and_then(|extension| extension.to_str());
        extension.and_then(ImageKind::of_extension).ok_or_else(|| {
            let name = self.output.display();
            UsageError(format!("{name}: a chart is written as .svg or .png")).into()
        })
    }

    /// Writes the chart; after an error an existing file stays unchanged.
    pub fn write(&self, picture: &impl Picture) -> anyhow::Result<()> {
        let mut drawn = Vec::new();
        chart::write(picture, self.kind()?, &mut drawn)?;
        Ok(pack::output::write(&self.output, &drawn)?)
    }
}
