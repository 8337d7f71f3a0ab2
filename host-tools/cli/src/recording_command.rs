//! `pagewalk recording`: what a recording contains, and recordings made of others.
//!
//! ```text
//! $ pagewalk recording info run.pwlog
//! run.pwlog: version 2, 12345 bytes, 10538 faults, 1.2 bytes a fault
//! ```

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use link::recording::{self, Blocks, RecordingSurvey, SegmentIndex};
use view::View;
use view::json::JsonObject;
use view::rows;
use view::words::counted;

use crate::format::Format;
use crate::output;

/// Show what a recording contains, check it, cut a part out, or join several.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk recording info run.pwlog
  pagewalk recording check run.pwlog
  pagewalk recording cut run.pwlog --from 10 --to 12.5 -o crash.pwlog
  pagewalk recording merge run.1.pwlog run.2.pwlog run.pwlog -o whole.pwlog")]
pub struct RecordingArgs {
    #[command(subcommand)]
    verb: RecordingVerb,
}

#[derive(clap::Subcommand)]
enum RecordingVerb {
    /// Show times, sizes, boards and the number of faults
    #[command(after_help = "\
Examples:
  pagewalk recording info run.pwlog
  pagewalk recording info *.pwlog --format json | jq '.recordings[].faults'")]
    Info {
        /// The recordings
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Read a recording to its end. Exit code 1 if it is cut off or damaged
    #[command(after_help = "\
Example:
  pagewalk recording check run.pwlog")]
    Check {
        /// The recordings
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Copy a part, in seconds since the start of the recording
    #[command(after_help = "\
Example:
  pagewalk recording cut run.pwlog --from 10 --to 12.5 -o crash.pwlog")]
    Cut {
        /// The recording
        file: PathBuf,
        /// First second of the part
        #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
        from: u64,
        /// End of the part; the end of the recording if it is left out
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        to: Option<u64>,
        /// The new recording
        #[arg(short, long = "output", value_name = "FILE")]
        output: PathBuf,
    },
    /// Join recordings of one line, such as rotated ones, in the order of their times
    #[command(after_help = "\
Example:
  pagewalk recording merge run.1.pwlog run.2.pwlog run.pwlog -o whole.pwlog")]
    Merge {
        /// The recordings, in any order
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The new recording
        #[arg(short, long = "output", value_name = "FILE")]
        output: PathBuf,
    },
}

/// Parses seconds with up to six decimals; returns microseconds.
fn seconds(text: &str) -> Result<u64, String> {
    let number = text.parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=1e12).contains(number));
    let number =
        number.ok_or_else(|| format!("`{text}` is no number of seconds, as 10 and 2.5 are"))?;
    Ok((number * 1e6).round() as u64)
}

/// Runs the chosen subcommand.
pub fn run(args: RecordingArgs) -> anyhow::Result<()> {
    match args.verb {
        RecordingVerb::Info { files, format } => format.answer(&survey(&files)?),
        RecordingVerb::Check { files, format } => check(&files, format),
        RecordingVerb::Cut {
            file,
            from,
            to,
            output,
        } => {
            let to = to.unwrap_or(u64::MAX);
            if to <= from {
                bail!("--to is not later than --from: the part would be empty");
            }
            let blocks = recording::cut(&file, from, to, &output)?;
            made(&output, &counted(blocks, "block", "blocks"))
        }
        RecordingVerb::Merge { files, output } => {
            let order = recording::merge(&files, &output)?;
            made(
                &output,
                &counted(order.len() as u64, "recording", "recordings"),
            )
        }
    }
}

fn made(path: &Path, what: &str) -> anyhow::Result<()> {
    let bytes = std::fs::metadata(path)?.len();
    output::summary(path, |out| {
        Ok(writeln!(out, "{}: {what}, {bytes} bytes", path.display())?)
    })
}

fn survey(files: &[PathBuf]) -> anyhow::Result<Surveys> {
    let mut rows = Vec::new();
    for path in files {
        let blocks = Blocks::open(path)?;
        let read = || -> io::Result<SurveyRow> {
            let mut file = recording::open_file(path)?;
            Ok(SurveyRow {
                file: path.display().to_string(),
                bytes: file.metadata()?.len(),
                segments: SegmentIndex::read(&mut file)?.0.len(),
                survey: RecordingSurvey::read(blocks)?,
            })
        };
        rows.push(read().with_context(|| path.display().to_string())?);
    }
    Ok(Surveys(rows))
}

