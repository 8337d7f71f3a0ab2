//! `pagewalk chart trace`: what happens on the Ox64 in software over time, from `ox64 --trace`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;

use anyhow::{Context, bail};
use machine::{TraceKind, Traced};
use model::Timeline;
use view::chart::{EventKind, EventsOverTime};

use super::ChartOutput;

/// Maximum number of intervals, so that bars stay wide enough to see.
const STEPS: usize = 100;

/// Draw walks, device accesses, traps, fences and calls of the firmware over time, one colour for each.
///
/// The trace is that of `pagewalk ox64 --trace FILE`. Of a trace that was cut off, what is whole is drawn.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk ox64 target/images/ox64-sd.img --until prompt --trace boot.csv
  pagewalk chart trace boot.csv -o boot.svg
  pagewalk chart trace boot.csv --kind trap --kind fence -o traps.png")]
pub struct ChartTraceArgs {
    /// The trace, as CSV
    #[arg(value_name = "TRACE.csv")]
    trace: PathBuf,
    /// Only events of this kind: fill, miss, read, write, trap, fence, sbi; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    kinds: Vec<EventKind>,
    #[command(flatten)]
    target: ChartOutput,
}

/// Writes the chart of the options to its file.
pub fn run(args: ChartTraceArgs) -> anyhow::Result<()> {
    args.target.kind()?;
    let name = args.trace.display().to_string();
    let file = File::open(&args.trace).with_context(|| name.clone())?;
    let events = events(BufReader::new(file)).with_context(|| name.clone())?;
    let wanted = |(_, kind): &&(u64, EventKind)| args.kinds.is_empty() || args.kinds.contains(kind);
    let timeline = Timeline::of(events.iter().filter(wanted).copied(), STEPS);
    args.target.write(&EventsOverTime {
        timeline: &timeline.with_context(|| format!("{name}: no such event in it"))?,
        origin: super::last(&name),
    })
}

/// The kind of that word.
fn kind(word: &str) -> Result<EventKind, String> {
    let mut kinds = TraceKind::ALL.iter().map(|kind| kind.name()).enumerate();
    let found = kinds.find(|(_, name)| *name == word);
    found
        .map(|(place, name)| EventKind { place, name })
        .ok_or_else(|| {
            let known = TraceKind::ALL.map(TraceKind::name).join(", ");
            format!("unknown kind `{word}`; known kinds: {known}")
        })
}

/// Times in microseconds, and kinds.
fn events(mut from: impl BufRead) -> anyhow::Result<Vec<(u64, EventKind)>> {
    // No more of it than a header has: another file may be one line of gigabytes, and not text.
    let mut header = Vec::new();
    let mut begin = (&mut from).take(Traced::HEADER.len() as u64 + 1);
    begin.read_until(b'\n', &mut header)?;
    if header.strip_suffix(b"\n") != Some(Traced::HEADER.as_bytes()) {
        bail!(
            "no trace of `pagewalk ox64 --trace`: its first line is not `{}`",
            Traced::HEADER
        );
    }
    let mut events = Vec::new();
    let mut unreadable = None;
    for (number, line) in (2..).zip(from.lines()) {
        if let Some(why) = unreadable {
            return Err(why);
        }
        match event(&line?) {
            Ok(event) => events.push(event),
            // The last line may be cut off.
            Err(why) => unreadable = Some(why.context(format!("line {number}"))),
        }
    }
    if let Some(why) = unreadable {
        eprintln!("warning: the last line is not whole: {why:#}");
    }
    Ok(events)
}

fn event(line: &str) -> anyhow::Result<(u64, EventKind)> {
    let fields: Vec<&str> = line.split(',').collect();
    let [clock, _, word, _, _] = fields[..] else {
        bail!("`{line}` has not five fields");
    };
    let clock: u64 = clock
        .parse()
        .with_context(|| format!("`{clock}` is no number"))?;
    Ok((
        clock / Traced::TICKS_PER_US,
        kind(word).map_err(anyhow::Error::msg)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str =
        "clock,pc,kind,address,value\n250,0x0,fill,0x0,0x1\n1000,0x4,trap,0x0,0x8\n";

    #[test]
    fn a_trace_is_read_with_its_clock_in_microseconds() {
        let events = events(TRACE.as_bytes()).unwrap();
        let events: Vec<_> = events.iter().map(|(at, kind)| (*at, kind.name)).collect();
        assert_eq!(events, [(2, "fill"), (10, "trap")]);
    }

    #[test]
    fn a_trace_that_is_cut_off_is_read_to_its_last_whole_line_and_another_file_is_refused() {
        let cut = &TRACE[..TRACE.len() - 12];
        assert_eq!(events(cut.as_bytes()).unwrap().len(), 1);
        let damaged = TRACE.replace("fill", "f,ll");
        let why = events(damaged.as_bytes()).unwrap_err();
        assert!(format!("{why:#}").starts_with("line 2"), "{why:#}");
        for other in [&b"a,b,c"[..], b"", b"\xff\xfe\0"] {
            let why = events(other).unwrap_err().to_string();
            assert!(why.starts_with("no trace"), "{why}");
        }
    }
}
