//! `remote_bitbang`: JTAG pins over a socket, in OpenOCD's protocol.
//!
//! A byte sets the pins; `R` requests TDO and is answered with `0` or `1`. Simulators implement it.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use bitvec::vec::BitVec;
use probe_rs::probe::{
    AutoImplementJtagAccess, DebugProbe, DebugProbeError, JtagDriverState, RawJtagIo,
};

use super::pins::{Pins, clock_bits, jtag_only};

/// Time limit for the connection, and for each answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests in flight. OpenOCD's client uses no more, and some servers fail above it.
const MOST_QUESTIONS: usize = 255;
/// Bytes sent at a time.
const MOST_BYTES: usize = 1 << 14;

/// Pins over a socket.
pub struct Bitbang {
    stream: TcpStream,
    out: Vec<u8>,
    questions: usize,
    captured: Vec<bool>,
    state: JtagDriverState,
    /// The error that broke the line; later calls fail at once.
    broken: Option<String>,
}

impl Bitbang {
    /// Connects to `HOST:PORT`.
    pub fn connect(address: &str) -> io::Result<Bitbang> {
        let mut tried = None;
        let stream = address
            .to_socket_addrs()?
            .find_map(|place| match TcpStream::connect_timeout(&place, PATIENCE) {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tried = Some(error);
                    None
                }
            });
        let nowhere = || tried.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
        let stream = stream.ok_or_else(nowhere)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Bitbang {
            stream,
            out: Vec::with_capacity(MOST_BYTES + 4),
            questions: 0,
            captured: Vec::new(),
            state: JtagDriverState::default(),
            broken: None,
        })
    }

    /// Sends the queue and receives the answers.
    fn flush(&mut self) -> Result<(), DebugProbeError> {
        if let Some(why) = &self.broken {
            return Err(DebugProbeError::Other(why.clone()));
        }
        self.converse().map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    "no answer; is it a remote_bitbang server, and is it free?".into()
                }
                io::ErrorKind::UnexpectedEof => "the server has gone".into(),
                _ => error.to_string(),
            };
            self.broken = Some(why);
            DebugProbeError::Other(self.broken.clone().unwrap_or_default())
        })
    }

    fn converse(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        self.stream.write_all(&self.out)?;
        self.out.clear();
        let mut answers = [0; MOST_QUESTIONS];
        while self.questions > 0 {
            // With delayed acknowledgements the server's next packet would wait 40 ms, and the kernel resets
            // this option with every read.
            #[cfg(target_os = "linux")]
            rustix::net::sockopt::set_tcp_quickack(&self.stream, true)?;
            // One deadline for all answers: the socket's own timeout restarts with every byte.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            let length = match self.stream.read(&mut answers[..self.questions]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            for answer in &answers[..length] {
                match answer {
                    b'0' | b'1' => self.captured.push(*answer == b'1'),
                    other => {
                        let what = format!("answered {other:#04x}, which is not a level of a pin");
                        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                    }
                }
            }
            self.questions -= length;
        }
        Ok(())
    }

    /// Sets the reset pin of the board.
    fn reset_pin(&mut self, is_active: bool) -> Result<(), DebugProbeError> {
        self.out.push(if is_active { b's' } else { b'r' });
        self.flush()
    }
}

impl std::fmt::Debug for Bitbang {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bitbang")
            .field("stream", &self.stream)
            .finish()
    }
}

impl RawJtagIo for Bitbang {
    fn state_mut(&mut self) -> &mut JtagDriverState {
        &mut self.state
    }

    fn state(&self) -> &JtagDriverState {
        &self.state
    }

    fn shift_bit(&mut self, tms: bool, tdi: bool, capture: bool) -> Result<(), DebugProbeError> {
        let pins = b'0' | u8::from(tms) << 1 | u8::from(tdi);
        self.out.push(pins);
        if capture {
            self.out.push(b'R');
            self.questions += 1;
        }
        self.out.push(pins | 4);
        self.state.state.update(tms);
        if self.questions == MOST_QUESTIONS || self.out.len() >= MOST_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn read_captured_bits(&mut self) -> Result<BitVec, DebugProbeError> {
        Ok(self.captured()?.into_iter().collect())
    }
}

impl Pins for Bitbang {
    fn clock(
        &mut self,
        tms: &[bool],
        tdi: &[bool],
        capture: &[bool],
    ) -> Result<(), DebugProbeError> {
        clock_bits(self, tms, tdi, capture)
    }

