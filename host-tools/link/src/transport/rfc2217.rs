//! A serial port behind a Telnet server that sets its baud: RFC 2217, as ser2net and labgrid serve it.
//!
//! The protocol is the crate's. Bytes of the line are escaped within a stream of Telnet commands, so both halves
//! share its state.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rfc2217::{Client, NotReady, PortSettings};

use super::TargetLine;
use super::tcp::connect;

/// Time for the server to set the port.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time limit for a write.
const WRITE: Duration = Duration::from_secs(2);

/// The state of the protocol, and where its answers go.
struct SharedPort {
    client: Client,
    stream: TcpStream,
}

impl SharedPort {
    fn send(&mut self) -> io::Result<()> {
        let output = self.client.take_output();
        self.stream.write_all(&output)
    }
}

/// Connects, and sets the port: 8 data bits, no parity, one stop bit.
pub fn open(address: &str, baud: u32) -> io::Result<TargetLine> {
    let mut stream = connect(address)?;
    stream.set_write_timeout(Some(WRITE))?;
    let settings = PortSettings {
        baud_rate: baud,
        ..PortSettings::default()
    };
    let mut shared = SharedPort {
        client: Client::new(settings),
        stream: stream.try_clone()?,
    };
    let first = negotiate(&mut shared, &mut stream)?;
    stream.set_read_timeout(None)?;
    let shared = Arc::new(Mutex::new(shared));
    let reader = Received {
        stream,
        shared: Arc::clone(&shared),
        waiting: first,
    };
    Ok(TargetLine::of(reader, Sent(shared)))
}

/// Waits until the server has set the port; returns what the board sent meanwhile.
fn negotiate(shared: &mut SharedPort, stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        shared.send()?;
        match shared.client.readiness() {
            Ok(()) => return Ok(received),
            Err(why @ (NotReady::Refused | NotReady::Mismatched(_))) => {
                return Err(io::Error::other(why));
            }
            Err(why) if Instant::now() >= deadline => {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    format!("{why}; a port without RFC 2217 is tcp://HOST:PORT"),
                ));
            }
            Err(_) => {}
        }
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        match stream.read(&mut piece) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => received.extend(shared.client.receive(&piece[..count])),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        while shared.client.poll_event().is_some() {}
    }
}

fn lock(shared: &Mutex<SharedPort>) -> MutexGuard<'_, SharedPort> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes from the board.
struct Received {
    stream: TcpStream,
    shared: Arc<Mutex<SharedPort>>,
    waiting: Vec<u8>,
}

impl Read for Received {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut piece = [0; 4096];
        while self.waiting.is_empty() {
            let count = self.stream.read(&mut piece)?;
            if count == 0 {
                return Ok(0);
            }
            let mut shared = lock(&self.shared);
            self.waiting = shared.client.receive(&piece[..count]);
            while shared.client.poll_event().is_some() {}
            shared.send()?;
        }
        let count = self.waiting.len().min(into.len());
        into[..count].copy_from_slice(&self.waiting[..count]);
        self.waiting.drain(..count);
        Ok(count)
    }
}

/// Bytes to the board.
struct Sent(Arc<Mutex<SharedPort>>);

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = lock(&self.0);
        shared.client.write_data(bytes);
        shared.send()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // Ends the reader, which may wait in another thread.
        let _ = lock(&self.0).stream.shutdown(std::net::Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use rfc2217::Server;

    #[test]
    fn the_port_is_set_and_every_byte_passes_both_ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // A bridge whose board sends back what it gets.
        let bridge = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut server = Server::new(PortSettings::default());
            let mut piece = [0; 4096];
            loop {
                stream.write_all(&server.take_output()).unwrap();
                let count = stream.read(&mut piece).unwrap_or(0);
                if count == 0 {
                    return;
                }
                let bytes = server.receive(&piece[..count]);
                server.write_data(&bytes);
                while server.poll_event().is_some() {}
            }
        });
        let line = open(&address, 2_000_000).unwrap();
        let (mut reader, mut writer, _guard) = line.split();
        let all: Vec<u8> = (0..=255).cycle().take(3000).collect();
        writer.write_all(&all).unwrap();
        let mut back = vec![0; all.len()];
        reader.read_exact(&mut back).unwrap();
        assert_eq!(back, all);
        drop(writer);
        bridge.join().unwrap();
    }

    #[test]
    fn a_port_that_is_no_telnet_server_is_an_error_with_the_way_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let Err(error) = open(&address, 115_200) else {
            panic!("a silent port is none");
        };
        assert!(error.to_string().contains("tcp://HOST:PORT"), "{error}");
    }
}
