//! Text logs: one file per dialect, ours and other kernels'.
//!
//! A serial log is rarely clean: boot messages without a line end stand before a fault, a shell's
//! prompt in the middle of a line, two faults on one. So each parser looks for its marks anywhere
//! in a line and reads from there. What takes several lines, as a register dump does, is kept by
//! its parser until it is complete.
//!
//! To add a dialect: a file with a [`LogParser`], and its row in [`PARSERS`].

use abi::Sighting;

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
    /// Takes the next line, without its end, and emits what it completes.
    fn line(&mut self, line: &str, emit: &mut dyn FnMut(LogFinding)) -> LineUse;

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
    pub fn line(&mut self, line: &str, emit: &mut dyn FnMut(LogFinding)) -> LineUse {
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
        reader.line(line, &mut keep);
    }
    reader.finish(&mut keep);
    found
}

/// The time that stands right before a message: `[    0.010000] `, in
/// microseconds.
fn time_us(before: &str) -> Option<u64> {
    let (_, inside) = before.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let (seconds, fraction) = inside.trim().split_once('.')?;
    let digits = u32::try_from(fraction.len())
        .ok()
        .filter(|digits| *digits <= 9)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) {
        return None;
    }
    let fraction: u64 = fraction.parse().ok()?;
    let micros = fraction * 1_000_000 / 10u64.pow(digits);
    seconds
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(micros)
}

/// The field of that name in `NAME: value, NAME: value …`, its value up to the
/// first byte that cannot belong to a hexadecimal number.
fn hex<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let at = fields.find(name)? + name.len();
    let value = fields[at..].strip_prefix(": ")?;
    let end = value
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(value.len());
    Some(&value[..end]).filter(|digits| !digits.is_empty())
}

/// The three numbers that every such line has: cause, EPC, address. Addresses
/// that are not printed at one width were cut, and are not believed.
fn registers(fields: &str, names: [&str; 3]) -> Option<(u8, u64, u64)> {
    let [cause, epc, address] = names.map(|name| hex(fields, name));
    let (cause, epc, address) = (cause?, epc?, address?);
    if epc.len() != address.len() {
        return None;
    }
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
    Some((
        u8::try_from(number(cause)?).ok()?,
        number(epc)?,
        number(address)?,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_stands_right_before_its_message() {
        assert_eq!(time_us("ABC[    0.010000] "), Some(10_000));
        assert_eq!(time_us("[12.5] "), Some(12_500_000));
        assert_eq!(time_us("[    0.010000] nsh> "), None);
        assert_eq!(time_us("[1.] "), None);
        assert_eq!(time_us("[1.-5] "), None);
        assert_eq!(time_us("[99999999999999999999.0] "), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC*") {
            let mut reader = LogReader::default();
            reader.line(&line, &mut |_| ());
            reader.finish(&mut |_| ());
        }

        #[test]
        fn no_line_that_looks_like_one_panics(
            pieces in prop::collection::vec(prop_oneof![
                Just(abi::text::MARK), Just("riscv_fillpage: EXCEPTION: "), Just("MCAUSE: "),
                Just(", EPC: "), Just("MTVAL: "), Just(". "), Just("SCAUSE: "), Just("STVAL: "),
                Just("task: "), Just("seq: "), Just("user write"), Just("0f"), Just("é"),
                Just("[ 1.0] "), Just(", "), Just("ffffffffffffffffff"), Just("\n"),
                Just("scause 0000000f "), Just("sp 0000000000000000 "), Just("pagewalk: "),
            ], 0..20)
        ) {
            crashes(&pieces.concat());
        }
    }
}
