//! The fault log, one record a line below a heading.

use core::fmt::{self, Write};

use crate::fault::Log;

/// Index n + 1 is the record with sequence number n, or the oldest that is still kept. Without a log
/// there is one line that says so.
pub fn line(log: Option<&Log>, index: usize, out: &mut impl Write) -> Result<usize, fmt::Error> {
    let Some(log) = log else {
        writeln!(out, "memory kept no fault log of a boot before this one")?;
        return Ok(0);
    };
    if index == 0 {
        writeln!(out, "{} faults, {} forgotten", log.next(), log.oldest())?;
        writeln!(
            out,
            "     SEQ TASK CAUSE ACCESS  {:<18} {:<18} LV OUTCOME            COST",
            "EPC", "ADDRESS"
        )?;
        return Ok(if log.next() > 0 {
            log.oldest() as usize + 1
        } else {
            0
        });
    }
    let sequence = (index as u64 - 1).max(log.oldest());
    let Some(fault) = log.get(sequence) else {
        return Ok(0);
    };
    write!(out, "{sequence:>8} {:>4} {:>5} ", fault.task, fault.cause)?;
    match fault.access {
        0 => write!(out, "{:<7} ", "-")?,
        _ => write!(out, "{:<7} ", Padded(fault.access()))?,
    }
    write!(out, "{:#018x} {:#018x} ", fault.epc, fault.va)?;
    match fault.level() {
        Some(level) => write!(out, "{level:>2} ")?,
        None => write!(out, " - ")?,
    }
    write!(out, "{:<18} ", Padded(fault.outcome()))?;
    match fault.cost() {
        Some(cost) => writeln!(out, "{cost:>4}")?,
        None => writeln!(out, "   -")?,
    }
    Ok(if sequence + 1 < log.next() {
        sequence as usize + 2
    } else {
        0
    })
}

/// Pads what a type prints, whether or not its own `Display` minds the width.
struct Padded<T>(T);

impl<T: fmt::Display> fmt::Display for Padded<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        struct Counted<'a, 'b>(&'a mut fmt::Formatter<'b>, usize);
        impl Write for Counted<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.1 += text.chars().count();
                self.0.write_str(text)
            }
        }
        let width = f.width().unwrap_or(0);
        let mut counted = Counted(f, 0);
        write!(counted, "{}", self.0)?;
        let used = counted.1;
        (used..width).try_for_each(|_| f.write_char(' '))
    }
}
