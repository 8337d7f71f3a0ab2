//! `pagewalk export`: faults of a recording in the formats of other tools.
//!
//! ```text
//! $ pagewalk export run.pwlog --perfetto -o run.perfetto-trace
//! run.perfetto-trace: 10538 faults
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, FromArgMatches};
use model::Faults;
use pack::PackError;
use pack::output::Output;
use view::export::{EXPORTS, ExportKind, ExportOutput};
use view::words::counted;

use crate::output;
use crate::recorded_faults::RecordedFaultArgs;

/// Write the faults of a recording in the format of another tool.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk export run.pwlog --perfetto -o run.perfetto-trace
  pagewalk export run.pwlog --firefox -o run.json
  pagewalk export run.pwlog --parquet -o faults
  pagewalk export run.pwlog --folded --elf kernel -o run.folded
  pagewalk export serial.log --csv -o - | head
ui.perfetto.dev and profiler.firefox.com open the first two.
After the third: duckdb -c \"select board, text, count(*) from 'faults/**/*.parquet' group by all\"")]
pub struct ExportArgs {
    #[command(flatten)]
    source: RecordedFaultArgs,
    #[command(flatten)]
    format: ExportFormat,
    /// The file, or for --parquet the folder; `-` writes to stdout
    #[arg(short, long = "output", value_name = "PATH")]
    output: PathBuf,
}

/// The chosen format: each row of [`EXPORTS`] is an option.
struct ExportFormat(&'static ExportKind);

impl clap::Args for ExportFormat {
    fn augment_args(command: clap::Command) -> clap::Command {
        let names = EXPORTS.iter().map(|kind| kind.name);
        let group = ArgGroup::new("export-format").args(names).required(true);
        let option = |kind: &'static ExportKind| {
            let option = Arg::new(kind.name).long(kind.name).help(kind.help);
            option.action(ArgAction::SetTrue)
        };
        command.args(EXPORTS.iter().map(option)).group(group)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ExportFormat {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut kinds = EXPORTS.iter();
        let chosen = kinds.find(|kind| matches.get_flag(kind.name));
        // The group is required.
        chosen
            .map(ExportFormat)
            .ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Reads the recording and writes the export; a failed one leaves no file.
pub fn run(args: ExportArgs) -> anyhow::Result<()> {
    let kind = args.format.0;
    let to = &args.output;
    let is_stdout = to.as_os_str() == "-";
    if is_stdout && kind.is_folder {
        anyhow::bail!(
            "--{} writes a folder, and stdout is none; -o FOLDER",
            kind.name
        );
    }
    // Before a header is written.
    File::open(&args.source.file).with_context(|| named(&args.source.file))?;
    let mut out = PathOutput::new(to, kind.is_folder);
    let totals = exported(&args, &mut out)?;
    let files = out.complete().with_context(|| named(to))?;
    if is_stdout {
        return Ok(());
    }
    let faults = counted(totals.count(), "fault", "faults");
    output::summary(to, |out| {
        let files = match kind.is_folder {
            true => format!(" in {}", counted(files as u64, "file", "files")),
            false => String::new(),
        };
        Ok(writeln!(out, "{}: {faults}{files}", to.display())?)
    })
}

/// Writes everything; an error names the file that it is of.
fn exported(args: &ExportArgs, out: &mut PathOutput) -> anyhow::Result<Faults> {
    let named = || named(&args.output);
    let begin = args.format.0.begin;
    let mut export = begin(out, &args.source.name()).with_context(named)?;
    let mut unwritten = None;
    let totals = args.source.read(&mut |fault| {
        export.fault(fault).map_err(|error| {
            let kind = error.kind();
            unwritten = Some(error);
            kind.into()
        })
    });
    if let Some(error) = unwritten {
        return Err(error).with_context(named);
    }
    let totals = totals?;
    export.end(&totals).with_context(named)?;
    Ok(totals)
}

fn named(path: &Path) -> String {
    path.display().to_string()
}

/// The error of the system, without the path that the caller adds.
fn plain(error: PackError) -> io::Error {
    match error {
        PackError::Io { source, .. } => source,
        other => io::Error::other(other),
    }
}

/// Files at a path: each gets its name when all are complete.
pub struct PathOutput {
    root: PathBuf,
    is_folder: bool,
    /// Files without a name so far: whatever ends this process, none of them is left.
    files: Vec<Output>,
}

impl PathOutput {
    /// An output at this path; `-` is stdout.
    pub fn new(root: &Path, is_folder: bool) -> PathOutput {
        PathOutput {
            root: root.to_owned(),
            is_folder,
            files: Vec::new(),
        }
    }

    /// Gives every file its name; returns how many there are.
    pub fn complete(&mut self) -> io::Result<usize> {
        let count = self.files.len();
        for file in std::mem::take(&mut self.files) {
            file.commit().map_err(plain)?;
        }
        Ok(count)
    }
}

impl ExportOutput for PathOutput {
    fn open(&mut self, path: &str) -> io::Result<Box<dyn Write + Send>> {
        if self.root.as_os_str() == "-" {
            return Ok(Box::new(BufWriter::new(io::stdout())));
        }
        let to = match self.is_folder {
            true => self.root.join(path),
            false => self.root.clone(),
        };
        if let Some(folder) = to.parent().filter(|_| self.is_folder) {
            fs::create_dir_all(folder)?;
        }
        // A device or a pipe is written as it is.
        let is_special = fs::metadata(&to).is_ok_and(|it| !it.is_file() && !it.is_dir());
        let file = match is_special {
            true => File::create(&to)?,
            false => {
                // It can be exported again.
                let output = Output::create(&to).map_err(plain)?.rebuildable();
                let file = output.file().try_clone()?;
                self.files.push(output);
                file
            }
        };
        Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
    }
}
