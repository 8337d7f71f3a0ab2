//! A line that is waited for, and reopened after it was lost.
//!
//! An adapter is unplugged, a board loses power, an emulator is restarted. A reader of such a line receives
//! bytes, and later more bytes; bytes written while it is absent are dropped, as on a cable without a board.
//! A session over it restarts by itself, as after a reboot.
//!
//! ```text
//! absent ── opens ──► open ── end or error ──► lost
//!    ▲                                          │
//!    └──────────── cannot be opened ────────────┘
//! ```

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::{Spec, TargetLine};

/// Interval between attempts to open the line.
const LOOK: Duration = Duration::from_millis(100);
/// Longest interval: a server that closes connections at once is not called ten times a second.
const LONGEST_LOOK: Duration = Duration::from_millis(3200);

/// A change of a line that is waited for.
#[derive(Debug)]
pub enum LineNews {
    /// It is absent, and is waited for. Repeated only if the reason changes.
    Absent(io::Error),
    /// It was opened after an absence.
    Open,
    /// It ended or failed, and is waited for.
    Lost(Option<io::Error>),
}

impl fmt::Display for LineNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WAITS: &str = "waiting for it; Ctrl-C ends this";
        match self {
            LineNews::Absent(error) => write!(f, "not there ({error}); {WAITS}"),
            LineNews::Open => f.write_str("there"),
            LineNews::Lost(Some(error)) => write!(f, "lost ({error}); {WAITS}"),
            LineNews::Lost(None) => write!(f, "closed by the other end; {WAITS}"),
        }
    }
}

/// Callback for changes.
pub type Tell = Box<dyn FnMut(LineNews) + Send>;

/// State of a line, for other threads than its reader.
pub struct Presence {
    is_there: AtomicBool,
    peers: AtomicU64,
    writer: Mutex<Option<Box<dyn Write + Send>>>,
}

impl Presence {
    /// Whether the line is open now.
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::SeqCst)
    }

    /// Number of peers so far: a reopened socket leads to a peer without knowledge of the session. Behind a
    /// serial port the board may have kept running.
    pub fn peers(&self) -> u64 {
        self.peers.load(Ordering::SeqCst)
    }

    fn writer(&self) -> MutexGuard<'_, Option<Box<dyn Write + Send>>> {
        self.writer.lock().unwrap_or_else(|held| held.into_inner())
    }
}

impl Spec {
    /// Whether such a line may come back: a port and a socket may, a recording and a started emulator do not.
    fn returns(&self) -> bool {
        match self {
            Spec::Tcp(_) | Spec::Rfc2217 { .. } | Spec::Port { .. } => true,
            #[cfg(unix)]
            Spec::Unix(_) => true,
            Spec::Qemu(_) | Spec::Gdb(_) | Spec::Probe(_) | Spec::Recording(..) => false,
        }
    }

    /// Whether an error of opening means that the line is absent, and not invalid.
    fn is_absence(&self, error: &io::Error) -> bool {
        use ErrorKind::{
            AddrNotAvailable, ConnectionRefused, ConnectionReset, HostUnreachable,
            NetworkUnreachable, NotFound, TimedOut,
        };
        match self {
            // serialport reports a port in use as `NotFound` too.
            Spec::Port { path, .. } => !Path::new(path).exists(),
            _ => matches!(
                error.kind(),
                AddrNotAvailable
                    | ConnectionRefused
                    | ConnectionReset
                    | HostUnreachable
                    | NetworkUnreachable
                    | NotFound
                    | TimedOut
            ),
        }
    }
}

impl TargetLine {
    /// Opens a line, waits for it if it may come, and reopens it when it is lost; `tell` is called with each
    /// change. Other problems are errors, and a line that cannot come back is opened by [`TargetLine::open`].
    pub fn open_returning(spec: &Spec, mut tell: Tell) -> io::Result<TargetLine> {
        if !spec.returns() {
            return TargetLine::open(spec);
        }
        let opened = match TargetLine::open(spec) {
            Ok(line) => Ok(line),
            Err(error) if spec.is_absence(&error) => Err(error),
            Err(error) => return Err(error),
        };
        let presence = Arc::new(Presence {
            is_there: AtomicBool::new(false),
            peers: AtomicU64::new(0),
            writer: Mutex::new(None),
        });
        let mut reader = ReturningReader {
            spec: spec.clone(),
            presence: Arc::clone(&presence),
            reader: None,
            keeper: None,
            reason: None,
            look: LOOK,
            tell: Box::new(|_| {}),
        };
        match opened {
            Ok(line) => reader.adopt(line),
            Err(error) => {
                reader.reason = Some(error.to_string());
                tell(LineNews::Absent(error));
            }
        }
        reader.tell = tell;
        let mut line = TargetLine::of(reader, ReturningWriter(Arc::clone(&presence)));
        line.presence = Some(presence);
        Ok(line)
    }
}

/// The reading half, which notices a loss and reopens the line.
struct ReturningReader {
    spec: Spec,
    presence: Arc<Presence>,
    reader: Option<Box<dyn Read + Send>>,
    /// What the open line needs to stay open.
    keeper: Option<Box<dyn Send>>,
    /// Reason of the absence, as reported.
    reason: Option<String>,
    look: Duration,
    tell: Tell,
}

