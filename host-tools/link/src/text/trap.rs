//! Traps in anybody's text: lines with registers, put together to reports.
//!
//! ```text
//! a mark  --> a report begins, or goes on     "Unhandled exception:", "scause", "epc"
//! registers on the lines that follow belong to it, in whatever order and between whatever else
//! a second cause, or the mark of another trap, or many lines without a register --> it is complete
//! ```
//!
//! Dialects add what only they say; a text that none of them knows is read all the same, as long as
//! it names its registers. A cause is read in the radix that its shape, or the name beside it, says;
//! where neither does, the report notes how it was read.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::{memchr_iter, memmem, memrchr};

use super::causes::named;
use super::draft::{Draft, Registers, TrapDialect};
use super::registers::{Found, registers};
use super::{LogFinding, harts};

/// Lines without a register after which a report is complete: longer than a stack dump or a list
/// of modules in an oops.
const QUIET_LINES: usize = 48;
/// Bytes of a message that are kept.
const LONGEST_MESSAGE: usize = 160;
/// Reports that wait for more lines of their harts.
const MOST_HARTS: usize = 16;
/// Every dialect: one file each.
static DIALECTS: &[TrapDialect] = &[
    super::pagewalk::TRAP,
    super::linux::TRAP,
    super::opensbi::TRAP,
    super::uboot::TRAP,
    super::nuttx::TRAP,
    super::zephyr::TRAP,
    super::xv6::TRAP,
    super::xous::TRAP,
    super::sel4::TRAP,
    super::freertos::TRAP,
    super::rust::TRAP,
    super::edk2::TRAP,
    super::bsd::TRAP,
    super::genode::TRAP,
    super::fuchsia::TRAP,
    super::firmware::COREBOOT,
    super::firmware::PK,
    super::qemu::TRAP,
    super::spike::TRAP,
    super::gdb::TRAP,
    super::openocd::TRAP,
];

/// Words that a register's line has, in every dialect.
const WORDS: [&str; 6] = ["cause", "epc", "tval", "badaddr", "bad_addr", "satp"];

/// In a text that still has its colours a code may stand inside a mark. No line that is
/// [plain](super::plain) has it.
const ESCAPE: [&str; 1] = ["\x1b"];

/// What a match means: the dialect, and whether a trap begins there.
#[derive(Clone, Copy)]
struct Mark {
    dialect: Option<&'static TrapDialect>,
    begins: bool,
}

/// All marks at once: of a line that has none, one look is enough.
struct Marks {
    automaton: AhoCorasick,
    meanings: Vec<Mark>,
}

static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let (mut texts, mut meanings) = (Vec::new(), Vec::new());
    for dialect in DIALECTS {
        for (list, begins) in [(dialect.begins, true), (dialect.marks, false)] {
            for text in list {
                texts.push(*text);
                meanings.push(Mark {
                    dialect: Some(dialect),
                    begins,
                });
            }
        }
    }
    for word in WORDS.into_iter().chain(ESCAPE) {
        texts.push(word);
        meanings.push(Mark {
            dialect: None,
            begins: false,
        });
    }
    // Every byte of a log goes through it: a table of each state's successors, not a search for them.
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::LeftmostLongest)
        .build(&texts)
        .expect("a few short words");
    Marks {
        automaton,
        meanings,
    }
});

/// Reads every dialect's traps.
#[derive(Default)]
pub(super) struct TrapLog {
    open: Option<Draft>,
    /// Reports of other harts, which were not complete when this one's began.
    harts: Vec<Draft>,
    /// Lines that may still belong to a trap which another parser has reported as a fault.
    told_lines: usize,
    found: Vec<Found>,
}

