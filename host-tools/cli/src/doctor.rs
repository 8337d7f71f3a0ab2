//! `pagewalk doctor`: what a board's line carries, where its boot stopped, and what to try.
//!
//! ```text
//! $ pagewalk doctor /dev/ttyUSB0
//! at 2000000  3448 bytes
//! spoke       OpenSBI v1.2, U-Boot 2023.04-rc2
//! last lines  Card did not respond to voltage select! : -110
//! so          U-Boot finds no card that answers
//! try         push the card in again; some cards answer at the second `mmc rescan` only
//! ```

use std::convert::Infallible;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use link::session::read_in_background;
use link::transport::{Spec, TargetLine};
use model::diagnosis::{LineHealth, RateTry};
use model::{BootDiagnosis, DoctorReport};
use wire::{Channel, Event, Inbox, Split, Splitter};

use crate::format::Format;
use crate::settings::{SettingError, Settings};
use crate::{ending, recording};

/// Rates of consoles: the Ox64's, then by how usual they are.
const RATES: [u32; 10] = [
    2_000_000, 115_200, 1_500_000, 1_000_000, 921_600, 460_800, 230_400, 57_600, 38_400, 9_600,
];
/// A board that speaks for so long will not stop.
const LONGEST: Duration = Duration::from_secs(60);
/// How long an answer to a key, or to the ROM's handshake, may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How often it is looked whether the user has had enough.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that are enough to judge a rate by.
const ENOUGH: u64 = 256;
/// A line that U-Boot, shells and a login prompt answer with their prompt. The blank keeps U-Boot
/// from doing the last command again.
const KEYS: &[u8] = b" \r";
/// The ROM measures its rate on these, for so long; as Bouffalo Lab's ISP protocol has it.
const HANDSHAKE: u8 = 0x55;
const HANDSHAKE_MS: u32 = 5;
/// The ROM's answer to the handshake, as Bouffalo Lab's ISP protocol has it.
const ROM_ANSWER: &[u8] = b"OK";

/// Say what a silent board's line carries: nothing, another rate, how far its boot came and
/// where it stopped; and what to try.
///
/// Listens until the board has been quiet for a while. A board that says nothing, or nothing known,
/// is sent a blank and Return, at which a stage that waits for a command shows its prompt. A serial port
/// without a rate, or with a wrong one, is listened to at the usual rates. Ctrl-C ends the listening;
/// the report covers what was received until then.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk doctor /dev/ttyUSB0
  pagewalk doctor /dev/ttyUSB0@2000000 --format json
  pagewalk doctor /dev/ttyUSB0 --board ox64
  pagewalk doctor tcp://localhost:4444 --silent
  pagewalk doctor boot.log
  pagewalk doctor run.pwlog")]
pub struct DoctorArgs {
    /// The line: /dev/ttyUSB0, /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu:IMAGE; or what
    /// was received before: a file of text, a recording, `-` for stdin
    #[arg(value_name = "LINE|FILE|-", value_parser = |word: &str| Ok::<_, Infallible>(DoctorLine(word.to_owned())))]
    line: DoctorLine,
    /// Send nothing
    #[arg(long)]
    silent: bool,
    /// Call the BL808's boot ROM, which waits to be flashed after a reset with the boot button held
    #[arg(long, conflicts_with = "silent")]
    boot_rom: bool,
    /// A board that is quiet for so long has said all
    #[arg(long, value_name = "NUMBER", default_value_t = 4,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// The line or file as the user named it; the settings replace the name of a board by its line.
#[derive(Clone)]
pub struct DoctorLine(pub String);

impl DoctorLine {
    /// The line that a word names. A serial port without a baud stays as it is where no board states one: each usual
    /// rate is tried.
    pub fn of(word: &str, settings: &Settings) -> Result<DoctorLine, SettingError> {
        match settings.line(word) {
            Err(SettingError::NoBaud(port)) => Ok(DoctorLine(port)),
            line => line.map(DoctorLine),
        }
    }
}

/// What is examined: a line at a known rate, a port at each rate, or a file.
enum DoctorSource {
    Line(Spec),
    /// A serial port whose rate is not known.
    Port(String),
    Kept(PathBuf),
}

/// Listens or reads, and writes the diagnosis as `--format` asks.
pub fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let report = match source(&args.line.0)? {
        DoctorSource::Kept(path) => kept(&path)?,
        DoctorSource::Port(path) => at_each_rate(&args, &path, &[])?,
        DoctorSource::Line(spec) => on(&args, &spec)?,
    };
    args.format.answer(&report)
}

fn source(name: &str) -> anyhow::Result<DoctorSource> {
    if name == "-" {
        return Ok(DoctorSource::Kept(name.into()));
    }
    let error = match name.parse() {
        Ok(Spec::Recording(path, _)) => return Ok(DoctorSource::Kept(path)),
        Ok(spec @ (Spec::Gdb(_) | Spec::Probe(_))) => bail!(
            "{spec}: has no console to listen to; `pagewalk explain --from {spec}` looks at its hart"
        ),
        Ok(spec) => return Ok(DoctorSource::Line(spec)),
        Err(error) => error,
    };
    match Path::new(name) {
        path if path.is_file() => Ok(DoctorSource::Kept(path.into())),
        path if path.starts_with("/dev") => Ok(DoctorSource::Port(name.to_owned())),
        _ => Err(anyhow::Error::from(error).context("not a file either")),
    }
}

