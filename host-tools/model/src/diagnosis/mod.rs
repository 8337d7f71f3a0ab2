//! What a board says while it boots, and where it stopped.
//!
//! Text is searched line by line for what firmware, boot loaders and kernels are known to say
//! (`signs`). The last sign shows where the boot stopped: a later stage would have printed
//! a sign of its own.
//!
//! ```text
//! OpenSBI v1.2 … Boot HART MEDELEG : 0x…     a stage, and its last line
//! U-Boot 2023.04 … Bad Linux RISCV Image …   the next one, and what stopped it
//! ```

mod signs;

use std::collections::VecDeque;

pub use signs::{BootSign, BootStage};

/// Text of a line that is searched: longer ones are no boot's.
const LONGEST: usize = 400;
/// Bytes of the end that are kept, for a prompt.
const TAIL: usize = 64;
/// Lines that are kept to be shown.
const LINES: usize = 5;
/// Of so many bytes, one that is no text makes a line garbled: at a wrong rate about half of them
/// are, on a bad wire one in a hundred.
const GARBLED_ONE_IN: u64 = 5;

/// What was received on a line so far. Feed it bytes as they come.
#[derive(Default)]
pub struct BootDiagnosis {
    bytes: u64,
    unprintable: u64,
    frames: u64,
    line: Vec<u8>,
    tail: VecDeque<u8>,
    lines: VecDeque<String>,
    stages: Vec<(BootStage, String)>,
    boots: u32,
    sign: Option<&'static BootSign>,
    prompt: Option<&'static BootSign>,
}

/// What a line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineHealth {
    /// Not a byte.
    Silent,
    /// Bytes that are no text and no frames: another rate, or another voltage.
    Garbled,
    /// Text, or frames of a kernel of ours.
    Readable,
}

impl LineHealth {
    /// Its word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            LineHealth::Silent => "silent",
            LineHealth::Garbled => "garbled",
            LineHealth::Readable => "readable",
        }
    }
}

impl BootDiagnosis {
    /// Takes text that came outside of frames, or in the console's.
    pub fn text(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for &byte in bytes {
            self.unprintable += u64::from(!is_text(byte));
            if self.tail.len() == TAIL {
                self.tail.pop_front();
            }
            self.tail.push_back(byte);
            match byte {
                b'\n' | b'\r' => self.end_line(),
                // A countdown writes over itself.
                0x08 => {
                    self.line.pop();
                }
                _ if self.line.len() < LONGEST => self.line.push(byte),
                _ => {}
            }
        }
    }

    /// Takes bytes that are neither text nor a frame.
    pub fn noise(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.unprintable += bytes;
    }

    /// A frame came whole: a kernel of ours is in a session with another host.
    pub fn frame(&mut self) {
        self.frames += 1;
        self.enter(BootStage::Pagewalk, "", &signs::IN_FRAMES);
    }

    /// The BL808's ROM answered to its handshake.
    pub fn boot_rom_answered(&mut self) {
        self.enter(BootStage::BootRom, "", BootStage::BootRom.after_banner());
    }

    /// Nothing more comes.
    pub fn finish(&mut self) {
        self.end_line();
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let tail = String::from_utf8_lossy(&tail).into_owned();
        let ends = |sign: &&BootSign| tail.trim_end().ends_with(sign.text.trim_end());
        let is_plausible = |sign: &&BootSign| match self.stage() {
            Some(stage) => stage == sign.stage,
            // Of a board that was found running. Noise may end in any letter.
            None => self.unprintable == 0,
        };
        let mut prompts = signs::PROMPTS.iter().filter(ends);
        if let Some(sign) = prompts.find(is_plausible) {
            self.prompt = Some(sign);
            // U-Boot comes to its prompt after whatever went wrong; that error is what is to be reported.
            let trouble = self
                .sign
                .filter(|it| it.stage == BootStage::UBoot && it.is_trouble());
            self.enter(sign.stage, "", trouble.unwrap_or(sign));
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = plain(&line);
        if line.trim().is_empty() {
            return;
        }
        if let Some((stage, version)) = signs::banner(&line) {
            // A stage that comes before the last one begins another boot.
            if self.stage().is_some_and(|last| stage <= last) {
                self.stages.clear();
            }
            self.boots += u32::from(self.stages.is_empty());
            self.enter(stage, version, stage.after_banner());
        }
        if let Some(sign) = signs::sign(&line, self.stage()) {
            let stays = self.sign.filter(|it| it.stays && it.stage == sign.stage);
            self.enter(sign.stage, "", stays.unwrap_or(sign));
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn enter(&mut self, stage: BootStage, version: &str, sign: &'static BootSign) {
        if self.stages.is_empty() {
            self.boots = self.boots.max(1);
        }
        match self.stages.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, known)) if !version.is_empty() => *known = version.to_owned(),
            Some(_) => {}
            None => self.stages.push((stage, version.to_owned())),
        }
        self.sign = Some(sign);
    }

