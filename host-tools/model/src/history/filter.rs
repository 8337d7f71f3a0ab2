//! Which faults are meant: `task:2 cause:store addr:0x2000-0x3000 heap`.
//!
//! Every word must hold. A word of `key:value` is about one field; any other is looked for in all of them.

use std::collections::BTreeMap;

use abi::{Access, Cause, Class, Outcome};
use thiserror::Error;

use super::HistoryRow;

/// Names of tasks by id, for `task:NAME`.
pub type TaskNames = BTreeMap<u16, String>;

/// Keys of a filter, as errors list them.
const KEYS: &str = "addr, boot, cause, class, cost, hart, outcome, pc, task";

/// Why a text is no filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FilterError {
    /// No field has this key.
    #[error("unknown filter key `{0}`; known keys: {KEYS}")]
    UnknownKey(String),
    /// The value is of another kind.
    #[error("`{key}:{value}`: expected {expected}")]
    BadValue {
        /// The key before the colon.
        key: String,
        /// What stands behind it.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
}

/// A parsed filter; the empty one passes every fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultFilter {
    words: Vec<Word>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// Virtual address, first and last.
    Address(u64, u64),
    /// Address of the instruction, first and last.
    Pc(u64, u64),
    Boot(u64),
    Hart(u64),
    /// Tasks of a name or number.
    Task(String),
    /// Cause by a part of its text, or by its number; or the access.
    Cause(CauseMatch),
    Class(NumberSet),
    Outcome(NumberSet),
    /// Instructions at least, and at most.
    Cost(u64, u64),
    /// The fault ended its task.
    Killed,
    /// A part of any field.
    Any(Box<AnyMatch>),
}

/// A set of the numbers 0 to 255: texts are compared once for each number, not once for each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct NumberSet([u64; 4]);

impl NumberSet {
    fn of(is_in: impl Fn(u8) -> bool) -> NumberSet {
        let mut set = NumberSet::default();
        for number in (0..=u8::MAX).filter(|number| is_in(*number)) {
            set.0[usize::from(number / 64)] |= 1 << (number % 64);
        }
        set
    }

    /// Numbers whose text contains `part`, except for 0, which stands for "not known".
    fn of_text<T: ToString>(decode: impl Fn(u8) -> T, part: &str) -> NumberSet {
        if let Ok(wanted) = part.parse::<u8>() {
            return NumberSet::of(|number| number == wanted);
        }
        NumberSet::of(|number| {
            number != 0 && decode(number).to_string().to_lowercase().contains(part)
        })
    }

    fn contains(&self, number: u8) -> bool {
        self.0[usize::from(number / 64)] >> (number % 64) & 1 != 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CauseMatch {
    causes: NumberSet,
    accesses: NumberSet,
}

impl CauseMatch {
    fn of(part: &str) -> CauseMatch {
        if let Ok(number) = part.parse::<u8>() {
            return CauseMatch {
                causes: NumberSet::of(|it| it == number),
                accesses: NumberSet::default(),
            };
        }
        let is_named = |number| {
            Cause::decode(number)
                .to_string()
                .to_lowercase()
                .contains(part)
        };
        CauseMatch {
            causes: NumberSet::of(is_named),
            accesses: NumberSet::of_text(Access::decode, part),
        }
    }

    fn passes(&self, row: &HistoryRow) -> bool {
        self.causes.contains(row.cause) || self.accesses.contains(row.access)
    }
}

/// A text that may stand in any field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AnyMatch {
    part: String,
    cause: CauseMatch,
    class: NumberSet,
    outcome: NumberSet,
    /// It could be a part of a hexadecimal number, of a decimal one, of a time.
    is_hex: bool,
    is_decimal: bool,
    is_time: bool,
}

impl AnyMatch {
    fn of(part: &str) -> AnyMatch {
        let is_decimal = part.bytes().all(|it| it.is_ascii_digit());
        AnyMatch {
            part: part.to_owned(),
            cause: CauseMatch::of(part),
            class: NumberSet::of_text(Class::decode, part),
            outcome: NumberSet::of_text(Outcome::decode, part),
            is_hex: part.bytes().all(|it| it.is_ascii_hexdigit() || it == b'x'),
            is_decimal,
            is_time: part.contains('.') && part.bytes().all(|it| it.is_ascii_digit() || it == b'.'),
        }
    }

