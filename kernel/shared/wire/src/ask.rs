//! What the host asks the board's agent, and what the agent answers: "read this", no more.

use abi::Error;

use crate::batch::Batch;
use crate::number::{Malformed, put, take};
use crate::words::Words;

/// One question. The numbers on the wire are in `docs/wire.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What the board is: its memory, and the root of the kernel's tables.
    About,
    /// Words of physical memory from `at` on, as wide as the board's addresses.
    Words {
        /// Physical address, a multiple of a word.
        at: u64,
        /// How many; the answer may hold fewer.
        count: u64,
    },
    /// The tasks from this place in the table on.
    Tasks {
        /// 0 for the first.
        from: u64,
    },
    /// Records of the fault log.
    Faults {
        /// Number of the first record; the answer begins with the oldest that is kept.
        from: u64,
    },
}

impl Ask {
    /// Bytes that a question takes at most.
    pub const LONGEST: usize = 31;

    /// Writes it with the number `id` that its answer shall carry; answers the bytes it took,
    /// `None` when `out` is shorter than [`Ask::LONGEST`].
    pub fn encode(&self, id: u64, out: &mut [u8]) -> Option<usize> {
        let (kind, numbers): (u64, &[u64]) = match self {
            Ask::About => (0, &[]),
            Ask::Words { at, count } => (1, &[*at, *count]),
            Ask::Tasks { from } => (2, &[*from]),
            Ask::Faults { from } => (3, &[*from]),
        };
        let mut used = 0;
        for number in [id, kind].iter().chain(numbers) {
            put(out, &mut used, *number)?;
        }
        Some(used)
    }

    /// Reads a question and the number its answer shall carry. `Ok(None)`: a question of a
    /// newer host.
    pub fn decode(bytes: &[u8]) -> Result<(u64, Option<Ask>), Malformed> {
        let (id, rest) = take(bytes)?;
        let (kind, rest) = take(rest)?;
        let ask = match kind {
            0 => Some(Ask::About),
            1 => {
                let (at, rest) = take(rest)?;
                let (count, _) = take(rest)?;
                Some(Ask::Words { at, count })
            }
            2 => Some(Ask::Tasks {
                from: take(rest)?.0,
            }),
            3 => Some(Ask::Faults {
                from: take(rest)?.0,
            }),
            _ => None,
        };
        Ok((id, ask))
    }
}

/// What the board is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `satp` while only the kernel's own tables are active.
    pub kernel_satp: u64,
    /// Number that the next fault record will get.
    pub next_fault: u64,
    /// How memory types are encoded: 0 not at all, 1 Svpbmt, 2 T-Head.
    pub dialect: u64,
}

/// A row of the task table as it crosses the line; `L` is `&str` where it lies in a frame, `String` where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRecord<L> {
    /// Process id, from 1.
    pub pid: u64,
    /// `satp` while it runs; 0 once it has exited.
    pub satp: u64,
    /// The number of an [`abi::TaskState`]; a newer kernel may send others.
    pub state: u64,
    /// Resident pages: frames it owns, and pages mapped in place.
    pub resident: u64,
    /// Frames that hold its page tables.
    pub tables: u64,
    /// Page faults since it was started.
    pub faults: u64,
    /// The command line it was started with; at most 64 bytes.
    pub line: L,
}

impl<L> TaskRecord<L> {
    /// The state as a word; "unknown state" where this side does not know the number.
    pub fn state_word(&self) -> &'static str {
        let state = u8::try_from(self.state).unwrap_or(u8::MAX);
        abi::TaskState::decode(state).text()
    }

    /// The same row with its command line stored in another type.
    pub fn map_line<M>(self, store: impl FnOnce(L) -> M) -> TaskRecord<M> {
        TaskRecord {
            pid: self.pid,
            satp: self.satp,
            state: self.state,
            resident: self.resident,
            tables: self.tables,
            faults: self.faults,
            line: store(self.line),
        }
    }
}

/// An answer in the making: `id`, a status, then what [`Answer`] lists.
pub struct AnswerWriter<'a> {
    out: &'a mut [u8],
    used: usize,
}

impl<'a> AnswerWriter<'a> {
    /// An answer to question `id`: all is well if `error` is none. `None` when `out` has no
    /// room for these two numbers.
    pub fn new(out: &'a mut [u8], id: u64, error: Option<Error>) -> Option<Self> {
        let mut used = 0;
        put(out, &mut used, id)?;
        put(
            out,
            &mut used,
            error.map_or(0, |error| error.number().into()),
        )?;
        Some(AnswerWriter { out, used })
    }

    /// Adds a number; `None` without room.
    pub fn number(&mut self, number: u64) -> Option<()> {
        put(self.out, &mut self.used, number)
    }

