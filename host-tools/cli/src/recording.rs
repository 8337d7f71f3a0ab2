//! Faults of a recorded line: Pagewalk's frames, or text logs of any kernel.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use abi::Sighting;
use anyhow::{Context, bail};
use container::{OtherPacking, Packing};
use link::memory::{Cached, FoundLog, MemorySource, MemorySpec, ReadError, find_logs};
use link::recording::{Blocks, ReceivedBytes, is_recording};
use link::session::micros;
use link::session::{Decoder, LineEvent};
use link::text::{PARSERS, trap_dialects};
use link::transport::Spec;
use model::faults::{FaultStream, TakeRow};
use model::{Faults, Ledger};
use pagetable::PhysAddr;
use view::words::counted;

use crate::board;
use crate::tables::{MachineArgs, SpaceArgs};

/// The recording, and which faults count.
#[derive(clap::Args)]
pub struct FaultSourceArgs {
    /// A recorded serial stream or a text log; `-` reads from stdin
    #[arg(value_name = "FILE|-", required_unless_present = "from")]
    file: Option<PathBuf>,
    /// A running board: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu; or memory that contains the
    /// kernel's log, also after a crash: a core, FILE@ADDR, gdb://HOST:PORT, probe
    #[arg(long, value_name = "SPEC", conflicts_with = "file")]
    from: Option<MemorySpec>,
    /// With memory: the log of the previous boot, which a warm reset leaves
    #[arg(long, requires = "from")]
    old: bool,
    /// With a board: only faults from this number
    #[arg(long, value_name = "NUMBER", requires = "from", default_value_t = 0)]
    since: u64,
    /// Only faults of this task id
    #[arg(long, value_name = "NUMBER")]
    task: Option<u16>,
    /// Frequency of the board's clock in hertz, if the recording starts after its welcome, which states it
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u64).range(1..))]
    timebase: Option<u64>,
    #[command(flatten)]
    machine: MachineArgs,
    #[cfg(feature = "probe")]
    #[command(flatten)]
    probe: crate::hart::ProbeArgs,
}

impl FaultSourceArgs {
    /// Name of the source, for headings and messages.
    pub fn name(&self) -> String {
        match (&self.from, &self.file) {
            (Some(spec), _) => spec.to_string(),
            (None, Some(file)) if file.as_os_str() != "-" => file.display().to_string(),
            _ => "standard input".to_owned(),
        }
    }

    /// Reads the faults that a running board has in its ring.
    fn ask(&self, spec: &Spec) -> anyhow::Result<Ledger> {
        let mut board = board::agent(spec)?;
        let rate = board.peer().ticks_per_second;
        let mut faults = Ledger::default();
        let records = board.faults(self.since)?;
        let first = records.first().map_or(0, |(number, _)| *number);
        faults.add_overwritten(first.saturating_sub(self.since));
        for (number, fault) in records {
            let time = (rate > 0).then(|| micros(fault.time, rate));
            faults.add(Sighting {
                seq: Some(number),
                time_us: time,
                fault,
            });
        }
        Ok(faults)
    }

