//! Text logs: one file per dialect, ours and other kernels'.
//!
//! A serial log is rarely clean: boot messages without a line end stand before a fault, a shell's
//! prompt in the middle of a line, two faults on one. So each parser looks for its marks anywhere
//! in a line and reads from there. What takes several lines, as a register dump does, is kept by
//! its parser until it is complete.
//!
//! ```text
//! line --> clean (colours) --> wrapped (two halves) --> PARSERS: a fault on one line
//!                                                   `-> trap: registers in any spelling, on many lines
//! ```
//!
//! To add a dialect of traps: a file with its row, and the row's name in the table in `trap`. To add
//! one that prints a line for each fault it resolves: a file with a [`LogParser`], and its row in
//! [`PARSERS`].

use std::borrow::Cow;

use abi::Sighting;
use memchr::{memchr, memchr_iter, memmem, memrchr};

use memmem::Finder;

mod bsd;
mod causes;
mod clean;
mod draft;
mod edk2;
mod firmware;
mod freertos;
mod fuchsia;
mod gdb;
mod genode;
mod harts;
mod linux;
mod markup;
mod nuttx;
mod openocd;
mod opensbi;
mod pagewalk;
mod qemu;
mod registers;
pub mod report;
mod rust;
mod sel4;
mod spike;
mod trap;
mod trap_text;
mod uboot;
mod wrapped;
mod xous;
mod xv6;
mod zephyr;

pub use clean::{plain, utf8};
pub use report::{CrashReport, PrintedWalk};
pub use trap::trap_dialects;
pub use trap_text::TrapText;

/// What a parser has found, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFinding {
    /// A fault that a kernel resolved, or killed a task for.
    Fault(Sighting),
    /// The registers of a trap that ended a kernel.
    Crash(CrashReport),
}

/// Whether a line is still text to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineUse {
    /// Nothing of this dialect, or something that a reader wants to see as it is.
    Text,
    /// All that the line says is in its findings.
    Consumed,
}

/// One dialect of log, read line by line. It may remember earlier lines, but not count on lines that
/// have no mark of any trap: [`LogReader::skip`] passes over them.
pub trait LogParser: Send {
    /// Takes the next line, without its end, and emits what it completes. A line is bytes: at the
    /// wrong speed, or with a bit lost, it is no UTF-8, and an index into what it was decoded to
    /// may lie inside a character.
    fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(LogFinding)) -> LineUse;

    /// The log has ended: emits what waited for more lines.
    fn finish(&mut self, _emit: &mut dyn FnMut(LogFinding)) {}
}

/// A row of [`PARSERS`].
pub struct LogDialect {
    /// Whose log it is, as messages name it.
    pub name: &'static str,
    /// A parser at the beginning of a log.
    pub parser: fn() -> Box<dyn LogParser>,
}

/// Every dialect that has a line for each fault, in the order in which they are asked. Traps that
/// ended a kernel are read in every dialect's text: see [`trap_dialects`].
pub const PARSERS: &[LogDialect] = &[
    LogDialect {
        name: "Pagewalk",
        parser: || Box::new(pagewalk::PagewalkLog),
    },
    LogDialect {
        name: "NuttX",
        parser: || Box::new(nuttx::NuttxLog),
    },
];

/// One log, read in every dialect at once: the user need not name the kernel.
pub struct LogReader {
    parsers: Vec<Box<dyn LogParser>>,
    traps: trap::TrapLog,
    /// A line that may go on in the next one.
    cut: Option<Vec<u8>>,
    /// Registers are wanted also of faults that a line of their own reports.
    has_reports_of_faults: bool,
}

impl Default for LogReader {
    fn default() -> Self {
        let parsers = PARSERS.iter().map(|dialect| (dialect.parser)());
        LogReader {
            parsers: parsers.collect(),
            traps: trap::TrapLog::default(),
            cut: None,
            has_reports_of_faults: false,
        }
    }
}

impl LogReader {
    /// A reader that makes a report of each fault as well, for who explains them.
    pub fn of_reports() -> LogReader {
        LogReader {
            has_reports_of_faults: true,
            ..LogReader::default()
        }
    }

