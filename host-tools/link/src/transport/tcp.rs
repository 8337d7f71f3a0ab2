//! TCP connections with a time limit.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Time limit for all addresses of a name together.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to `HOST:PORT`, with TCP_NODELAY: otherwise a key or an acknowledgement would wait for the
/// previous packet's.
pub fn connect(address: &str) -> io::Result<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    let mut tried = None;
    for place in address.to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&place, left) {
            // Connecting to a local port without a listener may connect the socket to itself.
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
