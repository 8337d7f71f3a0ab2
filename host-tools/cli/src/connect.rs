//! `pagewalk connect`: shares one serial line between gdb, a terminal and other commands.
//!
//! ```text
//! $ pagewalk connect /dev/ttyUSB0@2000000
//! gdb       target remote localhost:3333
//! console   picocom /dev/pts/4
//! pagewalk  --from tcp://localhost:3334
//! qemu-virt answers: 64 bits, 10000000 ticks a second
//! ```

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::Context;
use link::hub::{Hub, HubNews, HubStreams};
use link::transport::Spec;

use crate::{ending, output, pty, reconnect, record};

/// Share a board's serial line: gdb on a port, the console on a terminal of its own, and other commands on
/// another port, all at once.
///
/// A serial port or socket that is absent, or is lost, is waited for; gdb and the other clients stay
/// connected.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk connect /dev/ttyUSB0@2000000
  pagewalk connect tcp://localhost:4444 --record run.pwlog
  pagewalk connect qemu
While it runs:
  gdb-multiarch -ex 'target remote localhost:3333'
  pagewalk ps --from tcp://localhost:3334
gdb itself opens no serial line faster than 460,800 baud (Debian's): it comes in through here.")]
pub struct ConnectArgs {
    /// The line: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu, qemu:IMAGE; or a recording,
    /// RUN.pwlog, without gdb and memory
    #[arg(value_name = "SPEC")]
    line: Spec,
    /// Port for gdb; 0 selects a free one
    #[arg(long, value_name = "PORT", default_value_t = 3333)]
    gdb_port: u16,
    /// Port for the other commands; 0 selects a free one
    #[arg(long, value_name = "PORT", default_value_t = 3334)]
    port: u16,
    /// Append the board's output to this file: with times if its name ends in .pwlog, otherwise as raw bytes
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// End when the line is lost, and at once if it is absent, instead of waiting for it
    #[arg(long)]
    once: bool,
}

/// Serves until the line ends for good, or Ctrl-C.
pub fn run(args: ConnectArgs) -> anyhow::Result<()> {
    let hub = Hub::bind(args.gdb_port, args.port)
        .with_context(|| format!("ports {} and {}", args.gdb_port, args.port))?;
    let record = args.record.as_deref().map(record::open).transpose()?;
    let line = reconnect::open(&args.line, args.once, "")?;
    let pty::Pty { ours, path, .. } = &pty::make().context("no terminal could be made")?;
    let ours: File = ours.try_clone()?;
    let ends = HubStreams {
        keys: Box::new(ours.try_clone()?),
        text: Box::new(pty::RetryingWriter(ours)),
        record,
    };
    let (gdb, hosts) = hub.ports()?;
    output::answer(|out| {
        writeln!(out, "gdb       target remote localhost:{gdb}")?;
        writeln!(out, "console   picocom {}", path.display())?;
        writeln!(out, "pagewalk  --from tcp://localhost:{hosts}")
    })?;
    let answers = !matches!(args.line, Spec::Recording(..));
    let stop = ending::watch();
    hub.run(line, answers, ends, stop, &mut announce)
        .with_context(|| args.line.to_string())?;
    if stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    eprintln!("note: {}: the line has ended", args.line);
    Ok(())
}

fn announce(news: HubNews) {
    match news {
        HubNews::Board(peer) => eprintln!(
            "{} answers: {} bits, {} ticks a second",
            peer.board, peer.xlen, peer.ticks_per_second
        ),
        HubNews::Lost => eprintln!("the board has fallen silent; calling it"),
        HubNews::GdbCame => eprintln!("gdb is here"),
        HubNews::GdbWent => eprintln!("gdb has gone; the board runs on"),
        HubNews::Altered(damage) => eprintln!("warning: {damage}"),
        HubNews::GdbRefused => {
            eprintln!("a gdb was sent away: one at a time, and none on a recording")
        }
    }
}