impl TrapLog {
    /// The next line. `is_told`: what it says of faults is known already.
    pub fn take(&mut self, line: &[u8], is_told: bool, emit: &mut dyn FnMut(LogFinding)) {
        let (mut dialect, mut begin, mut is_marked) = (None, None, false);
        for hit in MARKS.automaton.find_iter(line) {
            let mark = MARKS.meanings[hit.pattern()];
            is_marked = true;
            dialect = dialect.or(mark.dialect);
            if mark.begins && begin.is_none() {
                begin = Some(hit.start());
                dialect = mark.dialect;
            }
        }
        self.told_lines = self.told_lines.saturating_sub(1);
        if !is_marked && self.open.is_none() {
            return;
        }
        let mut found = std::mem::take(&mut self.found);
        registers(line, &mut found);
        let hart = if is_marked || !found.is_empty() {
            harts::named(line)
        } else {
            None
        };
        if let Some(hart) = hart {
            self.turn_to(hart, emit);
        }
        if begin.is_some()
            || self
                .open
                .as_ref()
                .is_some_and(|it| it.is_followed_by(&found))
        {
            // A dialect may want to see the line before it is taken for another trap's.
            let is_taken = begin.is_none() && self.more(line, dialect) == Registers::Taken;
            if is_taken {
                self.found = found;
                return;
            }
            self.complete(emit);
        }
        if is_marked {
            let is_told = is_told || begin.is_none() && self.told_lines > 0;
            let draft = self.open.get_or_insert_default();
            draft.dialect = draft.dialect.or(dialect);
            draft.hart = draft.hart.or(hart);
            if draft.named.is_none() && !draft.has_cause() {
                draft.named = called(line);
            }
            draft.is_told |= is_told;
            if draft.report.time_us.is_none() {
                draft.report.time_us = time_us(line);
            }
            if let Some(begin) = begin {
                if dialect.is_some_and(|it| it.says) {
                    draft.report.message = Some(message(&line[begin..]));
                }
                draft.named = named(&line[begin..]);
            }
        }
        if self.more(line, dialect) == Registers::Count
            && let Some(draft) = &mut self.open
        {
            draft.take(line, &found);
        }
        self.count(!found.is_empty() || is_marked, emit);
        self.found = found;
    }

    /// Goes on with the report of the hart that a line names, where another one's is open: two harts that
    /// print at once mix their lines.
    fn turn_to(&mut self, hart: u64, emit: &mut dyn FnMut(LogFinding)) {
        let is_other = |draft: &Draft| draft.hart.is_some_and(|open| open != hart);
        if !self.open.as_ref().is_some_and(is_other) {
            return;
        }
        let is_whole = |draft: &Draft| draft.report.missing().is_empty();
        if self.open.as_ref().is_some_and(is_whole) || self.harts.len() >= MOST_HARTS {
            self.complete(emit);
        }
        self.harts.extend(self.open.take());
        let place = self.harts.iter().position(|draft| draft.hart == Some(hart));
        self.open = place.map(|place| self.harts.remove(place));
    }

    /// What the dialect of the line, or of the report, has to say.
    fn more(&mut self, line: &[u8], dialect: Option<&'static TrapDialect>) -> Registers {
        let Some(draft) = &mut self.open else {
            return Registers::Count;
        };
        match dialect.or(draft.dialect) {
            Some(dialect) => (dialect.more)(line, draft),
            None => Registers::Count,
        }
    }

    fn count(&mut self, is_of_report: bool, emit: &mut dyn FnMut(LogFinding)) {
        let Some(draft) = &mut self.open else { return };
        draft.quiet_lines = if is_of_report {
            0
        } else {
            draft.quiet_lines + 1
        };
        let is_over = draft.quiet_lines > QUIET_LINES;
        if is_of_report {
            sight(draft, emit);
        }
        if is_over {
            self.complete(emit);
        }
    }

    /// How many bytes of whole lines no trap has a part in.
    pub fn skip(&mut self, text: &[u8]) -> usize {
        if self.open.is_some() {
            return 0;
        }
        let quiet = match MARKS.automaton.find(text) {
            Some(hit) => memrchr(b'\n', &text[..hit.start()]).map_or(0, |end| end + 1),
            None => text.len(),
        };
        if self.told_lines > 0 {
            let lines = memchr_iter(b'\n', &text[..quiet]).count();
            self.told_lines = self.told_lines.saturating_sub(lines);
        }
        quiet
    }

    /// A line was reported as a fault and is not read here: registers that follow are of the same trap.
    pub fn skip_told(&mut self) {
        self.told_lines = QUIET_LINES;
    }

    /// Whether the line says something of a trap.
    pub fn minds(&self, line: &[u8]) -> bool {
        self.open.is_some() || MARKS.automaton.is_match(line)
    }

    /// The log has ended.
    pub fn finish(&mut self, emit: &mut dyn FnMut(LogFinding)) {
        let last = self.open.take();
        for draft in std::mem::take(&mut self.harts).into_iter().chain(last) {
            self.open = Some(draft);
            self.complete(emit);
        }
    }

    fn complete(&mut self, emit: &mut dyn FnMut(LogFinding)) {
        let Some(mut draft) = self.open.take() else {
            return;
        };
        draft.settle();
        if !draft.is_trap() {
            return;
        }
        draft.report.hart = draft.hart;
        draft.report.dialect = draft.dialect.map(|dialect| dialect.name);
        if draft.sighting.is_none() && is_fault(&draft) {
            draft.sighting = draft.report.sighting();
            if let Some(sighting) = draft.sighting {
                emit(LogFinding::Fault(sighting));
            }
        }
        emit(LogFinding::Crash(draft.report));
    }
}

