//! The host asks, we read: memory, tasks, the fault log. Nothing cleverer, and nothing is
//! changed by looking.

use abi::{Error, dialect_number};
use pagetable::{PhysAddr, Satp};
use wire::reliable::CHUNK;
use wire::{AnswerWriter, Ask, BatchWriter, TaskRecord, WordsWriter};

use super::memory_access;
use crate::mm::table;
use crate::platform::Platform;
use crate::system::System;
use crate::task::SchedState;

/// Words read at a time.
const WORDS: usize = 32;
/// Room for records beside the answer's own two numbers.
const RECORDS: usize = CHUNK - 20;

/// Answers every question that waits, as far as the answers have room.
pub fn serve<P: Platform>(system: &mut System<P>) {
    let mut question = [0; 256];
    while let Some(length) = system.console.ask(&mut question) {
        let mut room = [0; CHUNK];
        let answer = match Ask::decode(&question[..length]) {
            Ok((id, ask)) => answer(system, id, ask, &mut room),
            // The host would not know what this answers.
            Err(_) => None,
        };
        system.console.answer(answer.unwrap_or(&[]));
    }
}

fn answer<'a, P: Platform>(
    system: &System<P>,
    id: u64,
    ask: Option<Ask>,
    room: &'a mut [u8],
) -> Option<&'a [u8]> {
    match ask {
        Some(Ask::About) => about(system, AnswerWriter::new(room, id, None)?),
        Some(Ask::Words { at, count }) => words(system, room, id, at, count),
        Some(Ask::Tasks { from }) => tasks(system, AnswerWriter::new(room, id, None)?, from, false),
        Some(Ask::Threads { from }) => {
            tasks(system, AnswerWriter::new(room, id, None)?, from, true)
        }
        Some(Ask::Faults { from }) => faults(system, AnswerWriter::new(room, id, None)?, from),
        None => Some(AnswerWriter::new(room, id, Some(Error::Unsupported))?.finish(0)),
    }
}

fn about<'a, P: Platform>(system: &System<P>, mut answer: AnswerWriter<'a>) -> Option<&'a [u8]> {
    let satp = Satp {
        mode: P::MODE,
        asid: 0,
        root: system.kernel_root,
    };
    answer.number(satp.encode(P::MODE.xlen()))?;
    answer.number(system.local.log.next())?;
    answer.number(dialect_number(system.local.platform.dialect()).into())?;
    let ram = system.boot.ram.as_slice();
    answer.number(ram.len() as u64)?;
    for piece in ram {
        answer.number(piece.base)?;
        answer.number(piece.bytes)?;
    }
    Some(answer.finish(0))
}

fn words<'a, P: Platform>(
    system: &System<P>,
    room: &'a mut [u8],
    id: u64,
    at: u64,
    count: u64,
) -> Option<&'a [u8]> {
    const WORD: usize = size_of::<usize>();
    if !at.is_multiple_of(WORD as u64) {
        return Some(AnswerWriter::new(room, id, Some(Error::BadAlignment))?.finish(0));
    }
    if count == 0 || system.boot.ram.there(PhysAddr::new(at), WORD) < WORD {
        return Some(AnswerWriter::new(room, id, Some(Error::BadAddress))?.finish(0));
    }
    let mut answer = AnswerWriter::new(room, id, None)?;
    let mut writer = WordsWriter::new(answer.rest());
    let mut piece = [0; WORDS * WORD];
    let (mut at, mut left) = (at, count);
    'all: while left > 0 {
        let wanted = left.min(WORDS as u64) as usize * WORD;
        let read = memory_access::read_physical(system, PhysAddr::new(at), &mut piece[..wanted]);
        for word in piece[..read].chunks_exact(WORD) {
            let mut bytes = [0; 8];
            bytes[..WORD].copy_from_slice(word);
            if !writer.push(u64::from_le_bytes(bytes)) {
                break 'all;
            }
        }
        if read < wanted {
            break;
        }
        at += wanted as u64;
        left -= (wanted / WORD) as u64;
    }
    let bytes = writer.bytes();
    Some(answer.finish(bytes))
}

/// Tasks from place `from` on, as many as fit; in front, the place to ask on from. A host that knows them gets process
/// and hart of each.
fn tasks<'a, P: Platform>(
    system: &System<P>,
    mut answer: AnswerWriter<'a>,
    from: u64,
    with_process: bool,
) -> Option<&'a [u8]> {
    let list = || {
        let tasks = system.tasks.iter().map(|(slot, thread)| {
            let process = system.tasks.process(slot);
            TaskRecord {
                pid: thread.tid.into(),
                satp: process.space.satp(),
                state: thread.state().on_the_wire().number().into(),
                resident: process.space.resident().into(),
                tables: table::count(&system.local.platform, process.space.root()).into(),
                faults: thread.faults.into(),
                process: Some(process.pid.into()),
                hart: match thread.state() {
                    SchedState::Running { hart } => Some(system.harts.id(hart.into()) as u64),
                    _ => None,
                },
                line: clipped(process.line()),
            }
        });
        tasks.enumerate().skip(from.min(1 << 16) as usize)
    };
    let put = |answer: &mut AnswerWriter<'_>, task: &TaskRecord<&str>| match with_process {
        true => answer.thread(task),
        false => answer.task(task),
    };
    // How many fit is found out in the room itself, then written again behind that number.
    const NUMBER: usize = 3;
    let room = answer.rest().len().saturating_sub(NUMBER);
    let mut trial = AnswerWriter::new(&mut answer.rest()[..room], 0, None)?;
    let next = list().find(|(_, task)| put(&mut trial, task).is_none());
    let next = next.map_or(usize::MAX, |(place, _)| place);
    answer.number(if next == usize::MAX { 0 } else { next as u64 })?;
    for (_, task) in list().take_while(|(place, _)| *place < next) {
        put(&mut answer, &task)?;
    }
    Some(answer.finish(0))
}

/// As much of a task's line as a report holds.
fn clipped(line: &str) -> &str {
    let end = (0..=line.len().min(64))
        .rev()
        .find(|end| line.is_char_boundary(*end));
    &line[..end.unwrap_or(0)]
}

fn faults<'a, P: Platform>(
    system: &System<P>,
    mut answer: AnswerWriter<'a>,
    from: u64,
) -> Option<&'a [u8]> {
    let mut next = from.max(system.local.log.oldest());
    let mut batch = BatchWriter::<RECORDS>::new(next);
    while let Some(fault) = system.local.log.get(next)
        && batch.push(fault)
    {
        next += 1;
    }
    if batch.records() == 0 {
        answer.number(system.local.log.next())?;
        return Some(answer.finish(0));
    }
    let payload = batch.payload();
    answer
        .rest()
        .get_mut(..payload.len())?
        .copy_from_slice(payload);
    Some(answer.finish(payload.len()))
}
