//! The pipe between `pagewalk bridge` and the caller that reads memory for it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use pagetable::PhysAddr;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{BatchRead, PhysRange, ReadError, memory_map, memory_regions, memory_tree};

/// Time limit for one request, from its start to the end of the answer's line: the caller may read pages
/// through a debugger and a slow serial line.
const PATIENCE: Duration = Duration::from_secs(60);

/// The caller's end of the pipe.
#[derive(Clone)]
pub struct Pipe(Arc<Mutex<PipeEnds>>);

struct PipeEnds {
    /// Not `io::Stdin`: `poll` cannot see what that has buffered.
    input: BufReader<File>,
    output: Box<dyn Write + Send>,
    patience: Duration,
}

impl Pipe {
    /// The pipe on stdin and stdout.
    pub fn standard() -> io::Result<Pipe> {
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Pipe(Arc::new(Mutex::new(PipeEnds {
            input: BufReader::new(input),
            output: Box::new(io::stdout()),
            patience: PATIENCE,
        }))))
    }

    /// The next line; `None` at the end of the input.
    pub fn line(&self) -> io::Result<Option<String>> {
        self.lock().line()
    }

    /// Writes complete lines.
    pub fn write(&self, text: &str) -> io::Result<()> {
        self.lock().write(text)
    }

    /// The caller's RAM; `None` if it permits all addresses.
    pub fn memory(&self) -> io::Result<Option<Vec<PhysRange>>> {
        let mut ends = self.lock();
        ends.write("memory\n")?;
        let line = ends.answer()?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["all"] => Ok(None),
            ["data", text] => {
                let text = bytes(text).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let mut spans = memory_tree(&text);
                spans.extend(memory_map(&text));
                spans.extend(memory_regions(&text));
                Ok(Some(spans))
            }
            ["stop", ..] => Err(io::Error::other("it was interrupted")),
            _ => Ok(Some(Vec::new())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, PipeEnds> {
        self.0.lock().unwrap_or_else(|held| held.into_inner())
    }
}

impl PipeEnds {
    /// The next line; `None` at the end of the input. Invalid UTF-8 becomes characters that no request
    /// contains.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let length = self.input.read_until(b'\n', &mut line)?;
        Ok((length > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
    }

    /// The answer to the last request. Waiting for a request has no time limit; waiting for an answer has.
    fn answer(&mut self) -> io::Result<String> {
        let deadline = Instant::now() + self.patience;
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            if self.input.buffer().is_empty() {
                self.wait(deadline)?;
            }
            let held = self.input.fill_buf()?;
            if held.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let end = memchr::memchr(b'\n', held);
            let count = end.map_or(held.len(), |end| end + 1);
            line.extend_from_slice(&held[..count]);
            self.input.consume(count);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Waits for input until the deadline.
    fn wait(&self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let time = Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut ready = [PollFd::new(self.input.get_ref(), PollFlags::IN)];
            match poll(&mut ready, Some(&time)) {
                Ok(1..) if !left.is_zero() => return Ok(()),
                Ok(_) if left.is_zero() => {
                    let what = format!("no answer within {} s", self.patience.as_secs());
                    return Err(io::Error::new(ErrorKind::TimedOut, what));
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    fn ask(&mut self, wanted: &[(PhysAddr, usize)]) -> io::Result<Vec<Option<Vec<u8>>>> {
        let list: String = wanted
            .iter()
            .map(|(at, bytes)| format!(" {:#x} {bytes}", at.raw()))
            .collect();
        self.write(&format!("read{list}\n"))?;
        let line = self.answer()?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.split_first() {
            Some((&"data", parts)) if parts.len() == wanted.len() => {
                Ok(parts.iter().map(|part| bytes(part)).collect())
            }
            Some((&"stop", _)) => Err(io::Error::other("it was interrupted")),
            _ => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("`data` and {} values were expected", wanted.len()),
            )),
        }
    }
}

/// Decodes pairs of hexadecimal digits; `None` for anything else, such as `-`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?;
        u8::from_str_radix(text, 16).ok()
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

impl BatchRead for Pipe {
    fn read_all(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        self.lock().ask(wanted).map_err(ReadError::Pipe)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    fn ends(patience: Duration) -> (PipeEnds, io::PipeWriter) {
        let (reader, writer) = io::pipe().expect("a pipe");
        let ends = PipeEnds {
            input: BufReader::new(File::from(OwnedFd::from(reader))),
            output: Box::new(io::sink()),
            patience,
        };
        (ends, writer)
    }

    #[test]
    fn an_answer_that_never_comes_or_never_ends_is_given_up() {
        for part in ["", "data 00"] {
            let (mut ends, mut writer) = ends(Duration::from_millis(20));
            writer.write_all(part.as_bytes()).expect("a pipe");
            let asked = ends.ask(&[(PhysAddr::new(0), 1)]);
            let error = asked.expect_err("the other end is silent");
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{part}");
        }
    }

    #[test]
    fn an_answer_in_parts_is_an_answer_and_bytes_that_are_no_text_are_none() {
        let (mut ends, mut writer) = ends(PATIENCE);
        writer.write_all(b"data 0").expect("a pipe");
        let late = std::thread::spawn(move || writer.write_all(b"7 -\ndata \xff\xe9\n"));
        let wanted = [(PhysAddr::new(0), 1), (PhysAddr::new(8), 1)];
        let read = ends.ask(&wanted).expect("an answer");
        assert_eq!(read, [Some(vec![7]), None]);
        let read = ends.ask(&wanted[..1]).expect("an answer");
        assert_eq!(read, [None]);
        late.join().expect("no panic").expect("a pipe");
        let gone = ends.ask(&wanted[..1]).expect_err("the other end is closed");
        assert_eq!(gone.kind(), ErrorKind::UnexpectedEof);
    }
}
