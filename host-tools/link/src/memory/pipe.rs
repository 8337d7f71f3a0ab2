//! The pipe between the bridge and whoever reads memory for it.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use pagetable::PhysAddr;

use super::{BatchRead, ReadError, Span, memory_map, memory_regions, memory_tree};

/// Whoever asks, and reads memory for us.
#[derive(Clone)]
pub struct Pipe(Arc<Mutex<PipeEnds>>);

struct PipeEnds {
    input: BufReader<io::Stdin>,
    output: io::Stdout,
}

impl Pipe {
    /// Our own two ends.
    pub fn standard() -> Pipe {
        Pipe(Arc::new(Mutex::new(PipeEnds {
            input: BufReader::new(io::stdin()),
            output: io::stdout(),
        })))
    }

    /// The next line; `None` at the end of the input.
    pub fn line(&self) -> io::Result<Option<String>> {
        self.lock().line()
    }

    /// Writes whole lines.
    pub fn write(&self, text: &str) -> io::Result<()> {
        self.lock().write(text)
    }

    /// What is memory at the other end; `None` where everything that can be read is.
    pub fn memory(&self) -> io::Result<Option<Vec<Span>>> {
        let mut ends = self.lock();
        ends.write("memory\n")?;
        let line = ends.line()?.ok_or(ErrorKind::UnexpectedEof)?;
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
    /// The next line; `None` at the end of the input.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let length = self.input.read_line(&mut line)?;
        Ok((length > 0).then_some(line))
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
        let line = self.line()?.ok_or(ErrorKind::UnexpectedEof)?;
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

/// Bytes written as pairs of digits; `None` for anything else, as `-` is.
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
