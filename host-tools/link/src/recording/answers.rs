//! The answers of a board in a recording: tasks and memory.

use std::collections::HashMap;
use std::io::{self, Read};

use pagetable::{Dialect, Outside, PhysAddr};
use wire::{About, Answer, Ask, Channel, Event, Frame, Inbox, Request, Splitter};

use super::{Block, BlockKind, Blocks, is_board_output};
use crate::memory::{MemorySource, ReadError};
use crate::session::{RamExtent, TaskInfo};

const PAGE: usize = 4096;
/// Granularity of known bytes: the word of a 32-bit hart.
const WORD: usize = 4;

/// A page, with the set of its known words.
struct PartialPage {
    bytes: [u8; PAGE],
    known: [bool; PAGE / WORD],
}

/// The latest answers of a recording.
pub struct RecordedAnswers {
    /// Facts about the board, if they were requested.
    pub about: Option<About>,
    /// The extents of RAM, if they were requested.
    pub ram: Vec<RamExtent>,
    /// The task table.
    pub tasks: Vec<TaskInfo>,
    /// Register width of the board in bits.
    pub xlen: u32,
    /// Number of task tables so far, of which the last is kept.
    pub tables: u64,
    /// The task table whose rest has not come yet.
    begun: Vec<TaskInfo>,
    pages: HashMap<u64, Box<PartialPage>>,
}

impl Default for RecordedAnswers {
    fn default() -> Self {
        RecordedAnswers {
            about: None,
            ram: Vec::new(),
            tasks: Vec::new(),
            xlen: 64,
            tables: 0,
            begun: Vec::new(),
            pages: HashMap::new(),
        }
    }
}

impl RecordedAnswers {
    /// Reads a recording to its end. Of repeated questions, the last answer is kept.
    pub fn read(from: impl Read) -> io::Result<RecordedAnswers> {
        let mut blocks = Blocks::new(from)?;
        let mut collected = AnswerCollector::default();
        let mut has_begun = false;
        while let Some(block) = blocks.next()? {
            let is_output = is_board_output(&block, &mut has_begun);
            collected.take(&block, is_output);
        }
        Ok(collected.kept)
    }

    fn take(&mut self, ask: &Ask, answer: Answer<'_>) {
        match (ask, answer) {
            (_, Answer::About(about, ram)) => {
                self.about = Some(about);
                self.ram = ram.map(|(base, bytes)| RamExtent { base, bytes }).collect();
            }
            (Ask::Tasks { from } | Ask::Threads { from }, Answer::Tasks(next, list)) => {
                if *from == 0 {
                    self.begun.clear();
                }
                self.begun
                    .extend(list.map(|task| task.map_line(str::to_owned)));
                // A table that a session left unfinished is none.
                if next == 0 {
                    self.tasks = std::mem::take(&mut self.begun);
                    self.tables += 1;
                }
            }
            (Ask::Words { at, .. }, Answer::Words(words)) => {
                let word = crate::session::word_bytes(self.xlen);
                let mut at = *at;
                for value in words {
                    self.put(at, &value.to_le_bytes()[..word]);
                    at = at.wrapping_add(word as u64);
                }
            }
            _ => {}
        }
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        let page = self.pages.entry(at / PAGE as u64).or_insert_with(|| {
            Box::new(PartialPage {
                bytes: [0; PAGE],
                known: [false; PAGE / WORD],
            })
        });
        let from = (at % PAGE as u64) as usize;
        if let Some(place) = page.bytes.get_mut(from..from + bytes.len()) {
            place.copy_from_slice(bytes);
            page.known[from / WORD..(from + bytes.len()) / WORD].fill(true);
        }
    }

    /// Encoding of memory types.
    pub fn dialect(&self) -> Dialect {
        self.about
            .as_ref()
            .map_or(Dialect::None, crate::session::dialect)
    }
}

/// Puts the answers of a recording together, block by block.
#[derive(Default)]
pub struct AnswerCollector {
    heard: DirectionDecoder,
    said: DirectionDecoder,
    asked: HashMap<u64, Ask>,
    /// What the blocks so far hold.
    pub kept: RecordedAnswers,
}

impl AnswerCollector {
    /// Takes the next block; `is_output` as [`is_board_output`] says.
    pub fn take(&mut self, block: &Block, is_output: bool) {
        let is_request = block.kind == BlockKind::Sent;
        let DirectionDecoder { splitter, ear } = match is_request {
            true => &mut self.said,
            false if is_output => &mut self.heard,
            false => return,
        };
        for byte in &block.payload {
            let Some(wire::Split::Frame(frame)) = splitter.feed(*byte) else {
                continue;
            };
            if is_request {
                take_request(&frame, ear, &mut self.asked);
            } else {
                take_event(&frame, ear, &mut self.asked, &mut self.kept);
            }
        }
    }
}

fn take_request(frame: &Frame<'_>, ear: &mut StreamState, asked: &mut HashMap<u64, Ask>) {
    match Request::decode(frame) {
        Ok(Request::Hello { session, .. }) => ear.begin(session),
        Ok(Request::Stream(Channel::Control, payload)) => {
            let question = ear.inbox.take(payload).map(Ask::decode);
            if let Some(Ok((id, Some(ask)))) = question {
                asked.insert(id, ask);
            }
        }
        Ok(Request::Stream(_, payload)) => drop(ear.inbox.take(payload)),
        _ => {}
    }
}

fn take_event(
    frame: &Frame<'_>,
    ear: &mut StreamState,
    asked: &mut HashMap<u64, Ask>,
    kept: &mut RecordedAnswers,
) {
    match Event::decode(frame) {
        Ok(Event::Welcome(welcome)) => {
            kept.xlen = welcome.xlen;
            ear.begin(welcome.session);
        }
        Ok(Event::Stream(channel, payload)) => {
            let bytes = ear.inbox.take(payload);
            if let Some(bytes) = bytes.filter(|_| channel == Channel::Control)
                && let Ok(id) = Answer::id(bytes)
                && let Some(ask) = asked.remove(&id)
                && let Ok(answer) = Answer::decode(&ask, bytes)
            {
                kept.take(&ask, answer);
            }
        }
        _ => {}
    }
}

/// One direction of a line.
#[derive(Default)]
struct DirectionDecoder {
    splitter: Splitter<{ wire::LARGEST }>,
    ear: StreamState,
}

/// Everything except the splitter, from which frames are borrowed.
struct StreamState {
    session: u32,
    inbox: Inbox,
}

impl Default for StreamState {
    fn default() -> Self {
        StreamState {
            session: 0,
            inbox: Inbox::EMPTY,
        }
    }
}

impl StreamState {
    /// Starts a session, unless it is already active.
    fn begin(&mut self, session: u32) {
        if session != self.session {
            (self.session, self.inbox) = (session, Inbox::EMPTY);
        }
    }
}

impl MemorySource for RecordedAnswers {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let from = at.offset(PAGE as u64) as usize;
        let page = self.pages.get(&at.frame());
        let known = page.filter(|page| {
            let words = from / WORD..(from + bytes).div_ceil(WORD);
            let known = page.known.get(words);
            known.is_some_and(|known| known.iter().all(|known| *known))
        });
        let page = known.ok_or(ReadError::Outside(Outside { at, bytes }))?;
        into.copy_from_slice(&page.bytes[from..from + bytes]);
        Ok(())
    }
}
