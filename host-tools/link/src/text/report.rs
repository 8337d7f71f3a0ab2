//! What a kernel of ours says when it ends, wherever it stands between other text.
//!
//! ```text
//! pagewalk: kernel fault: Load page fault
//!   scause 000000000000000d sepc ffffffff80005a3c stval 0000000000000010
//!   sp ffffffff80098f10 ra ffffffff80005a20 satp 8000000000080120 time 3141592
//! ```

use super::{LineUse, LogFinding, LogParser};

/// Registers as they were printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrashReport {
    /// What the kernel said.
    pub message: Option<String>,
    /// Name and value of each register that the report tells, in its order.
    pub registers: Vec<(String, u64)>,
    /// Digits of a register: 8 on a hart of 32 bits, 16 on one of 64.
    pub digits: usize,
}

impl CrashReport {
    /// A register by name.
    pub fn register(&self, name: &str) -> Option<u64> {
        let found = self.registers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }
}

const NAMES: [&str; 7] = ["scause", "sepc", "stval", "sp", "ra", "satp", "time"];

/// A report may take several lines: it is complete at the first line without a register.
#[derive(Default)]
pub(super) struct CrashLog {
    /// The last message of a kernel of ours, for the report that may follow it.
    message: Option<String>,
    open: Option<CrashReport>,
}

impl LogParser for CrashLog {
    fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(LogFinding)) -> LineUse {
        let line = String::from_utf8_lossy(line);
        let registers = registers(&line);
        if registers.iter().any(|(name, _, _)| name == "scause") {
            self.finish(emit);
            self.open = Some(CrashReport {
                message: self.message.take(),
                ..CrashReport::default()
            });
        }
        match self.open.as_mut().filter(|_| !registers.is_empty()) {
            Some(report) => {
                for (name, digits, value) in registers {
                    if name != "time" {
                        report.digits = report.digits.max(digits);
                    }
                    report.registers.push((name, value));
                }
            }
            None => {
                self.finish(emit);
                let message = line.split_once("pagewalk: ");
                if let Some((_, message)) = message {
                    self.message = Some(message.trim().to_owned());
                }
            }
        }
        // A reader of the console wants to see a kernel's last words.
        LineUse::Text
    }

    fn finish(&mut self, emit: &mut dyn FnMut(LogFinding)) {
        if let Some(report) = self.open.take() {
            emit(LogFinding::Crash(report));
        }
    }
}

/// Pairs of a known name and a number.
fn registers(line: &str) -> Vec<(String, usize, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pairs = words.windows(2).filter_map(|pair| {
        let name = NAMES.iter().find(|name| **name == pair[0])?;
        let radix = if *name == "time" { 10 } else { 16 };
        let is_register = radix == 10 || matches!(pair[1].len(), 8 | 16);
        let value = u64::from_str_radix(pair[1], radix).ok()?;
        is_register.then(|| ((*name).to_owned(), pair[1].len(), value))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn a_report_is_found_between_other_text_and_behind_timestamps() {
        let text = "hello\n[   9.1] pagewalk: no frames left\r\n\
            [   9.1]   scause 0000000000000003 sepc ffffffff80000010 <die+0x4> stval 0000000000000000\r\n\
            [   9.1]   sp ffffffff80098f10 ra ffffffff80005a20 satp 8000000000080120 time 42\r\n\
            \x20 gdb can still ask: target remote on this line\nsp ffffffff80000000\n\
            scause 0000000f sepc 80000000 stval 00000004\n";
        let found = crashes(text);
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
        assert!(crashes("the scause is 13\nsp 12\nscause xyz").is_empty());
    }
}
