//! Decides when to call a board that has not answered: not while firmware or a boot loader runs.
//!
//! A boot loader takes any byte as a key: a countdown stops, and bytes it does not read stay in the UART for
//! the kernel, often in part. So nothing is sent from the first words of a boot until the kernel greets, or
//! until a long silence.
//!
//! ```text
//! silence, or unknown text ────── first words of a boot ──► held back
//!          ▲                                                    │
//!          └───────── the kernel greets, or PATIENCE passes ────┘
//! ```

use std::time::{Duration, Instant};

/// A boot without output for so long has ended; countdowns print every second.
const PATIENCE: Duration = Duration::from_secs(3);
/// Length of the text kept for the search: more than the longest pattern.
const KEPT: usize = 64;

/// Text of firmware and boot loaders at the start of a line.
const BOOTS: [&str; 7] = [
    "OpenSBI v",
    "U-Boot ",
    "U-Boot SPL ",
    "Hit any key to stop autoboot",
    "Starting kernel ...",
    "SBI version ",
    "RustSBI ",
];
/// Text of this kernel: from then on it receives frames.
const KERNELS: [&str; 3] = ["Pagewalk ", "pagewalk: ", "pw> "];

/// State of a board's boot, from its text.
#[derive(Default)]
pub struct Calling {
    /// The current line, truncated.
    line: Vec<u8>,
    /// Whether firmware text came after the last kernel text.
    is_booting: bool,
    said_at: Option<Instant>,
}

impl Calling {
    /// Adds text from outside of frames; returns whether a boot has just started.
    pub fn hear(&mut self, text: &[u8], now: Instant) -> bool {
        self.said_at = Some(now);
        let was_booting = self.is_booting;
        let mut begins = false;
        for &byte in text {
            if matches!(byte, b'\n' | b'\r') {
                self.line.clear();
            } else if self.line.len() < KEPT {
                self.line.push(byte);
                let is_one_of = |signs: &[&str]| signs.iter().any(|it| self.line == it.as_bytes());
                if is_one_of(&BOOTS) {
                    self.is_booting = true;
                    begins = !was_booting;
                } else if is_one_of(&KERNELS) {
                    self.is_booting = false;
                }
            }
        }
        begins
    }

    /// A kernel has answered: later boot text belongs to another boot.
    pub fn answered(&mut self) {
        self.is_booting = false;
    }

    /// Whether only firmware would receive a frame now.
    pub fn is_held_back(&self, now: Instant) -> bool {
        let rests = |at| now.saturating_duration_since(at) >= PATIENCE;
        self.is_booting && !self.said_at.is_none_or(rests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the board may be called after each line.
    fn may_call(boot: &str) -> Vec<bool> {
        let (now, mut calling) = (Instant::now(), Calling::default());
        let lines = boot.split_inclusive('\n');
        lines
            .map(|line| {
                // In pieces, as it arrives.
                for piece in line.as_bytes().chunks(3) {
                    calling.hear(piece, now);
                }
                !calling.is_held_back(now)
            })
            .collect()
    }

    #[test]
    fn a_boot_is_not_called_until_the_kernel_greets() {
        let boot = "\r\nOpenSBI v1.1\r\n   ____\r\nBoot HART ID : 0\r\n\r\nU-Boot 2023.01\r\n\
Hit any key to stop autoboot:  2 \u{8}\u{8}\u{8} 1 \u{8}\u{8}\u{8} 0 \r\n\
Starting kernel ...\r\n\r\nPagewalk 0.1.0 on QEMU\r\npw> ";
        let may = may_call(boot);
        let greets = may.len() - 2;
        let expected: Vec<bool> = (0..may.len()).map(|n| n < 1 || n >= greets).collect();
        assert_eq!(may, expected);
    }

    #[test]
    fn a_board_that_runs_is_called_whatever_its_programs_say() {
        let text = "touch_test: 300 pages\r\nnothing of U-Boot here, nor of OpenSBI v1\r\n";
        assert_eq!(may_call(text), [true, true]);
        assert!(!Calling::default().is_held_back(Instant::now()));
    }

    #[test]
    fn a_boot_that_ended_in_something_else_is_called_in_the_end() {
        let (now, mut calling) = (Instant::now(), Calling::default());
        assert!(calling.hear(b"OpenSBI v1.1\r\n", now), "it begins");
        assert!(!calling.hear(b"OpenSBI v1.1\r\n", now), "once");
        assert!(calling.is_held_back(now + PATIENCE - Duration::from_millis(1)));
        assert!(!calling.is_held_back(now + PATIENCE));
    }
}