    /// Reads the fault log in memory; the kernel need not run.
    fn in_memory(&self, spec: &MemorySpec) -> anyhow::Result<Ledger> {
        let space = SpaceArgs::without_tables(
            self.machine.clone(),
            #[cfg(feature = "probe")]
            self.probe.clone(),
        );
        let mut open = space.open_memory(vec![spec.clone()])?;
        let spans = [open.ram, open.held].concat();
        if spans.is_empty() {
            bail!("{spec}: where does memory lie? Give --ram 0x80000000+128M or --board NAME");
        }
        let mut memory = Uncached(&mut open.memory);
        let logs = find_logs(&mut memory, &spans).with_context(|| spec.to_string())?;
        let Some(log) = logs.get(usize::from(self.old)) else {
            let [what, instead] = match logs.first() {
                None => ["no fault log", "is it the memory of a Pagewalk kernel?"],
                Some(_) => [
                    "no log of the boot before",
                    "without --old: that of the last boot",
                ],
            };
            bail!("{spec}: {what} in it; {instead}");
        };
        let FoundLog { at, header, .. } = log;
        let (boot, next) = (header.boot, header.next);
        let faults = counted(next, "fault", "faults");
        eprintln!("note: {spec}: the log of boot {boot} at {at}, {faults}");
        if logs.len() > 1 && !self.old {
            eprintln!("note: {spec}: the log of the boot before is there too: --old");
        }
        let mut faults = Ledger::default();
        faults.add_overwritten(header.oldest().saturating_sub(self.since));
        let rate = self.timebase.unwrap_or(header.ticks_per_second);
        let wanted = log.records.iter().filter(|(seq, _)| *seq >= self.since);
        for &(seq, fault) in wanted {
            faults.add(Sighting {
                seq: Some(seq),
                time_us: (rate > 0).then(|| micros(fault.time, rate)),
                fault,
            });
        }
        Ok(faults)
    }

    /// Reads the source to its end and keeps every fault; notes and warnings go to stderr.
    pub fn read(&self) -> anyhow::Result<Faults> {
        let mut rows = Vec::new();
        let faults = self.stream(&mut |row| {
            rows.push(*row);
            Ok(())
        })?;
        Ok(faults.with_rows(rows))
    }

    /// Reads the source to its end. Few faults are kept; those of a long log are passed to `take`, and the
    /// result has totals only. Notes and warnings go to stderr.
    pub fn stream(&self, take: TakeRow<'_>) -> anyhow::Result<Faults> {
        let file = match &self.from {
            Some(MemorySpec::Line(Spec::Recording(path, _))) => Some(path),
            Some(spec) => {
                let asks = |spec: &Spec| !matches!(spec, Spec::Gdb(_) | Spec::Probe(_));
                let faults = Faults::from(match spec {
                    MemorySpec::Line(spec) if asks(spec) => self.ask(spec)?,
                    spec => self.in_memory(spec)?,
                });
                return Ok(match self.task {
                    Some(task) => faults.of_task(task),
                    None => faults,
                });
            }
            None => self.file.as_ref(),
        };
        let from = match file {
            Some(file) if file.as_os_str() != "-" => open(file),
            _ => recorded(Box::new(io::stdin().lock())),
        };
        let mut from = from.with_context(|| self.name())?;
        let mut tally = Tally {
            faults: FaultStream::of(self.task),
            ..Tally::default()
        };
        let mut listener = Decoder::new(self.timebase);
        let mut piece = vec![0; 1 << 16];
        let mut taken = Ok(());
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).with_context(|| self.name()),
            };
            tally.bytes += length as u64;
            let mut each = |said| {
                if taken.is_ok() {
                    taken = tally.take(said, take);
                }
            };
            listener.receive(&piece[..length], &mut each);
            // The output is closed or full.
            std::mem::replace(&mut taken, Ok(()))?;
        }
        listener.finish(&mut |said| {
            if taken.is_ok() {
                taken = tally.take(said, take);
            }
        });
        taken?;
        tally.check().with_context(|| self.name())?;
        tally.report();
        Ok(tally.faults.finish(take)?)
    }
}

/// Memory that is read once, without caching.
struct Uncached<'a>(&'a mut Cached<Box<dyn MemorySource>>);

impl MemorySource for Uncached<'_> {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        self.0.read_uncached(at, into)
    }
}

/// Opens a file of board output, with times or without.
pub fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    recorded(Box::new(File::open(path)?))
}

/// Unpacks what is compressed.
pub fn unpacked(from: Box<dyn Read>) -> io::Result<BufReader<Box<dyn Read>>> {
    let mut from = BufReader::with_capacity(1 << 16, from);
    if let Some(other) = OtherPacking::of(from.fill_buf()?) {
        let OtherPacking { what, command, .. } = other;
        let refused = format!("it is {what}, which is not opened here; {command} FILE unpacks it");
        return Err(io::Error::other(refused));
    }
    if let Some(packing) = Packing::of(from.fill_buf()?) {
        from = BufReader::with_capacity(1 << 16, packing.reader(from));
    }
    Ok(from)
}