    /// How many bytes of lines at the beginning of a text say nothing of faults and traps. Who does
    /// not show them passes over them, at the speed of one look for all marks at once; the line
    /// that follows is the next for [`LogReader::line`].
    pub fn skip(&mut self, text: &[u8]) -> usize {
        if self.cut.is_some() {
            return 0;
        }
        self.traps.skip(text)
    }

    /// Takes the next line, without its end.
    pub fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(LogFinding)) -> LineUse {
        let line = plain(line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let line = match self.cut.take() {
            None => Cow::Borrowed(line),
            Some(cut) => match wrapped::joined(&cut, line) {
                Some(joined) => Cow::Owned(joined),
                None => {
                    self.traps.take(&cut, false, emit);
                    Cow::Borrowed(line)
                }
            },
        };
        if self.is_fault(&line, emit) {
            if self.has_reports_of_faults {
                self.traps.take(&line, true, emit);
            } else {
                self.traps.skip_told();
            }
            return LineUse::Consumed;
        }
        if wrapped::may_be_cut(&line) && self.traps.minds(&line) {
            self.cut = Some(line.into_owned());
        } else {
            self.traps.take(&line, false, emit);
        }
        LineUse::Text
    }

    fn is_fault(&mut self, line: &[u8], emit: &mut dyn FnMut(LogFinding)) -> bool {
        let mut is_fault = false;
        for parser in &mut self.parsers {
            is_fault |= parser.line(line, emit) == LineUse::Consumed;
        }
        is_fault
    }

    /// The log has ended: emits what waited for more lines.
    pub fn finish(&mut self, emit: &mut dyn FnMut(LogFinding)) {
        if let Some(cut) = self.cut.take() {
            self.traps.take(&cut, false, emit);
        }
        for parser in &mut self.parsers {
            parser.finish(emit);
        }
        self.traps.finish(emit);
    }
}

/// Every trap in a text, in its order.
pub fn crashes(text: &[u8]) -> Vec<CrashReport> {
    let mut found = Vec::new();
    let mut traps = TrapText::default();
    traps.take(text, &mut |report| found.push(report));
    traps.finish(&mut |report| found.push(report));
    found
}

/// The hexadecimal number behind a mark, `0x` or not; `None` where none stands there.
fn hex_after(line: &[u8], mark: &str) -> Option<u64> {
    let after = &line[memmem::find(line, mark.as_bytes())? + mark.len()..];
    let digits = after.strip_prefix(b"0x").unwrap_or(after);
    let count = digits
        .iter()
        .take_while(|it| it.is_ascii_hexdigit())
        .count();
    let is_number = count > 0 && !digits.get(count).is_some_and(u8::is_ascii_alphanumeric);
    number(&digits[..count], 16).filter(|_| is_number)
}

/// The hexadecimal number of `name=value`.
fn field(line: &[u8], name: &str) -> Option<u64> {
    hex_after(line, &format!("{name}="))
}

/// What stands before and after each mark; what comes after reaches to the next one.
fn around<'a>(
    line: &'a [u8],
    mark: &'a Finder<'static>,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    mark.find_iter(line).map(|at| {
        let after = &line[at + mark.needle().len()..];
        let end = mark.find(after).unwrap_or(after.len());
        (&line[..at], &after[..end])
    })
}

/// The number that these digits write.
fn number<T: Number>(digits: &[u8], radix: u32) -> Option<T> {
    // `from_str_radix` would take a sign, and wants to be shown that it is UTF-8.
    let mut value = (!digits.is_empty()).then_some(0_u64)?;
    for digit in digits {
        let digit = char::from(*digit).to_digit(radix)?;
        value = value.checked_mul(radix.into())?.checked_add(digit.into())?;
    }
    T::try_from(value).ok()
}

/// A type that a number on a line may have.
trait Number: TryFrom<u64> {}
impl<T: TryFrom<u64>> Number for T {}

/// The time that stands right before a message: `[    0.010000] `, in
/// microseconds.
fn time_us(before: &[u8]) -> Option<u64> {
    let inside = before.trim_ascii_end().strip_suffix(b"]")?;
    let inside = inside[memrchr(b'[', inside)? + 1..].trim_ascii();
    let dot = memchr(b'.', inside)?;
    let (seconds, fraction) = (&inside[..dot], &inside[dot + 1..]);
    let digits = u32::try_from(fraction.len()).ok();
    let digits = digits.filter(|digits| *digits <= 9)?;
    let fraction: u64 = number(fraction, 10)?;
    let micros = fraction * 1_000_000 / 10u64.pow(digits);
    number::<u64>(seconds, 10)?
        .checked_mul(1_000_000)?
        .checked_add(micros)
}

