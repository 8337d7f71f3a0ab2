//! A line that is not there yet, and one that goes and comes back: each command that stays on a
//! line waits for it, says so, and can be ended while it waits.
//!
//! The lines are sockets and terminals of this test, which go and come when the program has said
//! that it noticed.

#[expect(dead_code, reason = "whatever rate is set, it is received")]
mod adapter;
#[path = "disturbed/board.rs"]
mod board;
#[path = "disturbed/stub.rs"]
mod stub;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use adapter::AdapterTerminal;
use link::recording::{Blocks, ReceivedBytes};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Nothing here takes time: this is for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Every command that stays on a line; `LINE` and `FILE` stand for what is made for each run.
const VERBS: [&str; 4] = [
    "monitor LINE --no-time",
    "dash LINE --silent",
    "record LINE FILE --silent",
    "connect LINE --gdb-port 0 --port 0 --record FILE",
];

/// What a program has said so far, on both of its outputs.
#[derive(Clone, Default)]
struct Said(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Said {
    fn listen(&self, mut from: impl Read + Send + 'static) {
        let said = self.clone();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                said.0.0.lock().expect("text").extend(&piece[..count]);
                said.0.1.notify_all();
            }
        });
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().expect("text")).into_owned()
    }

    /// Waits until it has said this so often.
    #[track_caller]
    fn until(&self, wanted: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.0.0.lock().expect("text");
        loop {
            let text = String::from_utf8_lossy(&said);
            if text.matches(wanted).count() >= times {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{wanted:?} was not said {times} times: {text}"
            );
            said = self.0.1.wait_timeout(said, left).expect("text").0;
        }
    }
}

struct Run {
    program: Child,
    said: Said,
    file: PathBuf,
    _folder: TempDir,
}

/// What a recording has of the board's output so far.
fn received(recording: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ReceivedBytes::new(Blocks::open(recording)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Run {
    fn of(verb: &str, line: &str) -> Run {
        Run::with_input(verb, line, Stdio::piped())
    }

    fn with_input(verb: &str, line: &str, input: Stdio) -> Run {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("run.pwlog");
        let word = |word: &str| match word {
            "LINE" => line.to_owned(),
            "FILE" => file.display().to_string(),
            word => word.to_owned(),
        };
        let mut program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(verb.split(' ').map(word))
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pagewalk starts");
        let said = Said::default();
        said.listen(program.stdout.take().expect("a pipe"));
        said.listen(program.stderr.take().expect("a pipe"));
        Run {
            program,
            said,
            file,
            _folder: folder,
        }
    }

    /// Waits until the board's text has arrived where this command puts it.
    #[track_caller]
    fn shows(&self, text: &str) {
        if !self.file.exists() {
            return self.said.until(text, 1);
        }
        let deadline = Instant::now() + PATIENCE;
        let holds = || {
            let kept = received(&self.file).unwrap_or_default();
            memchr::memmem::find(&kept, text.as_bytes()).is_some()
        };
        while !holds() {
            assert!(Instant::now() < deadline, "{text:?}: {}", self.said.text());
            thread::yield_now();
        }
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.program), Signal::INT).expect("it runs");
    }

    #[track_caller]
    fn ends(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.program.try_wait().expect("a program") {
                return status;
            }
            assert!(Instant::now() < deadline, "{}", self.said.text());
            thread::yield_now();
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A line that can be plugged in and pulled out.
trait Plug {
    /// The board's end, while it is plugged in.
    type Board: Write;
    fn spec(&self) -> String;
    fn plug_in(&self) -> Self::Board;
    fn pull_out(&self, board: Self::Board);
}

struct Socket(PathBuf);

impl Plug for Socket {
    type Board = UnixStream;

    fn spec(&self) -> String {
        format!("unix:{}", self.0.display())
    }

    fn plug_in(&self) -> UnixStream {
        let listener = UnixListener::bind(&self.0).expect("a socket");
        listener.accept().expect("a caller").0
    }

    fn pull_out(&self, board: UnixStream) {
        fs::remove_file(&self.0).expect("the socket");
        drop(board);
    }
}

/// A serial adapter's name.
struct Adapter(PathBuf);

impl Plug for Adapter {
    type Board = AdapterTerminal;

    fn spec(&self) -> String {
        format!("{}@115200", self.0.display())
    }

    fn plug_in(&self) -> AdapterTerminal {
        AdapterTerminal::new().plug_in(&self.0)
    }

    fn pull_out(&self, board: AdapterTerminal) {
        board.pull_out(&self.0);
    }
}

#[track_caller]
fn comes_goes_and_comes_back(plug: &impl Plug) {
    for verb in VERBS {
        let mut run = Run::of(verb, &plug.spec());
        run.said.until("not there (No such file or directory", 1);
        for (round, text) in ["the first board\r\n", "the second board\r\n"]
            .iter()
            .enumerate()
        {
            let mut board = plug.plug_in();
            run.said.until(": there", round + 1);
            board.write_all(text.as_bytes()).expect("it listens");
            run.shows(text.trim_end());
            plug.pull_out(board);
            run.said.until("waiting for it", round + 2);
        }
        // It waits again, and Ctrl-C ends it.
        run.interrupt();
        let code = run.ends().code();
        assert!(matches!(code, Some(0 | 130)), "{verb}: {code:?}");
    }
}

#[test]
fn a_socket_that_is_not_there_yet_goes_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    comes_goes_and_comes_back(&Socket(folder.path().join("line")));
}

#[test]
fn a_serial_adapter_that_is_not_there_yet_goes_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    comes_goes_and_comes_back(&Adapter(folder.path().join("ttyUSB0")));
}

