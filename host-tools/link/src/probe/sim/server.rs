//! The simulated TAP as a `remote_bitbang` server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SimulatedTap;

/// A TAP shared between threads.
pub type SharedTap = Arc<Mutex<SimulatedTap>>;

/// Locks the TAP. A poisoned lock means that a test has already failed.
pub fn lock(tap: &SharedTap) -> MutexGuard<'_, SimulatedTap> {
    tap.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one client after another on a free port, until the process ends.
pub fn serve(tap: SharedTap) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that disconnects ends only its own session.
            let _ = converse(client, &tap);
        }
    });
    Ok(address)
}

/// Applies what a client sends to the pins, and adds the levels it asks for to `said`. `at_edge` is called
/// after each rising edge of TCK, with `tck` the level before. Answers whether the client stays.
pub fn drive(
    tap: &mut SimulatedTap,
    tck: &mut bool,
    asked: &[u8],
    said: &mut Vec<u8>,
    mut at_edge: impl FnMut(&mut SimulatedTap),
) -> bool {
    for byte in asked {
        match byte {
            // tck, tms, tdi from the highest bit down.
            b'0'..=b'7' => {
                let pins = byte - b'0';
                let high = pins & 4 != 0;
                if high && !*tck {
                    tap.clock(pins & 2 != 0, pins & 1 != 0);
                    at_edge(tap);
                }
                *tck = high;
            }
            b'R' => said.push(b'0' + u8::from(tap.tdo())),
            b'Q' => return false,
            _ => {}
        }
        if tap.is_unplugged() {
            return false;
        }
    }
    true
}

fn converse(mut client: TcpStream, tap: &SharedTap) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut asked = vec![0; 1 << 16];
    let mut said = Vec::new();
    let mut tck = false;
    loop {
        let length = client.read(&mut asked)?;
        if length == 0 {
            return Ok(());
        }
        said.clear();
        let mut tap = lock(tap);
        if !drive(&mut tap, &mut tck, &asked[..length], &mut said, |_| {}) {
            return Ok(());
        }
        drop(tap);
        client.write_all(&said)?;
    }
}