    /// Bytes that came, without those of whole frames.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whole frames that came.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes that are no text.
    pub fn unprintable(&self) -> u64 {
        self.unprintable
    }

    /// What the line carries.
    pub fn health(&self) -> LineHealth {
        let is_garbled = self.unprintable * GARBLED_ONE_IN >= self.bytes;
        match self.bytes + self.frames {
            0 => LineHealth::Silent,
            // One word that is known cannot be chance.
            _ if self.frames > 0 || !self.stages.is_empty() => LineHealth::Readable,
            _ if is_garbled => LineHealth::Garbled,
            _ => LineHealth::Readable,
        }
    }

    /// Stages that printed something, in the order of the last boot, with the version that each printed.
    pub fn stages(&self) -> &[(BootStage, String)] {
        &self.stages
    }

    /// Who spoke last.
    pub fn stage(&self) -> Option<BootStage> {
        self.stages.last().map(|(stage, _)| *stage)
    }

    /// How often the first stage began.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// Where it stopped.
    pub fn sign(&self) -> &'static BootSign {
        match (self.health(), self.sign) {
            (LineHealth::Silent, _) => &signs::SILENT,
            (LineHealth::Garbled, _) => &signs::GARBLED,
            (LineHealth::Readable, Some(_)) if self.boots > 2 => &signs::BOOT_LOOP,
            (LineHealth::Readable, Some(sign)) => sign,
            (LineHealth::Readable, None) => &signs::UNKNOWN,
        }
    }

    /// Whether a stage waits for a command there.
    pub fn is_at_prompt(&self) -> bool {
        self.prompt.is_some()
    }

    /// The last lines that are not empty, oldest first.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// What was received at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateTry {
    /// Bits a second; none of what is no serial port.
    pub baud: Option<u32>,
    /// Bytes that came, without those of whole frames.
    pub bytes: u64,
    /// What they were.
    pub health: LineHealth,
}

/// The report on a line: each rate that was tried, and the diagnosis at the best of them.
pub struct DoctorReport {
    /// As a user names it.
    pub line: String,
    /// It was received before, and kept in a file.
    pub is_kept: bool,
    /// Each rate that was tried, in order.
    pub rates: Vec<RateTry>,
    /// What was received at the best of them.
    pub diagnosis: BootDiagnosis,
}

impl DoctorReport {
    /// What to try, the likeliest first; commands name this line, or this file.
    pub fn attempts(&self) -> impl Iterator<Item = String> {
        let sign = self.diagnosis.sign();
        let attempts = sign.attempts.iter();
        let word = if self.is_kept { "LOG" } else { "LINE" };
        attempts.map(move |attempt| attempt.replace(word, &self.line))
    }
}

/// What terminals show, or act on.
fn is_text(byte: u8) -> bool {
    matches!(byte, 0x07..=0x0d | 0x1b | b' '..=b'~')
}

