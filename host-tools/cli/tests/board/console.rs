//! One serial line: what came over it, and waiting for what is to come.
//!
//! A thread reads the line into a channel, so a wait ends the moment its text
//! arrives. All that was received is kept, because a recorded line is itself
//! an input (of `pagewalk faults`), and because a failure has to show its past.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long a text may take before the test fails: generous, since the machine
/// may be busy with other tests, and never reached when things work.
const PATIENCE: Duration = Duration::from_secs(150);

/// How many lines a failure shows.
const SHOWN_LINES: usize = 40;

/// A program on the other end of a line, stopped when this goes out of scope.
pub struct BoardConsole {
    child: Child,
    incoming: Receiver<Piece>,
    /// Every byte, as it came.
    heard: Vec<u8>,
    /// The same without the frames, which begin and end with a zero.
    text: Vec<u8>,
    in_frame: bool,
    /// What the program said of itself, on its standard error: never part of the line.
    remarks: Vec<u8>,
    /// Everything in the text before this has been waited for already.
    seen: usize,
    /// Everything before this is known to hold no cry of panic.
    calm: usize,
}

impl BoardConsole {
    /// Starts `command` with its standard input and output as the line; what it
    /// prints on standard error is received too, so that a refusal to start is shown.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {command:?}: {error}; run `./setup --tests`")
            });
        let (sender, incoming) = channel();
        let (said, remarked) = (child.stdout.take(), child.stderr.take());
        listen(said.expect("stdout was piped"), sender.clone(), Piece::Said);
        listen(remarked.expect("stderr was piped"), sender, Piece::Remarked);
        Self {
            child,
            incoming,
            heard: Vec::new(),
            text: Vec::new(),
            in_frame: false,
            remarks: Vec::new(),
            seen: 0,
            calm: 0,
        }
    }

    /// Waits for `text` and returns what came before it, since the last wait.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_within(text, PATIENCE)
    }

    /// As [`BoardConsole::expect`], with a deadline of its own.
    #[track_caller]
    pub fn expect_within(&mut self, text: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        let mut from = self.seen;
        loop {
            if let Some(at) = find(&self.text, &mut from, text.as_bytes()) {
                let before = self.text[self.seen..at].to_vec();
                self.seen = at + text.len();
                return String::from_utf8_lossy(&before).into_owned();
            }
            if let Err(why) = self.hear_until(deadline) {
                panic!("{text:?} never came: {why}\n{}", self.last_lines());
            }
        }
    }

    /// Waits for one of these texts, whichever comes first, and returns which and what came before it.
    #[track_caller]
    pub fn expect_any<'a>(&mut self, texts: &[&'a str]) -> (&'a str, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = &self.text[self.seen..];
            let found = texts.iter().filter_map(|text| {
                let at = find(seen, &mut 0, text.as_bytes())?;
                Some((at, *text))
            });
            if let Some((at, text)) = found.min() {
                let before = String::from_utf8_lossy(&seen[..at]).into_owned();
                self.seen += at + text.len();
                return (text, before);
            }
            if let Err(why) = self.hear_until(deadline) {
                panic!("none of {texts:?} came: {why}\n{}", self.last_lines());
            }
        }
    }

    /// Whether `text` comes within that time: for who has something to do until it does.
    #[track_caller]
    pub fn hears(&mut self, text: &str, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut from = self.seen;
        loop {
            if let Some(at) = find(&self.text, &mut from, text.as_bytes()) {
                self.seen = at + text.len();
                return true;
            }
            match self.hear_until(deadline) {
                Ok(()) => {}
                Err(Silence::TooLate) => return false,
                Err(why) => panic!("{text:?} never came: {why}\n{}", self.last_lines()),
            }
        }
    }

    /// Waits for the program to end by itself, and for the rest of its words.
    #[track_caller]
    pub fn expect_end(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.hear_until(deadline) {
                Ok(()) => {}
                Err(Silence::Ended) => break,
                Err(why) => panic!("it did not end: {why}\n{}", self.last_lines()),
            }
        }
        let rest = self.text[self.seen..].to_vec();
        self.seen = self.text.len();
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        let line = self.child.stdin.as_mut().expect("stdin was piped");
        if let Err(error) = line.write_all(bytes).and_then(|()| line.flush()) {
            panic!("cannot type: {error}\n{}", self.last_lines());
        }
    }

    /// Types a line and presses Enter, as a terminal does: with a carriage return.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) {
        self.send(format!("{line}\r").as_bytes());
    }

    /// Types a line, waits until the prompt is back, and returns the answer.
    ///
    /// The echo, however the far end draws it, ends with the newline of the Enter
    /// key; what lies between that and the next prompt is the answer.
    #[track_caller]
    pub fn ask(&mut self, line: &str, prompt: &str) -> String {
        self.type_line(line);
        self.expect("\n");
        self.expect(prompt)
    }

    /// Waits until anything at all comes.
    #[track_caller]
    pub fn hear_more(&mut self) {
        if let Err(why) = self.hear_until(Instant::now() + PATIENCE) {
            panic!("nothing came any more: {why}\n{}", self.last_lines());
        }
    }

    /// Every byte received so far, waited for or not.
    pub fn transcript(&self) -> &[u8] {
        &self.heard
    }

    /// All text received so far, without the frames between it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// Takes in one more piece of the line, or says why none came.
    fn hear_until(&mut self, deadline: Instant) -> Result<(), Silence> {
        let left = deadline.saturating_duration_since(Instant::now());
        let piece = self
            .incoming
            .recv_timeout(left)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => Silence::TooLate,
                RecvTimeoutError::Disconnected => Silence::Ended,
            })?;
        self.take(piece);
        self.look_for_panic(deadline)
    }

    /// Keeps a piece of the line, and what of it is text.
    fn take(&mut self, piece: Piece) {
        let bytes = match piece {
            Piece::Said(bytes) => bytes,
            Piece::Remarked(bytes) => return self.remarks.extend_from_slice(&bytes),
        };
        self.heard.extend_from_slice(&bytes);
        for byte in bytes {
            match byte {
                0 => self.in_frame = !self.in_frame,
                _ if self.in_frame => {}
                _ => self.text.push(byte),
            }
        }
    }

    /// A panic ends every wait at once; its line is read to the end first.
    fn look_for_panic(&mut self, deadline: Instant) -> Result<(), Silence> {
        let new = self.text[self.calm..].to_ascii_lowercase();
        if find(&new, &mut 0, b"panic").is_none() {
            self.calm = self
                .text
                .len()
                .saturating_sub(b"panic".len())
                .max(self.calm);
            return Ok(());
        }
        while !self.text[self.calm..].contains(&b'\n') {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.incoming.recv_timeout(left.min(Duration::from_secs(2))) {
                Ok(piece) => self.take(piece),
                Err(_) => break,
            }
        }
        self.calm = self.text.len();
        Err(Silence::Panicked)
    }

    /// The end of the transcript, as a failure shows it.
    fn last_lines(&self) -> String {
        let text = String::from_utf8_lossy(&self.text).replace('\r', "");
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(SHOWN_LINES);
        let mut shown = format!(
            "---- the last {} of {} lines ----\n",
            lines.len() - from,
            lines.len()
        );
        for line in &lines[from..] {
            shown.push_str(line);
            shown.push('\n');
        }
        shown.push_str(&String::from_utf8_lossy(&self.remarks));
        shown
    }
}