fn kept(path: &Path) -> anyhow::Result<DoctorReport> {
    let is_stdin = path == Path::new("-");
    let line = match is_stdin {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let mut from: Box<dyn Read> = match is_stdin {
        true => Box::new(io::stdin().lock()),
        false => recording::open(path).with_context(|| line.clone())?,
    };
    let mut listener = BootListener::default();
    let mut piece = vec![0; 1 << 16];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => listener.hear(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context(line),
        }
    }
    Ok(DoctorReport {
        is_kept: true,
        ..at_one_rate(line, None, listener.finish())
    })
}

fn on(args: &DoctorArgs, spec: &Spec) -> anyhow::Result<DoctorReport> {
    let baud = match spec {
        Spec::Port { baud, .. } => Some(*baud),
        _ => None,
    };
    let diagnosis = listen(args, spec, Duration::from_secs(args.seconds))?;
    let told = at_one_rate(spec.to_string(), baud, diagnosis);
    match spec {
        Spec::Port { path, .. } if told.diagnosis.health() == LineHealth::Garbled => {
            at_each_rate(args, path, &told.rates)
        }
        _ => Ok(told),
    }
}

/// Listens at one rate after another until text comes.
fn at_each_rate(args: &DoctorArgs, path: &str, tried: &[RateTry]) -> anyhow::Result<DoctorReport> {
    let stop = ending::watch();
    let mut rates = tried.to_vec();
    let mut best: Option<(Spec, BootDiagnosis)> = None;
    let is_new = |baud: &u32| tried.iter().all(|known| known.baud != Some(*baud));
    for baud in RATES.into_iter().filter(is_new) {
        let spec = Spec::Port {
            path: path.to_owned(),
            baud,
        };
        // At the first rate the board is given the time that it has at a known one.
        let quiet = match rates.is_empty() {
            true => Duration::from_secs(args.seconds),
            false => ANSWER,
        };
        let diagnosis = listen(args, &spec, quiet)?;
        rates.push(rate_try(Some(baud), &diagnosis));
        let is_readable = diagnosis.health() == LineHealth::Readable;
        let is_better = |(_, known): &(Spec, BootDiagnosis)| known.health() == LineHealth::Silent;
        if is_readable || best.as_ref().is_none_or(is_better) {
            best = Some((spec, diagnosis));
        }
        if is_readable || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    let (spec, diagnosis) = best.context("no rate is left to try")?;
    Ok(DoctorReport {
        line: spec.to_string(),
        is_kept: false,
        rates,
        diagnosis,
    })
}

fn rate_try(baud: Option<u32>, diagnosis: &BootDiagnosis) -> RateTry {
    RateTry {
        baud,
        bytes: diagnosis.bytes(),
        health: diagnosis.health(),
    }
}

fn at_one_rate(line: String, baud: Option<u32>, diagnosis: BootDiagnosis) -> DoctorReport {
    DoctorReport {
        line,
        is_kept: false,
        rates: vec![rate_try(baud, &diagnosis)],
        diagnosis,
    }
}

/// Listens until the board is quiet, then has it say who waits there.
fn listen(args: &DoctorArgs, spec: &Spec, quiet: Duration) -> anyhow::Result<BootDiagnosis> {
    let line = TargetLine::open(spec).map_err(|error| absent(spec, error))?;
    if let Spec::Port { path, baud } = spec {
        eprintln!("note: listening to {path} at {baud}; press the board's reset button");
    }
    let (reader, mut writer, machine) = line.split();
    let incoming = read_in_background(reader);
    let diagnosis = hear(args, spec, quiet, &incoming, &mut *writer);
    drop((writer, machine));
    // Its reader lets go of a port then: it is free for the next rate.
    if let Spec::Port { .. } = spec {
        while let Ok(Ok(_)) = incoming.recv() {}
    }
    diagnosis
}

fn hear(
    args: &DoctorArgs,
    spec: &Spec,
    quiet: Duration,
    incoming: &Receiver<io::Result<Vec<u8>>>,
    writer: &mut dyn Write,
) -> anyhow::Result<BootDiagnosis> {
    let stop = ending::watch();
    let mut listener = BootListener::default();
    let has_ended = listener.hear_until(incoming, quiet, stop);
    let is_known = listener.boot.diagnosis.stage().is_some() || listener.is_garbled();
    if has_ended || args.silent || is_known || stop.load(Ordering::Relaxed) {
        return Ok(listener.finish());
    }
    let keys = match (args.boot_rom, spec) {
        (true, Spec::Port { baud, .. }) => handshake(*baud),
        (true, _) => bail!("{spec}: --boot-rom needs a serial port: the ROM measures its rate"),
        (false, _) => KEYS.to_vec(),
    };
    // A line that takes nothing is one that says nothing, too.
    if let Err(error) = writer.write_all(&keys).and_then(|()| writer.flush()) {
        eprintln!("note: {spec}: {error}");
    }
    listener.answer.clear();
    listener.hear_until(incoming, ANSWER, stop);
    if args.boot_rom && listener.answer.starts_with(ROM_ANSWER) {
        listener.boot.diagnosis.boot_rom_answered();
    }
    Ok(listener.finish())
}

fn handshake(baud: u32) -> Vec<u8> {
    // Ten bits a byte.
    let bytes = u64::from(baud) * u64::from(HANDSHAKE_MS) / 10_000;
    vec![HANDSHAKE; usize::try_from(bytes).unwrap_or(0).max(8)]
}

/// What comes, frames taken apart from text.
struct BootListener {
    splitter: Splitter<{ wire::LARGEST }>,
    boot: BootFrames,
    /// The first bytes since it was cleared.
    answer: Vec<u8>,
}

/// All but the splitter, from which frames are borrowed.
struct BootFrames {
    inbox: Inbox,
    session: u32,
    diagnosis: BootDiagnosis,
}

impl Default for BootListener {
    fn default() -> Self {
        BootListener {
            splitter: Splitter::new(),
            boot: BootFrames {
                inbox: Inbox::EMPTY,
                session: 0,
                diagnosis: BootDiagnosis::default(),
            },
            answer: Vec::new(),
        }
    }
}

impl BootListener {
    /// Takes what comes until it is quiet, or plainly no text, or the line ends: true then.
    fn hear_until(
        &mut self,
        incoming: &Receiver<io::Result<Vec<u8>>>,
        quiet: Duration,
        stop: &AtomicBool,
    ) -> bool {
        let began = Instant::now();
        let mut heard_at = began;
        while heard_at.elapsed() < quiet
            && began.elapsed() < LONGEST
            && !stop.load(Ordering::Relaxed)
            && !self.is_garbled()
        {
            match incoming.recv_timeout(LOOK) {
                Ok(Ok(bytes)) => {
                    heard_at = Instant::now();
                    self.hear(&bytes);
                }
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        false
    }

    /// True if more bytes at this rate would not change the answer.
    fn is_garbled(&self) -> bool {
        let diagnosis = &self.boot.diagnosis;
        diagnosis.bytes() >= ENOUGH && diagnosis.health() == LineHealth::Garbled
    }

    fn hear(&mut self, bytes: &[u8]) {
        if self.answer.len() < ROM_ANSWER.len() {
            self.answer.extend(bytes);
        }
        for byte in bytes {
            if let Some(split) = self.splitter.feed(*byte) {
                self.boot.take(split);
            }
        }
    }

    fn finish(mut self) -> BootDiagnosis {
        if let Some(split) = self.splitter.finish() {
            self.boot.take(split);
        }
        self.boot.diagnosis.finish();
        self.boot.diagnosis
    }
}

impl BootFrames {
    fn take(&mut self, split: Split<'_>) {
        let frame = match split {
            Split::Text(text) => return self.diagnosis.text(text),
            Split::Bad(bytes) => return self.diagnosis.noise(bytes as u64),
            Split::Frame(frame) => frame,
        };
        self.diagnosis.frame();
        match Event::decode(&frame) {
            Ok(Event::Welcome(welcome)) if welcome.session != self.session => {
                (self.session, self.inbox) = (welcome.session, Inbox::EMPTY);
            }
            Ok(Event::Stream(Channel::Console, payload)) => {
                let text = self.inbox.take(payload).unwrap_or(&[]);
                self.diagnosis.text(text);
            }
            _ => {}
        }
    }
}

/// A line that cannot be opened: what to do about it.
fn absent(spec: &Spec, error: io::Error) -> anyhow::Error {
    let Spec::Port { path, .. } = spec else {
        return anyhow::Error::from(error).context(spec.to_string());
    };
    let way_out = match error.kind() {
        _ if !Path::new(path).exists() => format!("not there; {}", ports_here()),
        ErrorKind::PermissionDenied => {
            "this user may not open it: `sudo usermod -aG dialout $USER`, then log in again"
                .to_owned()
        }
        // By serialport.
        ErrorKind::NotFound => format!("another program has it: `fuser -v {path}` says which"),
        _ => return anyhow::Error::from(error).context(spec.to_string()),
    };
    anyhow::Error::msg(format!("{path}: {way_out}"))
}

/// The serial adapters of this machine, by the names that stay with them.
fn ports_here() -> String {
    let names = |folder: &str, starts: &[&str]| -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|it| it.file_name().into_string().ok());
        let wanted = names.filter(|name| starts.iter().any(|start| name.starts_with(start)));
        wanted.map(|name| format!("{folder}/{name}")).collect()
    };
    let mut ports = names("/dev/serial/by-id", &[""]);
    if ports.is_empty() {
        ports = names("/dev", &["ttyUSB", "ttyACM"]);
    }
    ports.sort();
    match ports.is_empty() {
        true => "no USB serial adapter is here: is it plugged in? `dmesg | tail` says".to_owned(),
        false => format!("there is {}", ports.join(", ")),
    }
}
