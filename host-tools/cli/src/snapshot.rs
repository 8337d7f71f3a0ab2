//! `pagewalk snapshot`: stores page tables in a file, for later use and for `diff`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use link::memory::{Recorder, Snapshot};
use model::AddressSpace;
use pack::output::Output;
use pagetable::{Dialect, Satp};
use view::words::counted;

use crate::output;
use crate::tables::{STALE, SpaceArgs, TablesArgs};

/// Store page tables in a file that every command here can read.
#[derive(clap::Args)]
pub struct SnapshotArgs {
    #[command(subcommand)]
    what: SnapshotVerb,
}

#[derive(clap::Subcommand)]
enum SnapshotVerb {
    Save(Save),
}

/// Write the tables of one root, or of all, to a file.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk snapshot save before.json --from gdb://localhost:1234
  pagewalk snapshot save all.json --from tcp://localhost:3334 --all-roots
  pagewalk map --from before.json")]
struct Save {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    tables: TablesArgs,
}

impl SnapshotArgs {
    /// The options that select tables.
    pub fn roots(&mut self) -> &mut SpaceArgs {
        let SnapshotVerb::Save(save) = &mut self.what;
        &mut save.tables.roots
    }
}

/// Writes the snapshot, and prints its content.
pub fn run(args: SnapshotArgs) -> anyhow::Result<()> {
    let SnapshotVerb::Save(save) = &args.what;
    output::summary(&save.file, |out| write(&args, out))
}

/// Writes the snapshot of the options to `out`.
pub fn write(args: &SnapshotArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let SnapshotVerb::Save(save) = &args.what;
    let open = save.tables.open()?;
    let mut memory = open.memory;
    let mut snapshot = Snapshot::new(save.tables.name(), open.xlen);
    snapshot.dialect = open.dialect;
    // T-Head's dialect ignores the upper bits of pointers: reading with it reaches every table that any
    // dialect reaches.
    let dialect = open.dialect.unwrap_or(Dialect::THead);
    let satps: Vec<Satp> = open.roots.iter().map(|root| root.satp).collect();
    let mut recorder = Recorder::new(&mut memory, &mut snapshot);
    let spaces = AddressSpace::read_all(&mut recorder, &satps, dialect);
    if spaces.iter().any(AddressSpace::is_cut) {
        eprintln!("warning: the tables map more than can be kept; the snapshot is cut short");
    }
    for root in &open.roots {
        snapshot
            .roots
            .push((root.name.clone(), root.satp.encode(open.xlen)));
    }
    snapshot.is_possibly_stale = memory.is_possibly_stale();
    // After a broken line, the snapshot has what was read before.
    let failure = memory.take_failure();
    let name = || save.file.display().to_string();
    let mut file = BufWriter::new(Output::create(&save.file)?);
    snapshot.write(&mut file).with_context(name)?;
    let file = file.into_inner().map_err(|error| error.into_error());
    file.with_context(name)?.commit()?;
    let tables = counted(snapshot.tables(), "table", "tables");
    let roots = counted(snapshot.roots.len(), "root", "roots");
    let stale = match snapshot.is_possibly_stale {
        true => STALE,
        false => "",
    };
    writeln!(out, "{}: {tables} of {roots}{stale}", name())?;
    match failure {
        Some(failure) => Err(anyhow::anyhow!(failure).context("not all could be read")),
        None => Ok(()),
    }
}
