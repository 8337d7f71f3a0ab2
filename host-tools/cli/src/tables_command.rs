//! The commands on page tables, shared by the command line and the bridge.
//!
//! To add a command on tables: a file with its `…Args` and `write`, and its rows here.

use std::io::Write;

use crate::tables::SpaceArgs;
use crate::{chart, diff, find, lint, map, output, ps, roots, snapshot, stats, walk, ws};

/// A command that reads page tables from any source.
#[derive(clap::Subcommand)]
pub enum TablesCommand {
    Walk(walk::WalkArgs),
    Map(map::MapArgs),
    Find(find::FindArgs),
    Roots(roots::RootsArgs),
    Ps(ps::PsArgs),
    Diff(diff::DiffArgs),
    Lint(lint::LintArgs),
    Stats(stats::StatsArgs),
    Ws(ws::WsArgs),
    Chart(chart::ChartArgs),
    Snapshot(snapshot::SnapshotArgs),
}

impl TablesCommand {
    /// The options that select tables; `None` for a chart of something else.
    pub fn space_args(&mut self) -> Option<&mut SpaceArgs> {
        Some(match self {
            TablesCommand::Walk(args) => &mut args.tables.roots,
            TablesCommand::Map(args) => &mut args.tables.roots,
            TablesCommand::Find(args) => &mut args.tables.roots,
            TablesCommand::Roots(args) => &mut args.tables.roots,
            TablesCommand::Ps(args) => &mut args.tables.roots,
            TablesCommand::Diff(args) => &mut args.roots,
            TablesCommand::Lint(args) => &mut args.tables.roots,
            TablesCommand::Stats(args) => &mut args.tables.roots,
            TablesCommand::Ws(args) => &mut args.tables.roots,
            TablesCommand::Chart(args) => args.roots()?,
            TablesCommand::Snapshot(args) => args.roots(),
        })
    }

    /// Writes the result to stdout.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            // Their result is a file; stdout has a summary.
            TablesCommand::Chart(args) => chart::run(args),
            TablesCommand::Snapshot(args) => snapshot::run(args),
            command => output::answer(|out| command.write(out)),
        }
    }

    /// Writes the result for the command line or the bridge.
    pub fn write(self, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            TablesCommand::Walk(args) => walk::write(&args, out),
            TablesCommand::Map(args) => map::write(&args, out),
            TablesCommand::Find(args) => find::write(&args, out),
            TablesCommand::Roots(args) => roots::write(&args, out),
            TablesCommand::Ps(args) => ps::write(&args, out),
            TablesCommand::Diff(args) => diff::write(&args, out),
            TablesCommand::Lint(args) => lint::write(&args, out),
            TablesCommand::Stats(args) => stats::write(&args, out),
            TablesCommand::Ws(args) => ws::write(&args, out),
            TablesCommand::Chart(args) => chart::run(args),
            TablesCommand::Snapshot(args) => snapshot::write(&args, out),
        }
    }
}
