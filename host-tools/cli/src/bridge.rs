//! `pagewalk bridge`: page tables for a program that can read memory and knows nothing of them.
//!
//! The program writes a request, a line; reads are asked of it; the answer comes as text. Each
//! line below that begins with `>` is written to us:
//!
//! ```text
//! > walk 0x10000 --satp 0x8000000000080120
//! read 0x80120000 4096
//! > data 01f8060000…
//! text satp 0x8000000000080120: sv39, asid 0, root 0x80120000
//! end
//! ```

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use clap::Parser;
use link::memory::{Ahead, Batch, Cached, ReadError};
use model::Crash;
use pagetable::{Mode, PhysAddr, Satp, Xlen};
use view::explain::Explained;
use view::fields;

use crate::tables::{Open, Writing, decode_satp, number};
use crate::{map, walk};

/// Serve a debugger's plugin: it reads the memory, this knows what page tables mean.
///
/// Requests are lines on standard input: walk, map, satp and explain, each with the options that
/// it lists with --help. What is to be read is asked for with `read ADDR LENGTH …`, and answered
/// with `data HEX …`, a `-` for what cannot be read. An answer is lines of `text`, then `end`, or
/// `error` and why.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  echo 'satp 0x8000000000080120' | pagewalk bridge
In gdb:
  source gdb-plugin/pagewalk.py")]
pub struct Args {}

/// What can be asked for.
#[derive(Parser)]
#[command(no_binary_name = true, name = "", disable_help_subcommand = true)]
enum Request {
    /// Translate one address, level by level, or say why it faults
    Walk {
        /// The virtual address, hexadecimal
        #[arg(value_parser = number)]
        va: u64,
        #[command(flatten)]
        begin: Begin,
    },
    /// List everything the tables map, and what the MMU refuses
    Map {
        #[command(flatten)]
        begin: Begin,
    },
    /// Take a value of satp apart
    Satp {
        /// The value, hexadecimal
        #[arg(value_parser = number)]
        value: u64,
        #[command(flatten)]
        writing: Writing,
    },
    /// Say why a hart trapped, and how the address is translated
    Explain {
        #[arg(long, value_parser = number)]
        scause: u64,
        #[arg(long, value_parser = number)]
        sepc: u64,
        #[arg(long, value_parser = number)]
        stval: u64,
        #[arg(long, value_parser = number)]
        sp: Option<u64>,
        #[arg(long, value_parser = number)]
        ra: Option<u64>,
        #[command(flatten)]
        begin: Begin,
    },
}

/// Which tables.
#[derive(clap::Args)]
struct Begin {
    /// Value of the satp register
    #[arg(long, value_name = "VALUE", value_parser = number)]
    satp: u64,
    #[command(flatten)]
    writing: Writing,
}

impl Begin {
    fn satp(&self) -> anyhow::Result<(Satp, Xlen)> {
        let xlen = self.writing.xlen()?.unwrap_or(Xlen::Rv64);
        Ok((decode_satp(self.satp, xlen, self.writing.mode)?, xlen))
    }

    fn open(&self, pipe: &Pipe) -> anyhow::Result<Open> {
        let (satp, _) = self.satp()?;
        let ahead = Ahead::new(pipe.clone(), satp);
        Ok(Open {
            memory: Cached::new(Box::new(ahead)),
            satp,
            dialect: None,
        })
    }
}

/// Answers requests until the input ends.
pub fn run(_: Args) -> anyhow::Result<()> {
    let pipe = Pipe(Arc::new(Mutex::new(Ends {
        input: BufReader::new(io::stdin()),
        output: io::stdout(),
    })));
    loop {
        let Some(line) = pipe.lock().line()? else {
            return Ok(());
        };
        let words = line.split_whitespace();
        if words.clone().next().is_none() {
            continue;
        }
        let answer = match Request::try_parse_from(words) {
            Ok(request) => answer(request, &pipe).map_err(|error| format!("{error:#}")),
            // Help is an answer too.
            Err(error) if !error.use_stderr() => Ok(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let (lines, last) = match &answer {
            Ok(text) => (&**text, "end".to_owned()),
            Err(error) => ("", format!("error {}", one_line(error))),
        };
        let lines = lines.lines().map(|line| format!("text {line}\n"));
        let all: String = lines.chain([last + "\n"]).collect();
        pipe.lock().say(&all)?;
    }
}

/// An error's first paragraph, in one line.
fn one_line(error: &str) -> String {
    let first = error.split("\n\n").next().unwrap_or(error);
    let first = first.trim().trim_start_matches("error: ");
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn answer(request: Request, pipe: &Pipe) -> anyhow::Result<String> {
    let mut out = Vec::new();
    match request {
        Request::Walk { va, begin } => {
            let walked = walk::of(begin.open(pipe)?, &begin.writing, va)?;
            view::walk::table(&mut out, &walked)?;
        }
        Request::Map { begin } => {
            let space = map::of(begin.open(pipe)?, &begin.writing)?;
            view::map::table(&mut out, &space)?;
        }
        Request::Satp { value, writing } => {
            let xlen = writing.xlen()?.unwrap_or(Xlen::Rv64);
            fields::table(&mut out, &fields::satp(value, xlen))?;
        }
        Request::Explain {
            scause,
            sepc,
            stval,
            sp,
            ra,
            begin,
        } => {
            let (satp, xlen) = begin.satp()?;
            let crash = Crash {
                scause: Some(scause),
                sepc: Some(sepc),
                stval: Some(stval),
                sp,
                ra,
                satp: Some(begin.satp),
                ..Crash::default()
            };
            let explained = Explained {
                crash: &crash,
                xlen,
                names: &|_| None,
            };
            view::explain::table(&mut out, &explained)?;
            if satp.mode != Mode::Bare && crash.is_about_an_address(xlen) {
                let walked = walk::of(begin.open(pipe)?, &begin.writing, stval)?;
                out.push(b'\n');
                view::walk::table(&mut out, &walked)?;
            }
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Whoever asks, and reads memory for us.
#[derive(Clone)]
struct Pipe(Arc<Mutex<Ends>>);

struct Ends {
    input: BufReader<io::Stdin>,
    output: io::Stdout,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(|held| held.into_inner())
    }
}

impl Ends {
    /// The next line; `None` at the end of the input.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let length = self.input.read_line(&mut line)?;
        Ok((length > 0).then_some(line))
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    fn ask(&mut self, wanted: &[(PhysAddr, usize)]) -> io::Result<Vec<Option<Vec<u8>>>> {
        let list: String = wanted
            .iter()
            .map(|(at, bytes)| format!(" {:#x} {bytes}", at.raw()))
            .collect();
        self.say(&format!("read{list}\n"))?;
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

impl Batch for Pipe {
    fn read_all(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        self.lock().ask(wanted).map_err(ReadError::Pipe)
    }
}