fn check(files: &[PathBuf], format: Format) -> anyhow::Result<()> {
    let surveys = survey(files)?;
    match format {
        Format::Table => output::answer(|out| surveys.verdicts(out))?,
        format => format.answer(&surveys)?,
    }
    let cut = surveys.0.iter().filter(|row| row.survey.cut_at.is_some());
    match cut.count() {
        0 => Ok(()),
        some => bail!(
            "{} cut off or damaged; `pagewalk recording cut FILE -o NEW` copies what can be read",
            counted(some as u64, "recording is", "recordings are")
        ),
    }
}

struct SurveyRow {
    file: String,
    bytes: u64,
    survey: RecordingSurvey,
    segments: usize,
}

struct Surveys(Vec<SurveyRow>);

#[derive(serde::Serialize)]
struct JsonSurvey<'a> {
    file: &'a str,
    version: u8,
    bytes: u64,
    cut_at: Option<u64>,
    started_us: Option<u64>,
    lasts_us: u64,
    sessions: u64,
    segments: usize,
    received_bytes: u64,
    sent_bytes: u64,
    faults: u64,
    notes: u64,
    boards: &'a [String],
}

impl SurveyRow {
    fn cells(&self) -> JsonSurvey<'_> {
        let survey = &self.survey;
        let (first, last) = survey.span_us.unwrap_or_default();
        JsonSurvey {
            file: &self.file,
            version: if survey.is_old { 1 } else { 2 },
            bytes: self.bytes,
            cut_at: survey.cut_at,
            started_us: survey.span_us.map(|(first, _)| first),
            lasts_us: last - first,
            sessions: survey.sessions,
            segments: if survey.is_old { 0 } else { self.segments },
            received_bytes: survey.received_bytes,
            sent_bytes: survey.sent_bytes,
            faults: survey.faults,
            notes: survey.notes,
            boards: &survey.boards,
        }
    }
}

impl Surveys {
    fn verdicts(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        for row in &self.0 {
            match row.survey.cut_at {
                None => writeln!(out, "{}: whole, {} bytes", row.file, row.bytes)?,
                Some(at) => {
                    let lost = counted(row.bytes.saturating_sub(at), "byte", "bytes");
                    writeln!(
                        out,
                        "{}: cut off or damaged at byte {at}; {lost} cannot be read",
                        row.file
                    )?;
                }
            }
        }
        Ok(())
    }
}

impl View for Surveys {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, row) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            let cells = row.cells();
            writeln!(out, "{}", cells.file)?;
            let per_fault = match cells.faults {
                0 => String::new(),
                faults => format!(", {:.1} a fault", cells.bytes as f64 / faults as f64),
            };
            let boards = match cells.boards {
                [] => "none that says its name".to_owned(),
                boards => boards.join(", "),
            };
            let lines = [
                (
                    "format",
                    format!(
                        "version {}, {}",
                        cells.version,
                        counted(cells.segments as u64, "segment", "segments")
                    ),
                ),
                ("size", format!("{} bytes{per_fault}", cells.bytes)),
                (
                    "lasts",
                    format!(
                        "{}.{:06} s in {}",
                        cells.lasts_us / 1_000_000,
                        cells.lasts_us % 1_000_000,
                        counted(cells.sessions, "session", "sessions")
                    ),
                ),
                (
                    "line",
                    format!(
                        "{} bytes received, {} sent",
                        cells.received_bytes, cells.sent_bytes
                    ),
                ),
                ("faults", cells.faults.to_string()),
                ("notes", cells.notes.to_string()),
                ("boards", boards),
            ];
            for (name, value) in lines {
                writeln!(out, "  {name:<8}{value}")?;
            }
            if let Some(at) = cells.cut_at {
                writeln!(out, "  cut off at byte {at}")?;
            }
        }
        Ok(())
    }

    /// Schema `pagewalk.recordings/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.recordings/1")?;
        object.list("recordings", self.0.iter().map(SurveyRow::cells))?;
        object.end()
    }

    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let text =
            |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let rows = self.0.iter().map(|row| {
            let cells = row.cells();
            [
                cells.file.to_owned(),
                cells.version.to_string(),
                cells.bytes.to_string(),
                text(cells.cut_at),
                text(cells.started_us),
                cells.lasts_us.to_string(),
                cells.sessions.to_string(),
                cells.segments.to_string(),
                cells.received_bytes.to_string(),
                cells.sent_bytes.to_string(),
                cells.faults.to_string(),
                cells.boards.join(" "),
            ]
        });
        rows::csv(
            out,
            [
                "file",
                "version",
                "bytes",
                "cut_at",
                "started_us",
                "lasts_us",
                "sessions",
                "segments",
                "received_bytes",
                "sent_bytes",
                "faults",
                "boards",
            ],
            rows,
        )
    }
}