impl ReturningReader {
    fn adopt(&mut self, line: TargetLine) {
        let (reader, writer, keeper) = line.split();
        self.keeper = Some(Box::new(keeper));
        *self.presence.writer() = Some(writer);
        self.reader = Some(reader);
        if !matches!(self.spec, Spec::Port { .. }) {
            self.presence.peers.fetch_add(1, Ordering::SeqCst);
        }
        self.presence.is_there.store(true, Ordering::SeqCst);
    }

    /// Tries once to open the line.
    fn look(&mut self) {
        thread::sleep(self.look);
        match TargetLine::open(&self.spec) {
            Ok(line) => {
                self.reason = None;
                self.adopt(line);
                (self.tell)(LineNews::Open);
            }
            Err(error) => {
                let reason = error.to_string();
                if self.reason.as_ref() != Some(&reason) {
                    // The absence of a lost line needs no further report.
                    let is_known = self.reason.is_none() && self.spec.is_absence(&error);
                    self.reason = Some(reason);
                    if !is_known {
                        (self.tell)(LineNews::Absent(error));
                    }
                }
            }
        }
    }

    fn lose(&mut self, why: Option<io::Error>) {
        self.presence.is_there.store(false, Ordering::SeqCst);
        // A port that is still open cannot be opened again.
        *self.presence.writer() = None;
        (self.reader, self.keeper) = (None, None);
        (self.tell)(LineNews::Lost(why));
    }
}

impl Read for ReturningReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(reader) = &mut self.reader else {
                self.look();
                continue;
            };
            match reader.read(into) {
                Ok(0) => self.lose(None),
                Ok(count) => {
                    self.look = LOOK;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => self.lose(Some(error)),
            }
            // Reset by the first byte received.
            self.look = (self.look * 2).min(LONGEST_LOOK);
        }
    }
}

/// The writing half. The reading half reports problems of the line.
struct ReturningWriter(Arc<Presence>);

impl ReturningWriter {
    fn attempt<T>(
        &self,
        dropped: T,
        act: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut held = self.0.writer();
        let Some(writer) = held.as_mut() else {
            return Ok(dropped);
        };
        match act(writer.as_mut()) {
            // The line is open and accepts nothing: reopening does not help.
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                Err(error)
            }
            Err(_) => {
                *held = None;
                Ok(dropped)
            }
            done => done,
        }
    }
}

impl Write for ReturningWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(bytes.len(), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), |writer| writer.flush())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// The line, and its reported changes.
    fn open(spec: &Spec) -> (TargetLine, Receiver<String>) {
        let (sender, news) = channel();
        let tell: Tell = Box::new(move |one| sender.send(one.to_string()).expect("a listener"));
        let line = TargetLine::open_returning(spec, tell).expect("it waits");
        (line, news)
    }

    #[track_caller]
    fn hears(reader: &mut dyn Read, wanted: &[u8]) {
        let mut heard = vec![0; wanted.len()];
        reader.read_exact(&mut heard).expect("it comes back");
        assert_eq!(heard, wanted);
    }

    #[test]
    fn a_socket_that_is_not_there_yet_and_goes_and_comes_back_is_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("line");
        let (line, news) = open(&Spec::Unix(path.clone()));
        let presence = line.presence().expect("it may be absent");
        assert!(!presence.is_there());
        let said = news.recv().expect("a word");
        assert!(said.starts_with("not there (No such file"), "{said}");
        let (mut reader, mut writer, _machine) = line.split();
        writer.write_all(b"no line is open").expect("it is dropped");
        for (round, text) in [&b"first"[..], b"second"].iter().enumerate() {
            let listener = UnixListener::bind(&path).expect("a socket");
            thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut board, _) = listener.accept().expect("a caller");
                    board.write_all(text).expect("it listens");
                    let mut heard = [0; 4];
                    board.read_exact(&mut heard).expect("it speaks");
                    assert_eq!(&heard, b"keys");
                });
                // The second attempt finds that the first connection is closed.
                hears(&mut reader, text);
                assert!(presence.is_there());
                assert_eq!(presence.peers(), round as u64 + 1);
                if round == 1 {
                    let said = news.recv().expect("a word");
                    assert!(
                        said.starts_with("closed by the other end; waiting"),
                        "{said}"
                    );
                }
                assert_eq!(news.recv().expect("a word"), "there");
                writer.write_all(b"keys").expect("it is there");
            });
            drop(listener);
            fs::remove_file(&path).expect("the socket");
        }
    }

    #[test]
    fn what_is_no_line_is_an_error_at_once() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("text").to_owned();
        let spec = Spec::Port { path, baud: 9600 };
        assert!(TargetLine::open_returning(&spec, Box::new(|_| {})).is_err());
        let spec = Spec::Unix("/proc/self/line".repeat(20).into());
        assert!(TargetLine::open_returning(&spec, Box::new(|_| {})).is_err());
    }

    #[test]
    fn a_port_that_nobody_listens_on_is_waited_for() {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = port.local_addr().expect("a port").to_string();
        drop(port);
        let (line, news) = open(&Spec::Tcp(address.clone()));
        let said = news.recv().expect("a word");
        assert!(said.contains("refused"), "{said}");
        let (mut reader, _writer, _machine) = line.split();
        let listener = TcpListener::bind(&address).expect("the port again");
        let board = thread::spawn(move || {
            let (mut board, _) = listener.accept().expect("a caller");
            board.write_all(b"here").expect("it listens");
            board
        });
        hears(&mut reader, b"here");
        drop(board);
    }
}
