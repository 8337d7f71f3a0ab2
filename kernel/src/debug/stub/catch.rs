//! Faults that gdb wants to see before they are served: `monitor catch fault`.
//!
//! While there is a filter the fast path is closed and every trap is looked at; while there is none, nothing
//! is. A fault that was caught is let through when its task goes on: it happens again, once.

use core::fmt::Write;

use abi::Access;

use super::debugger::{StopReason, Trapped};
use super::filter::CatchFilter;
use super::monitor;
use crate::platform::Platform;
use crate::system::System;

/// Reads `[TASK] [ADDRESS|START-END|START+SIZE] [CAUSE]`, in any order; the word that is none of them.
#[cold]
#[inline(never)]
fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<CatchFilter, &'a str> {
    let mut filter = CatchFilter::ALL;
    for word in words {
        let access = match word {
            "read" | "load" => Some(Access::Read),
            "write" | "store" => Some(Access::Write),
            "execute" | "fetch" => Some(Access::Execute),
            _ => None,
        };
        if access.is_some() && filter.access.is_none() {
            filter.access = access;
        } else if let (Ok(task), None) = (word.parse(), filter.task) {
            filter.task = Some(task);
        } else if let (Some(span), None) = (span(word), filter.span) {
            filter.span = Some(span);
        } else {
            return Err(word);
        }
    }
    Ok(filter)
}

/// First and last address of what `word` names.
#[cold]
#[inline(never)]
fn span(word: &str) -> Option<(u64, u64)> {
    let hexadecimal = |text: &str| text.starts_with("0x").then(|| monitor::number(text))?;
    let (from, to) = if let Some((from, end)) = word.split_once('-') {
        (hexadecimal(from)?, hexadecimal(end)?.checked_sub(1)?)
    } else if let Some((from, size)) = word.split_once('+') {
        let from = hexadecimal(from)?;
        let last = monitor::number(size)?.checked_sub(1)?;
        (from, from.checked_add(last)?)
    } else {
        let at = hexadecimal(word)?;
        (at, at)
    };
    (from <= to).then_some((from, to))
}

/// Does gdb want to see this fault of the running task? Then it is the reason of a stop.
pub fn caught<P: Platform>(system: &mut System<P>, pc: usize, cause: usize, value: usize) -> bool {
    let slot = system.local.schedule.current();
    let catches = &mut system.debugger.catches;
    if catches.through.has(slot) {
        catches.through.set(slot, false);
        return false;
    }
    let access = match cause {
        12 => Access::Execute,
        13 => Access::Read,
        _ => Access::Write,
    };
    let task = system.tasks.at(slot).tid;
    let filter = catches.filter;
    if !filter.is_some_and(|filter| filter.takes(task, value as u64, access)) {
        return false;
    }
    catches.through.set(slot, true);
    system.debugger.trapped = Some(Trapped {
        slot,
        cause,
        value,
        pc,
    });
    system.debugger.stop = Some(StopReason::Caught(slot));
    true
}

/// What gdb shows of a fault that was caught: who wanted what, where the walk ends, and in which region.
pub fn tell<P: Platform>(system: &System<P>, out: &mut impl Write) {
    let Some(trapped) = system.debugger.trapped else {
        return;
    };
    let (thread, process) = system.tasks.parts(trapped.slot);
    let va = trapped.value as u64;
    let _ = writeln!(
        out,
        "caught before it is served: task {} ({}), {} at {va:#x}, pc {:#x}",
        thread.tid,
        process.line(),
        abi::Cause::decode(trapped.cause as u8),
        trapped.pc
    );
    monitor::walk(system, trapped.slot, va, out);
    let mut regions = process.space.regions().iter();
    match regions.find(|it| (it.base.raw()..it.end().raw()).contains(&va)) {
        Some(region) => {
            let _ = monitor::region(core::slice::from_ref(region), 0, out);
        }
        None => {
            let _ = out.write_str("no region is there: the task would die of it\n");
        }
    }
}

impl<P: Platform> System<P> {
    /// `catch`, `catch fault …` and `catch off`.
    pub(super) fn catch_command<'a>(
        &mut self,
        mut words: impl Iterator<Item = &'a str>,
        out: &mut impl Write,
    ) {
        let filter = &mut self.debugger.catches.filter;
        let wrong = match words.next() {
            None => None,
            Some("fault") => match parse(words) {
                Ok(wanted) => {
                    *filter = Some(wanted);
                    None
                }
                Err(word) => Some(word),
            },
            Some("off") => {
                *filter = None;
                None
            }
            Some(word) => Some(word),
        };
        // What does not fit is cut.
        let _ = match (wrong, filter) {
            (Some(word), _) => writeln!(
                out,
                "catch: `{word}` is no further task, address, range or cause; \
                 example: catch fault 2 0x10000+0x1000 write; catch off"
            ),
            (None, Some(filter)) => writeln!(out, "caught before they are served: {filter}"),
            (None, None) => out.write_str("no fault is caught\n"),
        };
        let is_there = self.debugger.catches.filter.is_some();
        self.frames.fast.watch(is_there);
        self.choose_path();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<CatchFilter, &str> {
        parse(text.split_whitespace())
    }

    #[test]
    fn a_filter_is_a_task_a_place_and_a_cause_in_any_order() {
        assert_eq!(parsed(""), Ok(CatchFilter::ALL));
        let all = CatchFilter {
            task: Some(2),
            span: Some((0x1000, 0x1fff)),
            access: Some(Access::Write),
        };
        for text in [
            "2 0x1000+4096 write",
            "store 0x1000-0x2000 2",
            "0x1000+0x1000 2 write",
        ] {
            assert_eq!(parsed(text), Ok(all), "{text}");
        }
        assert_eq!(parsed("0x10").map(|it| it.span), Ok(Some((0x10, 0x10))));
        let edge = "0xfffffffffffff000+4096";
        assert_eq!(parsed(edge).map(|it| it.span), Ok(Some((!0xfff, !0))));
    }

    #[test]
    fn what_is_none_of_them_is_named() {
        for text in [
            "nonsense",
            "1 2",
            "0x2000-0x1000",
            "0x1-2",
            "read write",
            "0x1+0",
            "0xg",
            "70000",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_filter_takes_what_it_names_and_nothing_else() {
        let filter = parsed("2 0x1000+4096 write").unwrap();
        assert!(filter.takes(2, 0x1fff, Access::Write));
        assert!(!filter.takes(3, 0x1fff, Access::Write));
        assert!(!filter.takes(2, 0x2000, Access::Write));
        assert!(!filter.takes(2, 0x1000, Access::Read));
        assert!(parsed("").unwrap().takes(9, !0, Access::Execute));
    }
}
