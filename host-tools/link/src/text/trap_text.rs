//! A long text, read for its traps piece by piece.
//!
//! ```text
//! piece --> of what encoding? --> whole lines --> LogReader::skip, line
//!                                 `-> the rest waits for the next piece
//! ```
//!
//! Most lines of a log are of no trap. They are passed over where they lie, so what a text costs is one
//! look for all marks at once. UTF-16 is collected to its end, and read then.

use memchr::{memchr, memrchr};

use super::clean::{FEW, utf8};
use super::{CrashReport, LogFinding, LogReader};

/// Reads one text, in pieces of any size.
pub struct TrapText {
    reader: LogReader,
    /// A line without its end yet; while the encoding is not known, all there is; all of UTF-16.
    held: Vec<u8>,
    encoding: Encoding,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Unknown,
    Utf8,
    Other,
}

impl Default for TrapText {
    fn default() -> Self {
        TrapText {
            reader: LogReader::of_reports(),
            held: Vec::new(),
            encoding: Encoding::Unknown,
        }
    }
}

impl TrapText {
    /// Takes the next bytes; emits each trap that they complete.
    pub fn take(&mut self, piece: &[u8], emit: &mut dyn FnMut(CrashReport)) {
        match self.encoding {
            Encoding::Utf8 => self.lines(piece, emit),
            Encoding::Other => self.held.extend(piece),
            Encoding::Unknown => {
                self.held.extend(piece);
                if self.held.len() >= FEW {
                    self.decide(emit);
                }
            }
        }
    }

    fn decide(&mut self, emit: &mut dyn FnMut(CrashReport)) {
        let held = std::mem::take(&mut self.held);
        // Of UTF-8 no more than a mark at its beginning is left out.
        self.encoding = match utf8(&held) {
            std::borrow::Cow::Borrowed(text) => {
                self.encoding = Encoding::Utf8;
                return self.lines(text, emit);
            }
            std::borrow::Cow::Owned(_) => Encoding::Other,
        };
        self.held = held;
    }

    /// Reads the lines that end in the piece, and holds what is behind them.
    fn lines(&mut self, piece: &[u8], emit: &mut dyn FnMut(CrashReport)) {
        let Some(last) = memrchr(b'\n', piece) else {
            return self.held.extend(piece);
        };
        let (mut whole, behind) = piece.split_at(last + 1);
        if !self.held.is_empty() {
            let end = memchr(b'\n', whole).unwrap_or(last);
            self.held.extend(&whole[..=end]);
            whole = &whole[end + 1..];
            let line = std::mem::take(&mut self.held);
            self.read(&line, emit);
        }
        self.read(whole, emit);
        self.held.extend(behind);
    }

    fn read(&mut self, text: &[u8], emit: &mut dyn FnMut(CrashReport)) {
        let mut rest = text;
        loop {
            rest = &rest[self.reader.skip(rest)..];
            if rest.is_empty() {
                return;
            }
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            self.reader
                .line(&rest[..end], &mut |it| emit_crash(it, emit));
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }

    /// The text has ended: emits what waited for more of it.
    pub fn finish(mut self, emit: &mut dyn FnMut(CrashReport)) {
        let held = std::mem::take(&mut self.held);
        self.read(&utf8_at_end(self.encoding, &held), emit);
        self.reader.finish(&mut |it| emit_crash(it, emit));
    }
}

/// What is held at the end: a line, or a text whose encoding is to be looked at.
fn utf8_at_end(encoding: Encoding, held: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    match encoding {
        Encoding::Utf8 => held.into(),
        Encoding::Unknown | Encoding::Other => utf8(held),
    }
}

fn emit_crash(finding: LogFinding, emit: &mut dyn FnMut(CrashReport)) {
    match finding {
        LogFinding::Crash(report) => emit(report),
        LogFinding::Fault(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_pieces(text: &[u8], size: usize) -> Vec<CrashReport> {
        let mut found = Vec::new();
        let mut traps = TrapText::default();
        for piece in text.chunks(size) {
            traps.take(piece, &mut |report| found.push(report));
        }
        traps.finish(&mut |report| found.push(report));
        found
    }

    /// Every line, one after another, none passed over.
    fn line_by_line(text: &[u8]) -> Vec<CrashReport> {
        let (mut found, mut reader) = (Vec::new(), LogReader::of_reports());
        let text = utf8(text);
        for line in text.split(|byte| *byte == b'\n') {
            reader.line(line, &mut |it| emit_crash(it, &mut |it| found.push(it)));
        }
        reader.finish(&mut |it| emit_crash(it, &mut |it| found.push(it)));
        found
    }

    const LINES: &[&str] = &[
        "[    1.5] usb 1-1: new device",
        "",
        "\x1b[1msca\x1b[0muse: 0xd, sepc: 0x80200000, stval: 0x1000",
        "SCAUSE 000000000000000f",
        "sepc 0000000080200004",
        "  STVAL 0000000000001000\r",
        "riscv_exception: EXCEPTION: Load page fault. MCAUSE: 0000000d, EPC: 80000010, MTVAL: 00000004",
        "riscv_exception: PANIC!!! Exception = 0000000d",
        "up_dump_register: EPC: 80000010",
        "[    0.046000] riscv_fillpage: EXCEPTION: Store/AMO page fault. MCAUSE: 00000000",
        "0000000f, EPC: 000000008020f2d8, MTVAL: 00000000c0001000",
        "Unhandled exception: Load access fault",
        "EPC: 0000000080000010 RA: 0000000080000014 TVAL: 0000000000000008",
        "init[1]: unhandled signal 11 code 0x1 at 0x0000000000000003 in busybox[10000+f6000]",
    ];

    proptest! {
        #[test]
        fn what_is_passed_over_and_where_a_piece_ends_changes_nothing(
            lines in prop::collection::vec(
                prop_oneof![3 => prop::sample::select(LINES), 2 => Just(LINES[0]), 1 => Just("")],
                0..90,
            ),
            size in prop_oneof![1_usize..40, Just(1 << 16)],
        ) {
            let text = lines.join("\n");
            let expected = line_by_line(text.as_bytes());
            prop_assert_eq!(&in_pieces(text.as_bytes(), size), &expected);
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let wide = [&[0xff, 0xfe][..], &wide].concat();
            prop_assert_eq!(&in_pieces(&wide, size), &expected);
        }
    }
}