#[test]
fn with_once_a_line_that_is_not_there_is_an_error_and_its_end_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let plug = Socket(folder.path().join("line"));
    for verb in VERBS {
        let verb = format!("{verb} --once");
        let mut run = Run::of(&verb, &plug.spec());
        assert_eq!(run.ends().code(), Some(1), "{verb}: {}", run.said.text());
        run.said.until("error: ", 1);
        let listener = UnixListener::bind(&plug.0).expect("a socket");
        let mut run = Run::of(&verb, &plug.spec());
        let (mut board, _) = listener.accept().expect("a caller");
        board.write_all(b"a board\r\n").expect("it listens");
        run.shows("a board");
        fs::remove_file(&plug.0).expect("the socket");
        // What was said to it is taken first: else the end would be a reset.
        board.shutdown(Shutdown::Write).expect("it listens");
        board.read_to_end(&mut Vec::new()).expect("an end");
        assert_eq!(run.ends().code(), Some(0), "{verb}: {}", run.said.text());
        assert!(!run.said.text().contains("waiting"), "{verb}");
    }
}

#[test]
fn what_is_no_line_at_all_is_an_error_and_not_waited_for() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for verb in VERBS {
        let mut run = Run::of(verb, &format!("{}@115200", file.path().display()));
        assert_eq!(run.ends().code(), Some(1), "{verb}: {}", run.said.text());
    }
}

/// In a terminal Ctrl-C is a key for the board, but only as long as there is one.
#[test]
fn ctrl_c_typed_in_the_monitor_ends_the_waiting_and_else_reaches_the_board() {
    let folder = tempfile::tempdir().expect("a folder");
    let plug = Socket(folder.path().join("line"));
    let mut keyboard = AdapterTerminal::new();
    let mut run = Run::with_input(VERBS[0], &plug.spec(), keyboard.end());
    run.said.until("not there", 1);
    let mut board = plug.plug_in();
    run.said.until(": there", 1);
    keyboard.write_all(b"\x03").expect("a key");
    let mut key = [0];
    board.read_exact(&mut key).expect("it arrives");
    assert_eq!(key, [3]);
    plug.pull_out(board);
    run.said.until("waiting for it", 2);
    keyboard.write_all(b"\x03").expect("a key");
    assert_eq!(run.ends().code(), Some(130), "{}", run.said.text());
}

/// Serves one caller, until the board is cut off; the caller's end of the line.
fn board_of_ours(listener: &TcpListener) -> TcpStream {
    let (line, _) = listener.accept().expect("a caller");
    let cut = line.try_clone().expect("a socket");
    thread::spawn(move || board::serve(line));
    cut
}

/// A session restarts with a board that has come back: its faults are sent again.
#[test]
fn a_board_of_ours_that_comes_back_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let line = format!("tcp://{}", listener.local_addr().expect("a port"));
    let mut run = Run::of("record LINE FILE", &line);
    for round in 0..2 {
        let cut = board_of_ours(&listener);
        if round == 1 {
            run.said.until(": there", 1);
        }
        asked_for_tasks(&run.file, round + 1);
        cut.shutdown(Shutdown::Both).expect("it was open");
        run.said.until("waiting for it", round + 1);
    }
    run.interrupt();
    assert_eq!(run.ends().code(), Some(0), "{}", run.said.text());
    let said = run.said.text();
    assert!(said.contains(" 0 lost"), "{said}");
}

/// Waits until so many boards have answered with their tasks, as the recording shows.
#[track_caller]
fn asked_for_tasks(recording: &Path, boards: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let kept = received(recording).unwrap_or_default();
        // Each session begins with a welcome, which names the board; then its tasks come.
        let welcomes: Vec<usize> = memchr::memmem::find_iter(&kept, b"none").collect();
        let tasks = memchr::memmem::rfind(&kept, b"touch_test");
        if welcomes.len() >= boards && tasks > welcomes.get(boards - 1).copied() {
            return;
        }
        assert!(Instant::now() < deadline, "{} welcomes", welcomes.len());
        thread::yield_now();
    }
}

/// A board that is off when the recording begins, and on later.
#[test]
fn a_board_that_does_not_answer_yet_is_called_on_and_with_once_it_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let line = format!("tcp://{}", listener.local_addr().expect("a port"));
    let mut once = Run::of("record LINE FILE --once", &line);
    let silent = listener.accept().expect("a caller");
    assert_eq!(once.ends().code(), Some(1));
    once.said.until("error: ", 1);
    once.said.until("no answer within", 1);
    drop(silent);
    let mut run = Run::of("record LINE FILE", &line);
    let (silent, _) = listener.accept().expect("a caller");
    run.said.until("no answer within", 1);
    thread::spawn(move || board::serve(silent));
    asked_for_tasks(&run.file, 1);
    run.interrupt();
    assert_eq!(run.ends().code(), Some(0), "{}", run.said.text());
}
