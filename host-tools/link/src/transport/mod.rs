//! Ways to a board's serial line: a port, a socket, an emulator.
//!
//! A line is two halves: bytes come in on one thread and go out on another.

pub mod child;
mod outlet;
mod qemu;
mod returning;
mod spec;
mod tcp;

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::outlet::Outlet;
use self::outlet::PortOutlet;

pub use returning::{LineNews, Presence, Tell};
pub use spec::{Spec, SpecError, Speed};
pub use tcp::connect;

use crate::recording::Replay;

/// How long a serial port waits for a byte before it looks again.
const PORT_WAIT: Duration = Duration::from_millis(50);

/// An open line.
pub struct TargetLine {
    /// What the board says.
    pub reader: Box<dyn Read + Send>,
    /// What is said to the board.
    pub writer: Box<dyn Write + Send>,
    /// The emulator behind it, stopped when this goes.
    machine: Option<child::Keeper>,
    /// Whether it is there, of one that is waited for.
    presence: Option<Arc<Presence>>,
}

impl TargetLine {
    /// Opens it.
    pub fn open(spec: &Spec) -> io::Result<TargetLine> {
        match spec {
            Spec::Tcp(address) => {
                let stream = connect(address)?;
                Ok(TargetLine::of(stream.try_clone()?, Outlet(stream)))
            }
            #[cfg(unix)]
            Spec::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                Ok(TargetLine::of(stream.try_clone()?, Outlet(stream)))
            }
            Spec::Port { path, baud } => {
                let port = serialport::new(path, *baud).timeout(PORT_WAIT).open()?;
                let reader = PatientPort(port.try_clone()?);
                Ok(TargetLine::of(reader, PortOutlet(port)))
            }
            Spec::Recording(path, speed) => {
                Ok(TargetLine::of(Replay::open(path, *speed)?, io::sink()))
            }
            Spec::Gdb(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a gdb stub tells memory and registers, and has no console",
            )),
            Spec::Probe(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a probe tells memory and registers, and has no console",
            )),
            Spec::Qemu(image) => {
                let (reader, writer, machine) = qemu::start(image)?;
                Ok(TargetLine {
                    machine: Some(machine),
                    ..TargetLine::of(reader, Outlet(writer))
                })
            }
        }
    }

    /// A line over halves that are open. The reader may wait; the writer should not.
    pub fn of(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
    ) -> TargetLine {
        TargetLine {
            reader: Box::new(reader),
            writer: Box::new(writer),
            machine: None,
            presence: None,
        }
    }

    /// Whether it is there, of a line that is waited for.
    pub fn presence(&self) -> Option<Arc<Presence>> {
        self.presence.clone()
    }

    /// Its halves, and what has to be kept as long as they are used.
    pub fn split(self) -> (Box<dyn Read + Send>, Box<dyn Write + Send>, impl Send) {
        (self.reader, self.writer, self.machine)
    }
}

/// A port that has nothing to say yet is not a port that has ended.
struct PatientPort(Box<dyn serialport::SerialPort>);

impl Read for PatientPort {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Ok(0) => {}
                other => return other,
            }
        }
    }
}
