//! Connections that are made in time, or not at all.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long all addresses of a name together may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to `HOST:PORT`. A key or an acknowledgement is a packet of its own, or every answer
/// would wait for the one before.
pub fn connect(address: &str) -> io::Result<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    let mut tried = None;
    for place in address.to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&place, left) {
            // A port that nobody listens on may be the one that the system gave us ourselves.
            Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {
                tried = Some(io::ErrorKind::ConnectionRefused.into());
            }
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => tried = Some(error),
        }
    }
    Err(tried.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}
