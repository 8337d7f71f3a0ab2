//! `pagewalk record`: what a board says, kept with its times.
//!
//! ```text
//! $ pagewalk record /dev/ttyUSB0@2000000 run.pwlog
//! run.pwlog: recording; Ctrl-C ends it
//! ```

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use link::recording::Writer;
use link::transport::{Line, Spec};

/// Keep what a board says, with its times, in a file: for `pagewalk replay`, `dash` and `faults`.
///
/// The file is only added to. Whatever happens, it can be read up to its last whole block.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk record /dev/ttyUSB0@2000000 run.pwlog
  pagewalk record tcp://localhost:3334 run.pwlog
  pagewalk faults run.pwlog
  pagewalk replay run.pwlog --speed 10x")]
pub struct Args {
    /// The line: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu, qemu:IMAGE
    #[arg(value_name = "SPEC")]
    line: Spec,
    /// The recording; one that is there is added to
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Say nothing to the board: it may be none of ours. Its faults come as text, if at all
    #[arg(long)]
    silent: bool,
}

/// Records until the line ends, or Ctrl-C.
pub fn run(args: Args) -> anyhow::Result<()> {
    let name = || args.to.display().to_string();
    let mut writer = open_timed(&args.to)?;
    let line = Line::open(&args.line).with_context(|| args.line.to_string())?;
    let (mut reader, mut speaker, _machine) = line.split();
    if !args.silent {
        let mut hello = [0; 32];
        let length = wire::Request::encode_hello(wire::VERSION, 0, &mut hello).unwrap_or(0);
        speaker
            .write_all(&hello[..length])
            .and_then(|()| speaker.flush())
            .with_context(|| args.line.to_string())?;
    }
    eprintln!("{}: recording; Ctrl-C ends it", name());
    let mut piece = vec![0; 1 << 16];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => writer.write_all(&piece[..count]).with_context(name)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(|| args.line.to_string()),
        }
    }
    eprintln!("remark: {}: the line has ended", args.line);
    Ok(())
}

/// Where bytes of a line are kept: with times if the name says so, else as they come.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    if path
        .extension()
        .is_some_and(|extension| extension == "pwlog")
    {
        return Ok(Box::new(open_timed(path)?));
    }
    let file = OpenOptions::new().append(true).create(true).open(path);
    Ok(Box::new(file.with_context(|| path.display().to_string())?))
}

fn open_timed(path: &Path) -> anyhow::Result<Writer> {
    let name = path.display();
    let writer = Writer::append(path).with_context(|| name.to_string())?;
    if writer.dropped() > 0 {
        let dropped = writer.dropped();
        eprintln!("remark: {name}: was cut off; {dropped} bytes of an unfinished block are gone");
    }
    Ok(writer)
}
