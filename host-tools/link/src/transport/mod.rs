//! Transports to a board's serial line: a port, a socket, an emulator.
//!
//! A line has two halves: one thread reads, another writes.

pub mod child;
mod outlet;
mod qemu;
mod reconnect;
mod rfc2217;
mod spec;
mod tcp;

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use self::outlet::Outlet;
use self::outlet::PortOutlet;

pub use reconnect::{LineNews, Presence, Tell};
pub use spec::{Spec, SpecError, Speed};
pub use tcp::connect;

use crate::recording::Replay;

/// Timeout of a read from a serial port, after which it is repeated.
const PORT_WAIT: Duration = Duration::from_millis(50);

/// An open line.
pub struct TargetLine {
    /// Bytes from the board.
    pub reader: Box<dyn Read + Send>,
    /// Bytes to the board.
    pub writer: Box<dyn Write + Send>,
    /// The emulator of the board, stopped on drop.
    machine: Option<child::Keeper>,
    /// Has the reader close a serial port when this is dropped.
    port: Option<PortGuard>,
    /// State of a line that may come back.
    presence: Option<Arc<Presence>>,
}

impl TargetLine {
    /// Opens the line that the user named.
    pub fn open(spec: &Spec) -> io::Result<TargetLine> {
        match spec {
            Spec::Tcp(address) => {
                let stream = connect(address)?;
                Ok(TargetLine::of(stream.try_clone()?, Outlet(stream)))
            }
            Spec::Rfc2217 { address, baud } => rfc2217::open(address, *baud),
            #[cfg(unix)]
            Spec::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                Ok(TargetLine::of(stream.try_clone()?, Outlet(stream)))
            }
            Spec::Port { path, baud } => {
                let port = serialport::new(path, *baud).timeout(PORT_WAIT).open()?;
                let guard = PortGuard::default();
                let reader = PatientPort {
                    port: port.try_clone()?,
                    is_closed: Arc::clone(&guard.0),
                };
                Ok(TargetLine {
                    port: Some(guard),
                    ..TargetLine::of(reader, PortOutlet(port))
                })
            }
            Spec::Recording(path, speed) => {
                Ok(TargetLine::of(Replay::open(path, *speed)?, io::sink()))
            }
            Spec::Gdb(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a gdb stub has memory and registers, and no console",
            )),
            Spec::Probe(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a probe has memory and registers, and no console",
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

    /// A line over two open halves. The reader may block; the writer should not.
    pub fn of(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
    ) -> TargetLine {
        TargetLine {
            reader: Box::new(reader),
            writer: Box::new(writer),
            machine: None,
            port: None,
            presence: None,
        }
    }

    /// State of the line, if it may come back.
    pub fn presence(&self) -> Option<Arc<Presence>> {
        self.presence.clone()
    }

    /// The two halves, and a guard that must live as long as they are used.
    pub fn split(self) -> (Box<dyn Read + Send>, Box<dyn Write + Send>, impl Send) {
        (self.reader, self.writer, (self.machine, self.port))
    }
}

/// A serial port on which a timeout is not the end.
struct PatientPort {
    port: Box<dyn serialport::SerialPort>,
    is_closed: Arc<AtomicBool>,
}

/// A port has one owner: as long as a thread reads it, it cannot be opened again, at another rate
/// either.
#[derive(Default)]
struct PortGuard(Arc<AtomicBool>);

impl Drop for PortGuard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Read for PatientPort {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_closed.load(Ordering::SeqCst) {
                return Ok(0);
            }
            match self.port.read(into) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Ok(0) => {}
                other => return other,
            }
        }
    }
}
