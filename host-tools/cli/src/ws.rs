//! `pagewalk ws`: the working set, from the A and D bits.
//!
//! ```text
//! $ pagewalk ws --from gdb://localhost:1234 --watch 0.5 --samples 3
//!    seconds     mapped       used    written      +used   +written    cleared
//!      0.000    30.4MiB    30.2MiB    30.0MiB         0B         0B         0B
//!      0.503    30.6MiB    30.4MiB    30.2MiB     204KiB     204KiB         0B
//! ```

use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use model::AddressSpace;
use model::working::{Sample, WorkingSet};
use view::working;

use crate::exit::UsageError;
use crate::filter::FilterArgs;
use crate::format::Format;
use crate::tables::TablesArgs;

/// Show pages accessed and written since A and D were last cleared; with --watch, periodically.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk ws --from vmcore --satp 0x80033000000830ca --user
  pagewalk ws --from gdb://localhost:1234 --watch 0.5
  pagewalk ws --from tcp://localhost:3334 --task 2 --watch 1 --samples 60 --format csv")]
pub struct WsArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    wanted: FilterArgs,
    /// Repeat every so many seconds; a stub's target runs in between
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    watch: Option<Duration>,
    /// Number of samples; without it, until Ctrl-C
    #[arg(long, value_name = "NUMBER", requires = "watch",
          value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|it| (0.0..=86400.0).contains(it));
    let wrong = || format!("`{text}` is not a number of seconds up to a day, such as 0.5");
    number.map(Duration::from_secs_f64).ok_or_else(wrong)
}

/// Writes the working set.
pub fn write(args: &WsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let filter = args.wanted.filter()?;
    if let Some(every) = args.watch {
        return watch(args, every, out);
    }
    let mut spaces = args.tables.spaces()?;
    spaces.list.iter_mut().for_each(|space| space.only(&filter));
    let all = spaces.list.iter().map(|it| (it, WorkingSet::of(it)));
    let all: Vec<(&AddressSpace, WorkingSet)> = all.collect();
    args.format.write(out, &all[..])?;
    spaces.end()
}

/// Writes one line per sample. The source is reopened for each, so that a stub's target runs in between.
fn watch(args: &WsArgs, every: Duration, out: &mut dyn Write) -> anyhow::Result<()> {
    let filter = args.wanted.filter()?;
    // Each sample of a probe may use another method.
    let says_stale = args.tables.is_of_probe();
    let mut is_told = false;
    match args.format {
        Format::Table => working::sample_head(out)?,
        Format::Csv if says_stale => {
            writeln!(out, "{}{}", working::SAMPLE_NAMES, working::STALE_NAME)?;
        }
        Format::Csv => writeln!(out, "{}", working::SAMPLE_NAMES)?,
        Format::Json => {}
    }
    let begin = Instant::now();
    let mut before: Option<AddressSpace> = None;
    for look in 0.. {
        let time_us = begin.elapsed().as_micros() as u64;
        let mut spaces = args.tables.spaces()?;
        let [space] = &mut spaces.list[..] else {
            return Err(UsageError("--watch looks at one root".to_owned()).into());
        };
        space.only(&filter);
        let sample = Sample::of(time_us, before.as_ref(), space);
        match args.format {
            Format::Table => {
                if sample.is_possibly_stale && !is_told {
                    writeln!(out, "{}", view::words::STALE)?;
                    is_told = true;
                }
                working::sample(out, &sample)?;
            }
            Format::Csv => working::sample_csv(out, &sample, says_stale)?,
            Format::Json => working::sample_json(out, &sample)?,
        }
        out.flush()?;
        before = spaces.list.pop();
        spaces.end()?;
        if args.samples.is_some_and(|samples| look + 1 >= samples) {
            break;
        }
        let due = every.saturating_mul(look + 1);
        sleep(due.saturating_sub(begin.elapsed()));
    }
    Ok(())
}
