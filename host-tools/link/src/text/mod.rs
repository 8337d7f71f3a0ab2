//! Text logs: one file per dialect, ours and other kernels'.
//!
//! A serial log is rarely clean: boot messages without a line end stand before a fault, a shell's
//! prompt in the middle of a line, two faults on one. So each parser looks for its marks anywhere
//! in a line and reads from there. What takes several lines, as a register dump does, is kept by
//! its parser until it is complete.
//!
//! To add a dialect: a file with a [`LogParser`], and its row in [`PARSERS`].

use abi::Sighting;
use memchr::{memchr, memmem, memrchr};

mod nuttx;
mod pagewalk;
pub mod report;

pub use report::CrashReport;

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

/// One dialect of log, read line by line. It may remember earlier lines.
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
    /// It has lines for faults that its kernel resolved; else only for traps that ended it.
    pub has_faults: bool,
    /// A parser at the beginning of a log.
    pub parser: fn() -> Box<dyn LogParser>,
}

/// Every dialect, in the order in which they are asked.
pub const PARSERS: &[LogDialect] = &[
    LogDialect {
        name: "Pagewalk",
        has_faults: true,
        parser: || Box::new(pagewalk::PagewalkLog),
    },
    LogDialect {
        name: "NuttX",
        has_faults: true,
        parser: || Box::new(nuttx::NuttxLog),
    },
    LogDialect {
        name: "Pagewalk's last words",
        has_faults: false,
        parser: || Box::new(report::CrashLog::default()),
    },
];

/// One log, read in every dialect at once: nobody has to say whose it is.
pub struct LogReader {
    parsers: Vec<Box<dyn LogParser>>,
}

impl Default for LogReader {
    fn default() -> Self {
        let parsers = PARSERS.iter().map(|dialect| (dialect.parser)());
        LogReader {
            parsers: parsers.collect(),
        }
    }
}

impl LogReader {
    /// Takes the next line, without its end.
    pub fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(LogFinding)) -> LineUse {
        let mut line_use = LineUse::Text;
        for parser in &mut self.parsers {
            if parser.line(line, emit) == LineUse::Consumed {
                line_use = LineUse::Consumed;
            }
        }
        line_use
    }

    /// The log has ended: emits what waited for more lines.
    pub fn finish(&mut self, emit: &mut dyn FnMut(LogFinding)) {
        for parser in &mut self.parsers {
            parser.finish(emit);
        }
    }
}

/// Every crash in a text, in its order.
pub fn crashes(text: &str) -> Vec<CrashReport> {
    let mut found = Vec::new();
    let mut keep = |finding| match finding {
        LogFinding::Crash(report) => found.push(report),
        LogFinding::Fault(_) => {}
    };
    let mut reader = LogReader::default();
    for line in text.lines() {
        reader.line(line.as_bytes(), &mut keep);
    }
    reader.finish(&mut keep);
    found
}

/// What stands before and after each `mark`; what comes after reaches to the next one.
fn around<'a>(line: &'a [u8], mark: &'a str) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    memmem::find_iter(line, mark).map(|at| {
        let after = &line[at + mark.len()..];
        let end = memmem::find(after, mark.as_bytes()).unwrap_or(after.len());
        (&line[..at], &after[..end])
    })
}

/// The number that these digits write.
fn number<T: Number>(digits: &[u8], radix: u32) -> Option<T> {
    // `from_str_radix` would take a sign.
    let is_number = digits.iter().all(|it| char::from(*it).is_digit(radix));
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    T::try_from(u64::from_str_radix(digits, radix).ok()?).ok()
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
    let at = memmem::find(fields, name.as_bytes())? + name.len();
    let value = fields[at..].strip_prefix(b": ")?;
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let count = value.iter().take_while(is_digit).count();
    Some(&value[..count]).filter(|digits| !digits.is_empty())
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