    fn passes(&self, row: &HistoryRow, names: &TaskNames) -> bool {
        let part = &self.part;
        self.cause.passes(row)
            || self.class.contains(row.class) && row.outcome != 0
            || self.outcome.contains(row.outcome)
            || self.is_hex
                && (format!("{:#x}", row.va).contains(part)
                    || format!("{:#x}", row.epc).contains(part))
            || self.is_decimal && row.task.to_string() == *part
            || self.is_time && time_text(row.at_us).contains(part)
            || names.get(&row.task).is_some_and(|name| name.contains(part))
    }
}

fn time_text(at_us: u64) -> String {
    format!("{}.{:06}", at_us / 1_000_000, at_us % 1_000_000)
}

impl FaultFilter {
    /// Parses words that are separated by spaces.
    pub fn parse(text: &str) -> Result<FaultFilter, FilterError> {
        let text = text.to_lowercase();
        let words = text.split_whitespace().map(word);
        Ok(FaultFilter {
            words: words.collect::<Result<_, _>>()?,
        })
    }

    /// Whether it passes everything.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a fault passes. `names` are those of tasks, in lower case.
    pub fn passes(&self, row: &HistoryRow, names: &TaskNames) -> bool {
        self.words.iter().all(|word| word.passes(row, names))
    }
}

fn word(text: &str) -> Result<Word, FilterError> {
    if text == "killed" {
        return Ok(Word::Killed);
    }
    let Some((key, value)) = text.split_once(':') else {
        return Ok(Word::Any(Box::new(AnyMatch::of(text))));
    };
    let bad = |expected| FilterError::BadValue {
        key: key.to_owned(),
        value: value.to_owned(),
        expected,
    };
    let decimal = || value.parse().map_err(|_| bad("a decimal number"));
    Ok(match key {
        "addr" | "address" | "va" => {
            let (first, last) = range(value).ok_or_else(|| bad(RANGE))?;
            Word::Address(first, last)
        }
        "pc" | "epc" => {
            let (first, last) = range(value).ok_or_else(|| bad(RANGE))?;
            Word::Pc(first, last)
        }
        "cost" => {
            let (least, most) = costs(value).ok_or_else(|| bad("N, N-M, >N or <N instructions"))?;
            Word::Cost(least, most)
        }
        "boot" => Word::Boot(decimal()?),
        "hart" => Word::Hart(decimal()?),
        "task" => Word::Task(value.to_owned()),
        "cause" => Word::Cause(CauseMatch::of(value)),
        "class" | "region" => Word::Class(NumberSet::of_text(Class::decode, value)),
        "outcome" => Word::Outcome(NumberSet::of_text(Outcome::decode, value)),
        _ => return Err(FilterError::UnknownKey(key.to_owned())),
    })
}

const RANGE: &str = "ADDRESS, FIRST-LAST or ADDRESS+BYTES in hexadecimal";

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// First and last address. A single one that is a page's stands for the whole page.
fn range(text: &str) -> Option<(u64, u64)> {
    if let Some((first, last)) = text.split_once('-') {
        return Some((hexadecimal(first)?, hexadecimal(last)?));
    }
    if let Some((first, bytes)) = text.split_once('+') {
        let first = hexadecimal(first)?;
        return Some((
            first,
            first.saturating_add(hexadecimal(bytes)?.checked_sub(1)?),
        ));
    }
    let address = hexadecimal(text)?;
    match address & 0xfff {
        0 => Some((address, address | 0xfff)),
        _ => Some((address, address)),
    }
}

fn costs(text: &str) -> Option<(u64, u64)> {
    if let Some(least) = text.strip_prefix('>') {
        return Some((least.parse::<u64>().ok()?.checked_add(1)?, u64::MAX));
    }
    if let Some(most) = text.strip_prefix('<') {
        return Some((0, most.parse::<u64>().ok()?.checked_sub(1)?));
    }
    match text.split_once('-') {
        Some((least, most)) => Some((least.parse().ok()?, most.parse().ok()?)),
        None => text.parse().ok().map(|cost| (cost, cost)),
    }
}

impl Word {
    fn passes(&self, row: &HistoryRow, names: &TaskNames) -> bool {
        let within = |first: u64, last: u64, at: u64| first <= at && at <= last;
        match self {
            Word::Address(first, last) => within(*first, *last, row.va),
            Word::Pc(first, last) => within(*first, *last, row.epc),
            Word::Boot(boot) => u64::from(row.boot) == *boot,
            Word::Hart(hart) => u64::from(row.hart) == *hart,
            Word::Cost(least, most) => row
                .cost()
                .is_some_and(|cost| within(*least, *most, cost.into())),
            Word::Killed => row.is_refusal(),
            Word::Task(task) => is_task(row, names, task),
            Word::Cause(cause) => cause.passes(row),
            Word::Class(class) => row.outcome != 0 && class.contains(row.class),
            Word::Outcome(outcome) => outcome.contains(row.outcome),
            Word::Any(part) => part.passes(row, names),
        }
    }
}

fn is_task(row: &HistoryRow, names: &TaskNames, wanted: &str) -> bool {
    if wanted == "none" {
        return row.fault().task().is_none();
    }
    match wanted.parse::<u16>() {
        Ok(number) => row.fault().task() == Some(number),
        Err(_) => names
            .get(&row.task)
            .is_some_and(|name| name.contains(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::history_of;
    use super::*;

    fn ids(filter: &str) -> Vec<u64> {
        let history = history_of(&[
            (0, 1_500_000, 0x20_0000_0010, 2, Outcome::Zeroed, 82),
            (1, 1_600_000, 0x20_0000_1000, 2, Outcome::StackGrown, 430),
            (2, 2_000_000, 0x8, 3, Outcome::NoRegion, 900),
        ]);
        let names = TaskNames::from([(2, "pace_test 40".to_owned()), (3, "faulter".to_owned())]);
        let filter = FaultFilter::parse(filter).unwrap();
        history
            .rows()
            .filter(|(_, row)| filter.passes(row, &names))
            .map(|(id, _)| id)
            .collect()
    }

    #[test]
    fn each_key_and_all_words_together() {
        for (filter, wanted) in [
            ("", &[1, 2, 3][..]),
            ("task:2", &[1, 2]),
            ("task:faul", &[3]),
            ("cause:store", &[1, 2, 3]),
            ("cause:15", &[1, 2, 3]),
            ("cause:13", &[]),
            ("outcome:zeroed", &[1]),
            ("outcome:no", &[3]),
            ("addr:0x2000001000", &[2]),
            ("addr:0x2000000000", &[1]),
            ("addr:2000000000-2000001fff", &[1, 2]),
            ("addr:0x2000000000+1000", &[1]),
            ("pc:10000", &[1, 2, 3]),
            ("cost:82", &[1]),
            ("cost:>82", &[2, 3]),
            ("cost:<430", &[1]),
            ("killed", &[3]),
            ("boot:0 hart:0", &[1, 2, 3]),
            ("boot:1", &[]),
            ("task:2 outcome:stack", &[2]),
            ("STORE pace", &[1, 2]),
            ("0x2000001", &[2]),
            ("1.60", &[2]),
            ("nothing-like-this", &[]),
        ] {
            assert_eq!(ids(filter), wanted, "{filter}");
        }
    }

    #[test]
    fn a_wrong_filter_says_what_is_known() {
        let error = |filter| FaultFilter::parse(filter).unwrap_err().to_string();
        assert_eq!(
            error("tsk:2"),
            "unknown filter key `tsk`; known keys: addr, boot, cause, class, cost, hart, outcome, pc, task"
        );
        assert_eq!(
            error("addr:heap"),
            "`addr:heap`: expected ADDRESS, FIRST-LAST or ADDRESS+BYTES in hexadecimal"
        );
        assert!(error("hart:x").contains("a decimal number"));
        assert!(error("addr:10+0").contains("expected"));
    }
}
