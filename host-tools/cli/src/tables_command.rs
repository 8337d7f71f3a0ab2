//! The commands on page tables: one list, for the command line and for the bridge.
//!
//! To add a command on tables: a file with its `…Args` and `write`, and its rows here.

use std::io::Write;

use crate::tables::SpaceArgs;
use crate::{chart, diff, find, lint, map, output, snapshot, stats, walk, ws};

/// A command that reads page tables, wherever they are.
#[derive(clap::Subcommand)]
pub enum TablesCommand {
    Walk(walk::WalkArgs),
    Map(map::MapArgs),
    Find(find::FindArgs),
    Diff(diff::DiffArgs),
    Lint(lint::LintArgs),
    Stats(stats::StatsArgs),
    Ws(ws::WsArgs),
    Chart(chart::ChartArgs),
    Snapshot(snapshot::SnapshotArgs),
}

impl TablesCommand {
    /// Which tables; `None` for a chart of something else.
    pub fn space_args(&mut self) -> Option<&mut SpaceArgs> {
        Some(match self {
            TablesCommand::Walk(args) => &mut args.tables.roots,
            TablesCommand::Map(args) => &mut args.tables.roots,
            TablesCommand::Find(args) => &mut args.tables.roots,
            TablesCommand::Diff(args) => &mut args.roots,
            TablesCommand::Lint(args) => &mut args.tables.roots,
            TablesCommand::Stats(args) => &mut args.tables.roots,
            TablesCommand::Ws(args) => &mut args.tables.roots,
            TablesCommand::Chart(args) => args.roots()?,
            TablesCommand::Snapshot(args) => args.roots(),
        })
    }

    /// Answers on stdout.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            // Their answer is a file; stdout has words about it.
            TablesCommand::Chart(args) => chart::run(args),
            TablesCommand::Snapshot(args) => snapshot::run(args),
            command => output::answer(|out| command.write(out)),
        }
    }

    /// Writes the answer for whoever asks.
    pub fn write(self, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            TablesCommand::Walk(args) => walk::write(&args, out),
            TablesCommand::Map(args) => map::write(&args, out),
            TablesCommand::Find(args) => find::write(&args, out),
            TablesCommand::Diff(args) => diff::write(&args, out),
            TablesCommand::Lint(args) => lint::write(&args, out),
            TablesCommand::Stats(args) => stats::write(&args, out),
            TablesCommand::Ws(args) => ws::write(&args, out),
            TablesCommand::Chart(args) => chart::run(args),
            TablesCommand::Snapshot(args) => snapshot::write(&args, out),
        }
    }
}
