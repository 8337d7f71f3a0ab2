//! A gdb stub that lies: what it says is written in a script, and it is honest otherwise.
//!
//! A script has a line for each answer. Its first letter says how the rest of it goes out:
//! `=` as a packet, `#` with a wrong sum, `<` cut off, `!` as it is, `.` not at all; `~` as a packet
//! and `^` as it is, again and again without end, whatever is asked. Anything else is an honest answer,
//! as are all answers that the script does not list.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use link::gdb::Stub;
use link::memory::{BatchRead, Cached, PhysRange, Prefetch, RamOnly};
use pagetable::{Dialect, Mode, PhysAddr, Satp};

use super::BASE;

/// At most this many bytes are read of one stub.
const MOST_BYTES: usize = 64 << 20;
/// Nor asks it more.
const MOST_QUESTIONS: u64 = 200_000;

static STOP: AtomicBool = AtomicBool::new(false);

/// Both ends of a line.
#[derive(Default)]
struct ScriptState {
    script: VecDeque<Vec<u8>>,
    /// What the client wrote and is no whole question yet.
    heard: Vec<u8>,
    said: VecDeque<u8>,
    /// What is sent without end.
    endless: Vec<u8>,
    taken: usize,
    questions: u64,
}

#[derive(Clone)]
struct Liar(Arc<Mutex<ScriptState>>);

impl Read for Liar {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock().expect("no panic");
        if state.said.is_empty() {
            let times = 4096 / state.endless.len().max(1);
            let again = state.endless.repeat(times.max(1));
            state.said.extend(again);
        }
        let bytes = into.len().min(state.said.len());
        state.taken += bytes;
        assert!(state.taken <= MOST_BYTES, "it listens without end");
        for (byte, said) in into.iter_mut().zip(state.said.drain(..bytes)) {
            *byte = said;
        }
        Ok(bytes)
    }
}

impl Write for Liar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().expect("no panic");
        for byte in bytes {
            state.heard.push(*byte);
            let is_whole = state.heard.iter().rev().nth(2) == Some(&b'#');
            if is_whole {
                let heard = std::mem::take(&mut state.heard);
                let question = heard.split(|byte| *byte == b'$').next_back();
                let question = question.unwrap_or_default();
                let question = String::from_utf8_lossy(&question[..question.len() - 3]);
                answer(&mut state, &question);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn packet(text: &[u8]) -> Vec<u8> {
    let sum = text.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [b"+$", text, format!("#{sum:02x}").as_bytes()].concat()
}

fn answer(state: &mut ScriptState, question: &str) {
    state.questions += 1;
    assert!(state.questions <= MOST_QUESTIONS, "it asks without end");
    if !state.endless.is_empty() {
        return;
    }
    let line = state.script.pop_front().unwrap_or_default();
    let (how, rest) = line.split_first().unwrap_or((&b' ', &[]));
    let whole = packet(rest);
    let bytes = match how {
        b'=' => whole,
        b'#' => [b"+$", rest, b"#zz"].concat(),
        b'<' => whole[..whole.len() / 2].to_vec(),
        b'!' => rest.to_vec(),
        b'~' => {
            state.endless = whole;
            Vec::new()
        }
        b'^' => {
            state.endless = rest.to_vec();
            Vec::new()
        }
        b'.' => Vec::new(),
        _ => packet(honest(question).as_bytes()),
    };
    state.said.extend(bytes);
}

/// What a stub of QEMU's kind would say: one page of a table that leads to itself and its like.
fn honest(question: &str) -> String {
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
    if let Some((at, length)) = question.strip_prefix('m').and_then(|it| it.split_once(',')) {
        let page = |at: u64| BASE / 4096 + at % 7;
        // Four entries of each table: with all of them most of the time goes into judging them.
        let byte = |at: u64| match at % 4096 {
            within @ 0..32 => (page(at / 8) << 10 | 1).to_le_bytes()[within as usize % 8],
            _ => 0,
        };
        let length = hex(length).min(4096);
        let at = hex(at);
        return (0..length)
            .map(|offset| format!("{:02x}", byte(at.wrapping_add(offset))))
            .collect();
    }
    let target = "l<target><reg name=\"pc\" bitsize=\"64\" regnum=\"32\"/>\
                  <reg name=\"satp\" bitsize=\"64\" regnum=\"449\"/></target>";
    match question {
        "?" => "T05thread:p1.1;".to_owned(),
        "qqemu.PhyMemMode" => "0".to_owned(),
        "p1c1" => "0000080000000080".to_owned(),
        "p20" => "0000008000000000".to_owned(),
        _ if question.starts_with("qSupported") => {
            "PacketSize=1000;QStartNoAckMode+;qXfer:memory-map:read+".to_owned()
        }
        _ if question.starts_with("qXfer:features:read:target.xml") => target.to_owned(),
        _ if question.starts_with("qXfer:memory-map") => "l<memory-map><memory type=\"ram\" \
            start=\"0x80000000\" length=\"0x8000000\"/></memory-map>"
            .to_owned(),
        _ if question.starts_with('Q') || question.starts_with('D') => "OK".to_owned(),
        _ => String::new(),
    }
}

/// All that is asked of a stub, of one that follows this script. It answers how many questions
/// were asked, if there was a stub at all.
pub fn stub(script: &[u8]) -> Option<u64> {
    let lines = script.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    let liar = Liar(Arc::new(Mutex::new(ScriptState {
        script: lines.collect(),
        ..ScriptState::default()
    })));
    let mut stub = Stub::over(Box::new(liar.clone()), Box::new(liar.clone()), &STOP).ok()?;
    let ram = stub.memory().unwrap_or_default();
    assert!(ram.iter().all(|span| span.first <= span.last));
    let _ = stub.xlen();
    let satp = stub.register("satp").unwrap_or(8 << 60 | BASE >> 12);
    // Answers are as long as they were asked to be, or are none.
    let wanted = [(PhysAddr::new(BASE), 4096), (PhysAddr::new(!0), 16)];
    if let Ok(read) = stub.read_all(&wanted) {
        let is_exact = |(read, wanted): (&Option<Vec<u8>>, &(PhysAddr, usize))| {
            read.as_ref().is_none_or(|read| read.len() == wanted.1)
        };
        assert!(read.len() == wanted.len() && read.iter().zip(&wanted).all(is_exact));
    }
    let satp = Satp::decode(satp, pagetable::Xlen::Rv64).unwrap_or(Satp {
        mode: Mode::Sv39,
        asid: 0,
        root: PhysAddr::new(BASE),
    });
    let known = PhysRange::of(BASE, 1 << 27).into_iter().collect();
    let mut memory = Cached::new(Prefetch::new(RamOnly::new(stub, known), &[satp]));
    super::see(&mut memory, satp.root.raw(), satp.mode, Dialect::None);
    let _ = memory.take_failure();
    drop(memory);
    let questions = liar.0.lock().expect("no panic").questions;
    Some(questions)
}
