//! Questions of the host to the board's agent, and the answers. The agent only reads.

use abi::Error;

use crate::batch::Batch;
use crate::number::{Malformed, put, take};
use crate::words::PackedWords;

/// A question. The numbers on the wire are in `docs/wire.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The board: its memory, and the root of the kernel's tables.
    About,
    /// Words of physical memory from `at`, as wide as the board's registers.
    Words {
        /// Physical address, a multiple of the word size.
        at: u64,
        /// Number of words; the answer may contain fewer.
        count: u64,
    },
    /// Tasks from this index in the task table.
    Tasks {
        /// Index, 0 for the first.
        from: u64,
    },
    /// The same, each with its process and its hart. A board that was built before it refuses it as unsupported.
    Threads {
        /// As of [`Ask::Tasks`].
        from: u64,
    },
    /// Records of the fault log.
    Faults {
        /// Number of the first record; the answer starts with the oldest one kept if that is later.
        from: u64,
    },
}

impl Ask {
    /// Longest encoding of a question in bytes.
    pub const LONGEST: usize = 31;

    /// Encodes it with the number `id` of its answer; returns the length, `None` if `out` is shorter than
    /// [`Ask::LONGEST`].
    pub fn encode(&self, id: u64, out: &mut [u8]) -> Option<usize> {
        let (kind, numbers): (u64, &[u64]) = match self {
            Ask::About => (0, &[]),
            Ask::Words { at, count } => (1, &[*at, *count]),
            Ask::Tasks { from } => (2, &[*from]),
            Ask::Faults { from } => (3, &[*from]),
            Ask::Threads { from } => (4, &[*from]),
        };
        let mut used = 0;
        for number in [id, kind].iter().chain(numbers) {
            put(out, &mut used, *number)?;
        }
        Some(used)
    }

    /// Decodes a question and the number of its answer. `Ok(None)`: a question of a newer host.
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
            4 => Some(Ask::Threads {
                from: take(rest)?.0,
            }),
            _ => None,
        };
        Ok((id, ask))
    }
}

/// Facts about the board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `satp` while only the kernel's own tables are active.
    pub kernel_satp: u64,
    /// Sequence number of the next fault record.
    pub next_fault: u64,
    /// Encoding of memory types: 0 none, 1 Svpbmt, 2 T-Head.
    pub dialect: u64,
}

/// A row of the task table; `L` is `&str` inside of a frame, `String` in a copy.
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
    /// Number of the process that it is a thread of; `None` in an answer to [`Ask::Tasks`].
    pub process: Option<u64>,
    /// The SBI's number of the hart that runs it; `None` while none does, and in an answer to [`Ask::Tasks`].
    pub hart: Option<u64>,
    /// The command line it was started with; at most 64 bytes.
    pub line: L,
}

impl<L> TaskRecord<L> {
    /// The state as a word; "unknown state" where this side does not know the number.
    pub fn state_word(&self) -> &'static str {
        let state = u8::try_from(self.state).unwrap_or(u8::MAX);
        abi::TaskState::decode(state).text()
    }

    /// The same row with its command line in another type.
    pub fn map_line<M>(self, store: impl FnOnce(L) -> M) -> TaskRecord<M> {
        TaskRecord {
            pid: self.pid,
            satp: self.satp,
            state: self.state,
            resident: self.resident,
            tables: self.tables,
            faults: self.faults,
            process: self.process,
            hart: self.hart,
            line: store(self.line),
        }
    }
}

/// Builds an answer: `id`, a status, then the content of [`Answer`].
pub struct AnswerWriter<'a> {
    out: &'a mut [u8],
    used: usize,
}

impl<'a> AnswerWriter<'a> {
    /// Starts the answer to question `id`; success if `error` is `None`. Returns `None` if `out` has no room
    /// for these two numbers.
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

    /// Appends a number; `None` without room.
    pub fn number(&mut self, number: u64) -> Option<()> {
        put(self.out, &mut self.used, number)
    }

    /// Appends a whole task, or nothing and `None` without room.
    pub fn task(&mut self, task: &TaskRecord<&str>) -> Option<()> {
        self.row(task, &[])
    }

