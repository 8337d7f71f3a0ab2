//! Our own line of a fault, as `abi::text` prints it; see `docs/wire.md`. And what a kernel of ours
//! says when it ends:
//!
//! ```text
//! pagewalk: kernel fault: Load page fault
//!   scause 000000000000000d sepc ffffffff80005a3c stval 0000000000000010
//!   sp ffffffff80098f10 ra ffffffff80005a20 satp 8000000000080120 time 3141592
//! ```

use std::sync::LazyLock;

use abi::{Access, Class, Fault, Outcome, Sighting, Source};
use memchr::memchr_iter;
use memchr::memmem::Finder;

use super::draft::{PLAIN, TrapDialect};
use super::{LineUse, LogFinding, LogParser, around, time_us};

/// The row of its last words.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "Pagewalk",
    begins: &["pagewalk: "],
    says: true,
    ..PLAIN
};

static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(abi::text::MARK));

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
    for (before, fields) in around(line, &MARK) {
        if let Some(sighting) = sighting(time_us(before), fields) {
            emit(sighting);
        }
    }
}

/// One look at each part between commas: a line of twelve fields that is looked through for each of
/// them takes several times as long, and a log has a million lines.
fn sighting(time_us: Option<u64>, fields: &[u8]) -> Option<Sighting> {
    let mut fault = Fault {
        time: time_us.unwrap_or(0),
        task: Fault::NO_TASK,
        ..Fault::EMPTY
    };
    let (mut seq, mut words) = (None, 0);
    let [mut cause, mut epc, mut va] = [None; 3];
    for part in parts(fields) {
        let Some((name, value)) = field(part) else {
            let word = str::from_utf8(part.trim_ascii()).unwrap_or_default();
            put_word(&mut fault, words, word);
            words += 1;
            continue;
        };
        match name {
            b"SCAUSE" => cause = number::<16>(value),
            b"EPC" => epc = number::<16>(value),
            b"STVAL" => va = number::<16>(value),
            b"task" => fault.task = as_number::<10, _>(value).unwrap_or(Fault::NO_TASK),
            b"seq" => seq = as_number::<10, _>(value),
            b"level" => fault.level = as_number::<10, _>(value).unwrap_or(fault.level),
            b"entry" => fault.entry = as_number::<16, _>(value).unwrap_or(0),
            b"frame" => {
                let frame: u64 = as_number::<16, _>(value).unwrap_or(0);
                fault.frame = u32::try_from(frame >> 12).unwrap_or(0);
            }
            b"cost" => fault.cost = as_number::<10, _>(value).unwrap_or(0),
            _ => {}
        }
    }
    let ((cause, _), (epc, epc_digits), (va, va_digits)) = (cause?, epc?, va?);
    // Addresses that are not printed at one width were cut, and are not believed.
    if epc_digits != va_digits {
        return None;
    }
    fault.cause = u8::try_from(cause).ok()?;
    (fault.epc, fault.va) = (epc, va);
    Some(Sighting {
        seq,
        time_us,
        fault,
    })
}

/// The words of a line, by their place: who accessed and how, the kind of region, the outcome.
fn put_word(fault: &mut Fault, place: usize, word: &str) {
    match place {
        0 => {
            if let Some((source, access)) = who_and_how(word) {
                (fault.source, fault.access) = (source.number(), access.map_or(0, Access::number));
            }
        }
        1 => fault.class = Class::named(word).map_or(0, Class::number),
        2 => fault.outcome = Outcome::named(word).map_or(0, Outcome::number),
        _ => {}
    }
}

fn parts(fields: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    let ends = memchr_iter(b',', fields).chain([fields.len()]);
    ends.map(move |end| {
        let part = &fields[from..end];
        from = end + 1;
        part
    })
}

/// Name and value of `… NAME: value`.
fn field(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut colons = part.iter().enumerate().filter(|(_, byte)| **byte == b':');
    let (colon, _) = colons.find(|(at, _)| part.get(at + 1) == Some(&b' '))?;
    let name = part[..colon].iter().rev();
    let letters = name.take_while(|it| it.is_ascii_alphanumeric()).count();
    Some((&part[colon - letters..colon], &part[colon + 2..]))
}

/// The number that the value begins with, and how many digits it has. The radix is known where it is
/// called: a constant makes it shifts.
fn number<const RADIX: u32>(value: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut count) = (0_u64, 0);
    for byte in value {
        let Some(digit) = char::from(*byte).to_digit(RADIX) else {
            break;
        };
        number = number
            .checked_mul(RADIX.into())?
            .checked_add(digit.into())?;
        count += 1;
    }
    (count > 0).then_some((number, count))
}

fn as_number<const RADIX: u32, T: TryFrom<u64>>(value: &[u8]) -> Option<T> {
    T::try_from(number::<RADIX>(value)?.0).ok()
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
        let names: Vec<_> = found[0].registers.iter().map(|(name, _)| *name).collect();
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
