//! Our own line of a fault, as `abi::text` prints it; see `docs/wire.md`. And what a kernel of ours
//! says when it ends:
//!
//! ```text
//! pagewalk: kernel fault: Load page fault
//!   scause 000000000000000d sepc ffffffff80005a3c stval 0000000000000010
//!   sp ffffffff80098f10 ra ffffffff80005a20 satp 8000000000080120 time 3141592
//! ```

use abi::text::MARK;
use abi::{Access, Class, Fault, Outcome, Sighting, Source};

use super::draft::{TrapDialect, nothing_more};
use super::{
    LineUse, LogFinding, LogParser, Number, around, digits, find_name, number, registers, time_us,
};

/// The row of its last words.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Pagewalk",
    begins: &["pagewalk: "],
    marks: &[],
    says: true,
    more: nothing_more,
};

/// Our own lines: each stands alone.
pub(super) struct PagewalkLog;

impl LogParser for PagewalkLog {
    fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(LogFinding)) -> LineUse {
        let mut line_use = LineUse::Text;
        faults(line, &mut |sighting| {
            line_use = LineUse::Consumed;
            emit(LogFinding::Fault(sighting));
        });
        line_use
    }
}

/// Emits every fault that stands in the line.
fn faults(line: &[u8], emit: &mut dyn FnMut(Sighting)) {
    for (before, fields) in around(line, MARK) {
        if let Some(sighting) = sighting(time_us(before), fields) {
            emit(sighting);
        }
    }
}

fn sighting(time_us: Option<u64>, fields: &[u8]) -> Option<Sighting> {
    let (cause, epc, va) = registers(fields, ["SCAUSE", "EPC", "STVAL"])?;
    let mut fault = Fault {
        time: time_us.unwrap_or(0),
        epc,
        va,
        cause,
        ..Fault::EMPTY
    };
    fault.task = decimal(fields, "task").unwrap_or(Fault::NO_TASK);
    let mut words = words(fields);
    if let Some((source, access)) = words.next().and_then(who_and_how) {
        (fault.source, fault.access) = (source.number(), access.map_or(0, Access::number));
    }
    fault.class = words.next().and_then(Class::named).map_or(0, Class::number);
    fault.outcome = words
        .next()
        .and_then(Outcome::named)
        .map_or(0, Outcome::number);
    if let Some(level) = decimal(fields, "level") {
        fault.level = level;
    }
    fault.entry = hex(fields, "entry").unwrap_or(0);
    fault.frame = u32::try_from(hex(fields, "frame").unwrap_or(0) >> 12).unwrap_or(0);
    fault.cost = decimal(fields, "cost").unwrap_or(0);
    Some(Sighting {
        seq: decimal(fields, "seq"),
        time_us,
        fault,
    })
}

/// What stands between commas and is not `NAME: value`; a part that is no text is no word.
fn words(fields: &[u8]) -> impl Iterator<Item = &str> {
    let parts = fields.split(|byte| *byte == b',');
    parts
        .filter(|part| find_name(part, b": ").is_none())
        .map(|part| str::from_utf8(part.trim_ascii()).unwrap_or_default())
}

/// `user write`, or only `user` where the cause implies no access.
fn who_and_how(words: &str) -> Option<(Source, Option<Access>)> {
    if let Some(source) = Source::named(words) {
        return Some((source, None));
    }
    let mut split = words.match_indices(' ').map(|(at, _)| words.split_at(at));
    split.find_map(|(who, how)| {
        let source = Source::named(who)?;
        Some((source, Some(Access::named(how.trim_start())?)))
    })
}

fn decimal<T: Number>(fields: &[u8], name: &str) -> Option<T> {
    number(digits(fields, name, 10)?, 10)
}

fn hex(fields: &[u8], name: &str) -> Option<u64> {
    number(digits(fields, name, 16)?, 16)
}

#[cfg(test)]
mod tests {
    use abi::Cause;
    use abi::text::Line;
    use proptest::prelude::*;

    use super::*;

    fn all(line: &str) -> Vec<Sighting> {
        let mut found = Vec::new();
        faults(line.as_bytes(), &mut |sighting| found.push(sighting));
        found
    }

    fn number_of<T: Copy + std::fmt::Debug>(
        all: &'static [T],
        number: fn(T) -> u8,
    ) -> impl Strategy<Value = u8> {
        prop_oneof![9 => prop::sample::select(all).prop_map(number), 1 => 1u8..]
    }

    prop_compose! {
        fn any_fault()(
            time in 0..u64::MAX / 1_000_000, epc: u64, va: u64, entry: u64, frame: u32,
            cost: u32, task: u16, level in prop_oneof![0u8..4, Just(Fault::NO_LEVEL)],
            cause in number_of(Cause::ALL, Cause::number),
            access in prop_oneof![Just(0), number_of(Access::ALL, Access::number)],
            source in number_of(Source::ALL, Source::number),
            class in number_of(Class::ALL, Class::number),
            outcome in number_of(Outcome::ALL, Outcome::number),
        ) -> Fault {
            let entry = if level == Fault::NO_LEVEL { 0 } else { entry };
            Fault {
                time, epc, va, entry, frame, cost, task, cause, access, level, source, class,
                outcome, ..Fault::EMPTY
            }
        }
    }

    proptest! {
        #[test]
        fn what_the_kernel_prints_the_host_reads(fault in any_fault(), seq: u64) {
            let line = Line { fault: &fault, seq, ticks_per_second: 1_000_000 };
            let found = all(&format!("pw> {line}\r"));
            let expected = Sighting { seq: Some(seq), time_us: Some(fault.time), fault };
            prop_assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn a_prompt_behind_the_line_is_not_its_business() {
        let fault = Fault {
            cause: 13,
            source: 1,
            access: 1,
            cost: 700,
            ..Fault::EMPTY
        };
        let line = Line {
            fault: &fault,
            seq: 1,
            ticks_per_second: 0,
        };
        assert_eq!(all(&format!("{line}pw> hello"))[0].fault, fault);
    }

    #[test]
    fn last_words_are_found_between_other_text_and_behind_timestamps() {
        let text = "hello\n[   9.1] pagewalk: no frames left\r\n\
            [   9.1]   scause 0000000000000003 sepc ffffffff80000010 <die+0x4> stval 0000000000000000\r\n\
            [   9.1]   sp ffffffff80098f10 ra ffffffff80005a20 satp 8000000000080120 time 42\r\n\
            \x20 gdb can still ask: target remote on this line\nsp ffffffff80000000\n\
            scause 0000000f sepc 80000000 stval 00000004\n";
        let found = super::super::crashes(text.as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].message.as_deref(), Some("no frames left"));
        assert_eq!((found[0].digits, found[1].digits), (16, 8));
        let names: Vec<_> = found[0].registers.iter().map(|(name, _)| &**name).collect();
        assert_eq!(
            names,
            ["scause", "sepc", "stval", "sp", "ra", "satp", "time"]
        );
        assert_eq!(found[0].register("time"), Some(42));
        assert_eq!(found[1].register("stval"), Some(4));
        assert_eq!(found[1].message, None);
    }

    #[test]
    fn words_that_only_look_like_registers_are_none() {
        assert!(super::super::crashes(b"the scause is 13\nsp 12\nscause xyz").is_empty());
    }
}