    /// Adds one task whole, or nothing and `None` without room.
    pub fn task(&mut self, task: &TaskRecord<&str>) -> Option<()> {
        let mut used = self.used;
        let numbers = [
            task.pid,
            task.satp,
            task.state,
            task.resident,
            task.tables,
            task.faults,
            task.line.len() as u64,
        ];
        for number in numbers {
            put(self.out, &mut used, number)?;
        }
        let end = used + task.line.len();
        self.out
            .get_mut(used..end)?
            .copy_from_slice(task.line.as_bytes());
        self.used = end;
        Some(())
    }

    /// The room that is left, for words or records.
    pub fn rest(&mut self) -> &mut [u8] {
        &mut self.out[self.used..]
    }

    /// That many bytes of [`Self::rest`] are used; the whole answer.
    pub fn finish(self, more: usize) -> &'a [u8] {
        &self.out[..(self.used + more).min(self.out.len())]
    }
}

/// An answer, by what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// What the board is; then its memory.
    About(About, Extents<'a>),
    /// Words from the address that was asked for on, at least one.
    Words(Words<'a>),
    /// Tasks, and the place to ask on from; 0 when these were the last.
    Tasks(u64, TaskRecords<'a>),
    /// Records, and the number to ask on from.
    Faults(Batch<'a>),
    /// There are no such records: the number that the next one will get.
    NoFaults(u64),
    /// It could not be done: the number of an `abi::Error`.
    Refused(u64),
}

impl<'a> Answer<'a> {
    /// The number of the question that an answer belongs to.
    pub fn id(bytes: &[u8]) -> Result<u64, Malformed> {
        Ok(take(bytes)?.0)
    }

    /// Writes the answer with another question's number into `out`, for whoever passes
    /// questions on; answers the bytes it took. `None` if it has no number or no room.
    pub fn renumber(bytes: &[u8], id: u64, out: &mut [u8]) -> Option<usize> {
        let (_, rest) = take(bytes).ok()?;
        let mut used = 0;
        put(out, &mut used, id)?;
        out.get_mut(used..used + rest.len())?.copy_from_slice(rest);
        Some(used + rest.len())
    }

    /// Reads the answer to `ask`.
    pub fn decode(ask: &Ask, bytes: &'a [u8]) -> Result<Answer<'a>, Malformed> {
        let (_, rest) = take(bytes)?;
        let (status, rest) = take(rest)?;
        if status != 0 {
            return Ok(Answer::Refused(status));
        }
        Ok(match ask {
            Ask::About => {
                let (kernel_satp, rest) = take(rest)?;
                let (next_fault, rest) = take(rest)?;
                let (dialect, rest) = take(rest)?;
                let about = About {
                    kernel_satp,
                    next_fault,
                    dialect,
                };
                Answer::About(about, Extents::decode(rest)?)
            }
            Ask::Words { .. } => Answer::Words(Words::decode(rest)?),
            Ask::Tasks { .. } => {
                let (next, rest) = take(rest)?;
                Answer::Tasks(next, TaskRecords::decode(rest)?)
            }
            Ask::Faults { .. } => {
                let (first, records) = take(rest)?;
                if records.is_empty() {
                    Answer::NoFaults(first)
                } else {
                    Answer::Faults(Batch::decode(rest)?)
                }
            }
        })
    }
}

/// Pieces of RAM, checked: iterating gives base and bytes of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extents<'a> {
    left: u64,
    rest: &'a [u8],
}

impl<'a> Extents<'a> {
    /// Bytes after the last piece belong to a newer board.
    fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (left, rest) = take(bytes)?;
        let extents = Extents { left, rest };
        if left > bytes.len() as u64 || extents.clone().count() as u64 != left {
            return Err(Malformed);
        }
        Ok(extents)
    }
}

impl Iterator for Extents<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        self.left = self.left.checked_sub(1)?;
        let (base, rest) = take(self.rest).ok()?;
        let (bytes, rest) = take(rest).ok()?;
        self.rest = rest;
        Some((base, bytes))
    }
}

/// Tasks, checked: iterating gives each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRecords<'a> {
    rest: &'a [u8],
}

impl<'a> TaskRecords<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let list = TaskRecords { rest: bytes };
        let mut check = list.clone();
        while !check.rest.is_empty() {
            check.step()?;
        }
        Ok(list)
    }

    fn step(&mut self) -> Result<TaskRecord<&'a str>, Malformed> {
        let mut numbers = [0; 7];
        let mut rest = self.rest;
        for number in &mut numbers {
            (*number, rest) = take(rest)?;
        }
        let [pid, satp, state, resident, tables, faults, bytes] = numbers;
        let (line, rest) = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| rest.split_at_checked(bytes))
            .ok_or(Malformed)?;
        self.rest = rest;
        Ok(TaskRecord {
            pid,
            satp,
            state,
            resident,
            tables,
            faults,
            line: core::str::from_utf8(line).map_err(|_| Malformed)?,
        })
    }
}

impl<'a> Iterator for TaskRecords<'a> {
    type Item = TaskRecord<&'a str>;

    fn next(&mut self) -> Option<TaskRecord<&'a str>> {
        if self.rest.is_empty() {
            return None;
        }
        self.step().ok()
    }
}