/// Unpacks what is compressed, and strips the times of a recording.
pub fn recorded(from: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let mut from = unpacked(from)?;
    if is_recording(from.fill_buf()?) {
        return Ok(Box::new(ReceivedBytes::new(Blocks::new(from)?)));
    }
    Ok(Box::new(from))
}

/// Counts of what the recording contained and of what could not be decoded.
#[derive(Default)]
struct Tally {
    faults: FaultStream,
    bytes: u64,
    lines: u64,
    frames: u64,
    untimed: u64,
    missed: u64,
    unknown: u64,
    malformed: u64,
    bad: u64,
    without_pc: u64,
}

impl Tally {
    fn take(&mut self, said: LineEvent, take: TakeRow<'_>) -> io::Result<()> {
        match said {
            LineEvent::Fault(sighting) => {
                self.untimed += u64::from(sighting.time_us.is_none());
                self.faults.add(sighting, take)?;
            }
            LineEvent::Text(_) => self.lines += 1,
            // Its lines come as text, and its fault as a fault.
            LineEvent::Crash(report) => {
                let is_fault = report.exception().is_some_and(|_| report.value().is_some());
                self.without_pc += u64::from(is_fault && report.pc().is_none());
            }
            LineEvent::Welcome { .. } => self.frames += 1,
            LineEvent::Lost { count } => {
                self.frames += 1;
                self.faults.add_overwritten(count);
            }
            LineEvent::Missed { frames } => self.missed += u64::from(frames),
            LineEvent::Unknown { .. } => self.unknown += 1,
            LineEvent::Malformed { .. } => self.malformed += 1,
            LineEvent::Bad { bytes } => self.bad += bytes as u64,
        }
        Ok(())
    }

    /// A Pagewalk recording may have no fault; any other file without one is not a log.
    fn check(&self) -> anyhow::Result<()> {
        let is_log = self.frames > 0 || self.faults.ledger().received() > 0;
        if is_log {
            return Ok(());
        }
        if self.bytes == 0 {
            bail!("empty");
        }
        let names: Vec<&str> = PARSERS.iter().map(|dialect| dialect.name).collect();
        bail!(
            "no faults in it: {}, {} of text, none of them a fault line of {}, nor a trap of {}, {} understood, {} \
             not, {} of noise",
            counted(self.bytes, "byte", "bytes"),
            counted(self.lines, "line", "lines"),
            names.join(" or "),
            trap_dialects().collect::<Vec<_>>().join(", "),
            counted(self.frames, "frame that is", "frames that are"),
            counted(self.unknown + self.malformed, "that is", "that are"),
            counted(self.bad, "byte", "bytes")
        );
    }

    /// Reports losses, guesses and undecodable data on stderr.
    fn report(&self) {
        let lines = [
            (
                self.missed,
                "warning",
                "frames missing between those that were received",
            ),
            (self.unknown, "note", "frames of a newer board, left alone"),
            (
                self.malformed,
                "warning",
                "frames that make no sense, left alone",
            ),
            (self.bad, "note", "bytes that are neither frames nor text"),
            (
                self.untimed,
                "note",
                "faults without a time (--timebase HZ gives the clock's rate)",
            ),
            (
                self.without_pc,
                "note",
                "traps without a pc in the log: their epc is 0",
            ),
            (
                self.faults.ledger().repeated(),
                "note",
                "faults received again, counted once",
            ),
        ];
        for (count, level, what) in lines.into_iter().filter(|(count, ..)| *count > 0) {
            eprintln!("{level}: {what}: {count}");
        }
        let boots = self.faults.ledger().boots();
        if boots > 1 {
            eprintln!("note: the board booted {boots} times; times count from each boot");
        }
    }
}