/// A line without colours and other codes, as far as it is text.
fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(one) = chars.next() {
        if one == '\x1b' {
            // ECMA-48: ESC [ parameters, and a letter that ends them.
            if chars.next() == Some('[') {
                chars.by_ref().find(|it| ('@'..='~').contains(it));
            }
        } else if !one.is_control() || one == '\t' {
            out.push(one);
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8]) -> BootDiagnosis {
        let mut diagnosis = BootDiagnosis::default();
        // As it comes: in pieces.
        bytes.chunks(7).for_each(|piece| diagnosis.text(piece));
        diagnosis.finish();
        diagnosis
    }

    /// What a receiver at one rate takes for what a sender at another says: 8N1, sampled in the
    /// middle of each bit.
    fn at_another_rate(text: &[u8], sender: f64, receiver: f64) -> Vec<u8> {
        let mut bits = vec![true; 20];
        for byte in text {
            bits.push(false);
            bits.extend((0..8).map(|bit| byte >> bit & 1 == 1));
            bits.push(true);
        }
        let level = |at: f64| bits.get((at * sender) as usize).copied();
        let (mut out, mut at) = (Vec::new(), 0.0);
        // A start bit is looked for at eight times the receiver's rate.
        let step = 1.0 / receiver / 8.0;
        while let Some(is_high) = level(at) {
            if is_high {
                at += step;
                continue;
            }
            let bit = |bit: u32| level(at + (1.5 + f64::from(bit)) / receiver).unwrap_or(true);
            out.push((0..8).map(|n| u8::from(bit(n)) << n).sum());
            at += 9.5 / receiver;
        }
        out
    }

    const BOOT: &[u8] = b"\r\nU-Boot 2023.04-rc2 (Apr 01 2023 - 00:00:00 +0000)\r\n\r\n\
DRAM:  64 MiB\r\nCore:  36 devices, 17 uclasses, devicetree: board\r\n\
Loading Environment from FAT... Unable to read \"uboot.env\" from mmc0:2...\r\n\
Hit any key to stop autoboot:  5 \x08\x08\x08 4 \r\n=> ";

    #[test]
    fn a_wrong_rate_is_told_from_a_right_one_for_each_pair_of_usual_rates() {
        const RATES: [f64; 6] = [9600., 57_600., 115_200., 921_600., 1_500_000., 2_000_000.];
        for sender in RATES {
            for receiver in RATES {
                let said = heard(&at_another_rate(BOOT, sender, receiver));
                let health = match sender == receiver {
                    true => LineHealth::Readable,
                    false => LineHealth::Garbled,
                };
                let share = (said.unprintable(), said.bytes());
                assert_eq!(said.health(), health, "{sender} at {receiver}: {share:?}");
            }
        }
    }

    #[test]
    fn a_board_that_boots_again_and_again_is_said_to() {
        let once = b"OpenSBI v1.2\r\n\r\nU-Boot 2023.04\r\nStarting kernel ...\r\n";
        assert_eq!(heard(once).sign().id, "u-boot-started-kernel");
        assert_eq!(heard(&once.repeat(2)).boots(), 2);
        let loops = heard(&once.repeat(4));
        assert_eq!((loops.boots(), loops.sign().id), (4, "boot-loop"));
        assert_eq!(loops.stages().len(), 2);
    }

    #[test]
    fn what_brought_u_boot_to_its_prompt_is_told() {
        let stands = heard(BOOT);
        assert!(stands.is_at_prompt());
        assert_eq!(stands.sign().id, "u-boot-prompt");
        let refused = heard(&[BOOT, b"boot\r\nBad Linux RISCV Image magic!\r\n=> "].concat());
        assert!(refused.is_at_prompt());
        assert_eq!(refused.sign().id, "u-boot-bad-magic");
    }

    #[test]
    fn a_loader_that_goes_on_without_a_firmware_is_told_to_have_none() {
        let log = "[I][MAIN] D0 start...\r\n[E][MAIN] invalid boot header magic: 0xffffffff\r\n\
[I][MAIN] Running OpenSBI\r\n";
        assert_eq!(heard(log.as_bytes()).sign().id, "lowload-no-firmware");
    }

    #[test]
    fn colours_and_countdowns_do_not_hide_words() {
        let line = b"\x1b[32m[I][MAIN] \x1b[0mD0 start...\r\n";
        assert_eq!(heard(line).stage(), Some(BootStage::LowLoad));
        assert_eq!(heard(BOOT).sign().id, "u-boot-prompt");
    }

    #[test]
    fn noise_and_frames_are_told_apart() {
        let mut diagnosis = BootDiagnosis::default();
        diagnosis.noise(300);
        assert_eq!(diagnosis.health(), LineHealth::Garbled);
        diagnosis.frame();
        assert_eq!(diagnosis.health(), LineHealth::Readable);
        assert_eq!(diagnosis.sign().id, "pagewalk-in-session");
        assert_eq!(BootDiagnosis::default().sign().id, "silent");
    }
}