    fn captured(&mut self) -> Result<Vec<bool>, DebugProbeError> {
        self.flush()?;
        Ok(std::mem::take(&mut self.captured))
    }
}

impl AutoImplementJtagAccess for Bitbang {}

impl DebugProbe for Bitbang {
    fn get_name(&self) -> &str {
        "remote_bitbang"
    }

    fn speed_khz(&self) -> u32 {
        0
    }

    fn set_speed(&mut self, speed_khz: u32) -> Result<u32, DebugProbeError> {
        // A simulator has no clock rate.
        Ok(speed_khz)
    }

    fn attach(&mut self) -> Result<(), DebugProbeError> {
        Ok(())
    }

    fn detach(&mut self) -> Result<(), probe_rs::Error> {
        self.flush()?;
        Ok(())
    }

    fn target_reset(&mut self) -> Result<(), DebugProbeError> {
        self.reset_pin(true)?;
        self.reset_pin(false)
    }

    fn target_reset_assert(&mut self) -> Result<(), DebugProbeError> {
        self.reset_pin(true)
    }

    fn target_reset_deassert(&mut self) -> Result<(), DebugProbeError> {
        self.reset_pin(false)
    }

    jtag_only!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// A client of a server that runs `serve` for its one connection.
    fn client(serve: impl FnOnce(TcpStream) + Send + 'static) -> (Bitbang, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || serve(listener.accept().unwrap().0));
        (Bitbang::connect(&address).unwrap(), server)
    }

    /// Reads until `wanted` requests arrived; returns the number.
    fn questions(stream: &mut TcpStream, wanted: usize) -> usize {
        let (mut count, mut bytes) = (0, [0; 1 << 16]);
        while count < wanted {
            let length = stream.read(&mut bytes).unwrap();
            assert!(length > 0, "the client has gone");
            count += bytes[..length].iter().filter(|byte| **byte == b'R').count();
        }
        count
    }

    #[test]
    fn no_more_questions_are_open_than_a_server_stands() {
        const ROUNDS: usize = 3;
        let (mut port, server) = client(|mut stream| {
            for _ in 0..ROUNDS {
                assert_eq!(questions(&mut stream, MOST_QUESTIONS), MOST_QUESTIONS);
                stream.write_all(&[b'1'; MOST_QUESTIONS]).unwrap();
            }
        });
        let bits = ROUNDS * MOST_QUESTIONS;
        let levels = || std::iter::repeat_n(true, bits);
        port.shift_bits(levels(), levels(), levels()).unwrap();
        assert_eq!(port.read_captured_bits().unwrap().count_ones(), bits);
        server.join().unwrap();
    }

    /// With delayed acknowledgements a kernel holds a second small packet back for 40 ms, unless the socket says
    /// otherwise: it is asked, since a time says little on a loaded machine.
    #[test]
    fn no_batch_waits_for_an_acknowledgement() {
        let (mut port, server) = client(|mut stream| {
            questions(&mut stream, 2);
            stream.write_all(b"01").unwrap();
        });
        assert!(port.stream.nodelay().unwrap());
        port.shift_bits([false; 2], [false; 2], [true; 2]).unwrap();
        assert_eq!(port.read_captured_bits().unwrap().len(), 2);
        server.join().unwrap();
    }

    #[test]
    fn what_is_no_level_of_a_pin_is_refused_and_the_line_is_given_up() {
        let (mut port, server) = client(|mut stream| {
            questions(&mut stream, 1);
            stream.write_all(b"?").unwrap();
        });
        port.shift_bit(false, false, true).unwrap();
        let refused = port.read_captured_bits().unwrap_err().to_string();
        assert!(refused.contains("0x3f"), "{refused}");
        server.join().unwrap();
        assert_eq!(port.flush().unwrap_err().to_string(), refused);
    }
}