/// Whether no other parser reports it as a fault: ours prints a line for each.
fn is_fault(draft: &Draft) -> bool {
    let is_ours = draft
        .dialect
        .is_some_and(|it| it.name == super::pagewalk::TRAP.name);
    !draft.is_told && !is_ours
}

/// Emits the fault as soon as cause, pc and address are known: a reader of a live line does not wait
/// for the rest of the registers.
fn sight(draft: &mut Draft, emit: &mut dyn FnMut(LogFinding)) {
    if draft.sighting.is_some() || draft.is_unsettled() || !is_fault(draft) {
        return;
    }
    if draft.report.missing().is_empty()
        && let Some(sighting) = draft.report.sighting()
    {
        draft.sighting = Some(sighting);
        emit(LogFinding::Fault(sighting));
    }
}

/// The cause where it is its name alone: `SCAUSE = LoadPageFault`, `cause (mcause): Load access fault`.
fn called(line: &[u8]) -> Option<u8> {
    let lower = line.to_ascii_lowercase();
    let behind = &lower[memmem::rfind(&lower, b"cause")? + b"cause".len()..];
    let behind = behind
        .strip_prefix(b")")
        .unwrap_or(behind)
        .trim_ascii_start();
    let name = behind.strip_prefix(b":").or(behind.strip_prefix(b"="))?;
    named(name)
}

/// Whose traps are known by more than the names of registers.
pub fn trap_dialects() -> impl Iterator<Item = &'static str> {
    DIALECTS.iter().map(|dialect| dialect.name)
}

fn message(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_matches([' ', '\r', '\t', ':', '!']);
    let text = text.strip_prefix("pagewalk: ").unwrap_or(text).trim();
    let mut end = text.len().min(LONGEST_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    match end < text.len() {
        true => format!("{}…", &text[..end]),
        false => text.to_owned(),
    }
}

/// The first time in brackets: `[    0.010000]`, `[00:00:05.537,241]`.
fn time_us(line: &[u8]) -> Option<u64> {
    let open = memchr::memchr(b'[', line)?;
    let inside = &line[open + 1..];
    let inside = &inside[..memchr::memchr(b']', inside)?];
    let text = std::str::from_utf8(inside).ok()?.trim().replace(',', "");
    let (whole, fraction) = text.split_once('.')?;
    let mut seconds: u64 = 0;
    for part in whole.split(':') {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        let part: u64 = part.parse().ok().filter(|_| is_number)?;
        seconds = seconds.checked_mul(60)?.checked_add(part)?;
    }
    let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let fraction = format!("{fraction:0<9}").parse::<u64>().ok()? / 1000;
    seconds.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harts_that_print_at_once_have_a_report_each() {
        let lines = |hart: u32, cause: u32, pc: u32, at: u32| {
            let text = format!("scause={cause:#x}\nsepc={pc:#x}\nstval={at:#x}\n");
            let of_hart = move |line: &str| format!("hart {hart}: {line}\n");
            text.lines().map(of_hart).collect::<Vec<_>>()
        };
        let all = [
            lines(0, 13, 0x8000_0010, 8),
            lines(1, 15, 0x8000_0020, 9),
            lines(2, 7, 0x30, 10),
        ];
        let text: String = (0..3)
            .flat_map(|line| all.iter().map(move |it| it[line].clone()))
            .collect();
        let found = super::super::crashes(text.as_bytes());
        let mut traps: Vec<_> = found
            .iter()
            .map(|it| (it.cause(), it.pc(), it.value()))
            .collect();
        traps.sort();
        assert_eq!(
            traps,
            [
                (Some(7), Some(0x30), Some(10)),
                (Some(13), Some(0x8000_0010), Some(8)),
                (Some(15), Some(0x8000_0020), Some(9)),
            ],
            "{text}"
        );
    }

    #[test]
    fn a_mark_of_every_dialect_stops_the_look() {
        let marks = DIALECTS
            .iter()
            .flat_map(|dialect| dialect.begins.iter().chain(dialect.marks));
        for mark in marks.chain(&WORDS).chain(&ESCAPE) {
            let text = format!("nothing\nof interest\nboard: {mark} 1\nmore\n");
            let skipped = TrapLog::default().skip(text.as_bytes());
            assert_eq!(skipped, "nothing\nof interest\n".len(), "{mark}");
        }
    }
}