impl Drop for BoardConsole {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing left to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Some bytes, and which way they came.
enum Piece {
    Said(Vec<u8>),
    Remarked(Vec<u8>),
}

/// Why a wait ended without its text.
#[derive(Debug)]
enum Silence {
    TooLate,
    Ended,
    Panicked,
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Silence::TooLate => "the deadline passed",
            Silence::Ended => "the program on the line ended",
            Silence::Panicked => "it panicked",
        })
    }
}

/// Reads one stream to its end on a thread of its own.
fn listen(
    mut stream: impl Read + Send + 'static,
    sender: Sender<Piece>,
    kind: fn(Vec<u8>) -> Piece,
) {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            if sender.send(kind(piece[..length].to_vec())).is_err() {
                break;
            }
        }
    });
}

/// The place of `needle` at or behind `from`, which goes on so that no byte is looked at again: a log of thousands of lines
/// comes in thousands of pieces.
fn find(haystack: &[u8], from: &mut usize, needle: &[u8]) -> Option<usize> {
    let rest = &haystack[*from..];
    let found = rest
        .windows(needle.len())
        .position(|window| window == needle);
    match found {
        Some(at) => Some(*from + at),
        None => {
            *from = haystack.len().saturating_sub(needle.len() - 1).max(*from);
            None
        }
    }
}