/// The digits of the field of that name in `NAME: value, NAME: value …`, up to the first byte
/// that is none.
fn digits<'a>(fields: &'a [u8], name: &str, radix: u32) -> Option<&'a [u8]> {
    let at = find_name(fields, name.as_bytes())? + name.len();
    let value = fields[at..].strip_prefix(b": ")?;
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let count = value.iter().take_while(is_digit).count();
    Some(&value[..count]).filter(|digits| !digits.is_empty())
}

/// Where the name of a field begins. To prepare a searcher for each takes longer than to look for
/// its first letter, in a line of 200 bytes.
fn find_name(fields: &[u8], name: &[u8]) -> Option<usize> {
    memchr_iter(*name.first()?, fields).find(|at| fields[*at..].starts_with(name))
}

/// The three numbers that every such line has: cause, EPC, address. Addresses
/// that are not printed at one width were cut, and are not believed.
fn registers(fields: &[u8], names: [&str; 3]) -> Option<(u8, u64, u64)> {
    let [cause, epc, address] = names.map(|name| digits(fields, name, 16));
    let (cause, epc, address) = (cause?, epc?, address?);
    if epc.len() != address.len() {
        return None;
    }
    Some((number(cause, 16)?, number(epc, 16)?, number(address, 16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_stands_right_before_its_message() {
        assert_eq!(time_us(b"ABC[    0.010000] "), Some(10_000));
        assert_eq!(time_us(b"[12.5] "), Some(12_500_000));
        assert_eq!(time_us(b"[    0.010000] nsh> "), None);
        assert_eq!(time_us(b"[1.] "), None);
        assert_eq!(time_us(b"1.5] "), None);
        assert_eq!(time_us(b"[1.-5] "), None);
        assert_eq!(time_us(b"[99999999999999999999.0] "), None);
    }

    #[test]
    fn a_byte_that_is_no_text_before_a_fault_stops_no_reader() {
        let nuttx = "riscv_fillpage: EXCEPTION: Store/AMO page fault. \
                     MCAUSE: 0000000f, EPC: 8000eb08, MTVAL: c0001000";
        let ours = format!(
            "{}SCAUSE: 0000000f, EPC: 8000eb08, STVAL: c0001000",
            abi::text::MARK
        );
        for fault in [nuttx, &ours] {
            for byte in 0x80..=0xff_u8 {
                for before in [
                    &[byte][..],
                    &[byte, byte],
                    &[0xc3, byte, b'x'],
                    &[byte, b' '],
                ] {
                    let mut found = 0;
                    let line = [before, fault.as_bytes(), &[byte]].concat();
                    LogReader::default().line(&line, &mut |finding| {
                        let LogFinding::Fault(sighting) = finding else {
                            panic!("{finding:?}")
                        };
                        found += usize::from(sighting.fault.va == 0xc000_1000);
                    });
                    assert_eq!(found, 1, "{byte:#x}: {fault}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = LogReader::default();
            reader.line(&line, &mut |_| ());
            reader.finish(&mut |_| ());
        }

        #[test]
        fn no_line_that_looks_like_one_panics(
            pieces in prop::collection::vec(prop_oneof![
                8 => prop::sample::select(vec![
                    abi::text::MARK, "riscv_fillpage", ": EXCEPTION: ", "MCAUSE: ", ", EPC: ",
                    "MTVAL: ", ". ", "SCAUSE: ", "STVAL: ", "task: ", "seq: ", "user write", "0f",
                    "é", "[ 1.0] ", "[", "]", ", ", "ffffffffffffffffff", "8000eb08",
                    "scause 0000000f ", "sp 0000000000000000 ", "pagewalk: ",
                ]).prop_map(|text| text.as_bytes().to_vec()),
                2 => prop::collection::vec(any::<u8>(), 1..4),
            ], 0..24)
        ) {
            let mut reader = LogReader::default();
            for line in pieces.concat().split(|byte| *byte == b'\n') {
                reader.line(line, &mut |_| ());
            }
            reader.finish(&mut |_| ());
        }
    }
}
