//! `pagewalk chart timeline`: the working set over time.

use std::path::Path;
use std::path::PathBuf;

use anyhow::{Context, bail};
use model::working::{Sample, Used};
use view::chart::WorkingSetOverTime;
use view::working::{SAMPLE_NAMES, STALE_NAME};

use super::{ChartOutput, last};
use crate::tables::STALE;

/// Draw the working set over time, from the output of `ws --watch --format csv`.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk ws --from gdb://localhost:1234 --watch 0.2 --samples 50 --format csv > samples.csv
  pagewalk chart timeline samples.csv -o timeline.svg")]
pub struct ChartTimelineArgs {
    /// The samples; `-` reads from stdin
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    #[command(flatten)]
    target: ChartOutput,
}

/// Most bytes of compressed samples.
const MOST_BYTES: u64 = 1 << 30;

/// Writes the chart of the options to its file.
pub fn run(args: ChartTimelineArgs) -> anyhow::Result<()> {
    args.target.kind()?;
    let is_stdin = args.file.as_os_str() == "-";
    let name = match is_stdin {
        true => "standard input".to_owned(),
        false => args.file.display().to_string(),
    };
    let bytes = match is_stdin {
        true => container::read_from(std::io::stdin().lock(), Path::new(&name), MOST_BYTES)?,
        false => container::read(&args.file, MOST_BYTES)?,
    };
    let text = String::from_utf8(bytes).with_context(|| name.clone())?;
    let samples = samples(&text).with_context(|| name.clone())?;
    let mut origin = last(&name).to_owned();
    if samples.iter().any(|sample| sample.is_possibly_stale) {
        origin += STALE;
    }
    args.target.write(&WorkingSetOverTime {
        samples: &samples,
        origin: &origin,
    })
}

/// Parses samples; they must be in order of time.
fn samples(text: &str) -> anyhow::Result<Vec<Sample>> {
    let mut lines = text.lines();
    let names = lines.next().unwrap_or_default();
    let says_stale = names.strip_prefix(SAMPLE_NAMES) == Some(STALE_NAME);
    if names != SAMPLE_NAMES && !says_stale {
        bail!("does not begin with `{SAMPLE_NAMES}`, as what `ws --watch --format csv` writes");
    }
    let mut samples: Vec<Sample> = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let sample = sample(line, says_stale)
            .with_context(|| format!("line {number} is not a sample: {line}"))?;
        if samples
            .last()
            .is_some_and(|before| before.time_us > sample.time_us)
        {
            bail!("line {number} is earlier than the one before it");
        }
        samples.push(sample);
    }
    if samples.is_empty() {
        bail!("no samples");
    }
    Ok(samples)
}

fn sample(line: &str, says_stale: bool) -> Option<Sample> {
    let (line, is_possibly_stale) = match says_stale {
        true => line
            .rsplit_once(',')
            .and_then(|(rest, last)| Some((rest, last.parse().ok()?)))?,
        false => (line, false),
    };
    let cells: Vec<u128> = line
        .split(',')
        .map(|cell| cell.parse().ok())
        .collect::<Option<_>>()?;
    let [
        time_us,
        mapped,
        accessed,
        dirty,
        newly_accessed,
        newly_dirty,
        cleared,
        added,
        removed,
    ] = cells[..]
    else {
        return None;
    };
    Some(Sample {
        time_us: u64::try_from(time_us).ok()?,
        used: Used {
            mapped,
            accessed,
            dirty,
        },
        newly_accessed,
        newly_dirty,
        cleared,
        added,
        removed,
        is_possibly_stale,
    })
}