    /// The same in an answer to [`Ask::Threads`], with process and hart.
    pub fn thread(&mut self, task: &TaskRecord<&str>) -> Option<()> {
        let hart = task.hart.map_or(0, |hart| hart.saturating_add(1));
        self.row(task, &[task.process.unwrap_or(0), hart])
    }

    fn row(&mut self, task: &TaskRecord<&str>, more: &[u64]) -> Option<()> {
        let mut used = self.used;
        let numbers = [
            task.pid,
            task.satp,
            task.state,
            task.resident,
            task.tables,
            task.faults,
        ];
        let length = [task.line.len() as u64];
        for number in numbers.iter().chain(more).chain(&length) {
            put(self.out, &mut used, *number)?;
        }
        let end = used + task.line.len();
        self.out
            .get_mut(used..end)?
            .copy_from_slice(task.line.as_bytes());
        self.used = end;
        Some(())
    }

    /// The free part of the buffer, for words or records.
    pub fn rest(&mut self) -> &mut [u8] {
        &mut self.out[self.used..]
    }

    /// Ends the answer after `more` bytes of [`Self::rest`]; returns all of it.
    pub fn finish(self, more: usize) -> &'a [u8] {
        &self.out[..(self.used + more).min(self.out.len())]
    }
}

/// A decoded answer; its form depends on the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Facts about the board, then its memory.
    About(About, Extents<'a>),
    /// Words from the requested address, at least one.
    Words(PackedWords<'a>),
    /// Tasks, and the index to continue at; 0 at the end.
    Tasks(u64, TaskRecords<'a>),
    /// Fault records; the next number to request follows from them.
    Faults(Batch<'a>),
    /// No such records; the sequence number of the next one.
    NoFaults(u64),
    /// The request failed: number of an `abi::Error`.
    Refused(u64),
}

impl<'a> Answer<'a> {
    /// The number of the question that an answer belongs to.
    pub fn id(bytes: &[u8]) -> Result<u64, Malformed> {
        Ok(take(bytes)?.0)
    }

    /// Copies an answer with another question's number into `out`, for a relay; returns the length. `None` if
    /// it has no number or `out` has no room.
    pub fn renumber(bytes: &[u8], id: u64, out: &mut [u8]) -> Option<usize> {
        let (_, rest) = take(bytes).ok()?;
        let mut used = 0;
        put(out, &mut used, id)?;
        out.get_mut(used..used + rest.len())?.copy_from_slice(rest);
        Some(used + rest.len())
    }

    /// Decodes the answer to `ask`.
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
            Ask::Words { .. } => Answer::Words(PackedWords::decode(rest)?),
            Ask::Tasks { .. } | Ask::Threads { .. } => {
                let (next, rest) = take(rest)?;
                let are_threads = matches!(ask, Ask::Threads { .. });
                Answer::Tasks(next, TaskRecords::decode(rest, are_threads)?)
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

/// Ranges of RAM, checked: iterating yields base and length of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extents<'a> {
    left: u64,
    rest: &'a [u8],
}

impl<'a> Extents<'a> {
    /// Bytes after the last range are those of a newer board, and ignored.
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

/// Tasks, checked: iterating yields each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRecords<'a> {
    rest: &'a [u8],
    /// They answer [`Ask::Threads`].
    are_threads: bool,
}

impl<'a> TaskRecords<'a> {
    fn decode(bytes: &'a [u8], are_threads: bool) -> Result<Self, Malformed> {
        let list = TaskRecords {
            rest: bytes,
            are_threads,
        };
        let mut check = list.clone();
        while !check.rest.is_empty() {
            check.step()?;
        }
        Ok(list)
    }

    fn step(&mut self) -> Result<TaskRecord<&'a str>, Malformed> {
        let (mut numbers, mut more) = ([0; 6], [0; 2]);
        let mut rest = self.rest;
        for number in &mut numbers {
            (*number, rest) = take(rest)?;
        }
        if self.are_threads {
            for number in &mut more {
                (*number, rest) = take(rest)?;
            }
        }
        let (bytes, rest) = take(rest)?;
        let [pid, satp, state, resident, tables, faults] = numbers;
        let [process, hart] = more;
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
            process: Some(process).filter(|process| *process != 0),
            hart: hart.checked_sub(1),
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
