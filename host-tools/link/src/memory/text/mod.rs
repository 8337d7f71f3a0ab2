//! Text dumps, as copied from a terminal.
//!
//! ```text
//! text --> lines (colours, quotes, HTML) --> Row: an address and words --> Block: rows together --> Sparse
//! ```
//!
//! Read are U-Boot's `md`, gdb's and QEMU's `x`, OpenOCD's `md`, lldb, probe-rs, crash's `rd`,
//! `xxd`, `hexdump`, `od`, Trace32, J-Link, NuttX's `xd`, `devmem`, `readmemh`, telescopes of gef
//! and pwndbg, words without addresses, NuttX's log of its MMU, and files of S-records and Intel hex. A line that is none of these is
//! noise (prompts, commands, boot messages) and only counted.

mod alone;
mod asked;
mod block;
mod line;
mod nuttx;
mod row;
mod section;

use memchr::memmem;
use pagetable::Mode;

use super::magic::foreign;
use super::{OpenError, Sparse, ihex, srec};
use crate::text::utf8;
use alone::words_of;
use asked::Asked;
use block::{Block, Look};
use line::{lines, unfolded};
use row::{Row, hex};

/// A parsed text dump.
#[derive(Default)]
pub struct TextDump {
    /// Memory contents of the dump.
    pub memory: Sparse,
    /// Number of lines with memory contents.
    pub told: usize,
    /// Number of other non-empty lines.
    pub noise: usize,
    /// Bytes of the words that had no addresses, and were taken for numbers: their lowest byte lies first.
    pub numbers_of: Option<usize>,
}

/// Parameters for parsing a dump.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Added to every address: `hexdump` counts from the start of its file. Words without addresses
    /// begin here, if it is not 0.
    pub base: u64,
    /// Mode of the tables: a NuttX log lists entries instead of bytes.
    pub mode: Mode,
}

/// Lines that are looked at for the order of bytes before any is believed.
const LOOKED_AT: usize = 1 << 12;

/// Parses all lines of `text`; `name` is used in the error if none is part of a dump.
pub fn read(name: &str, text: &[u8], reading: Reading) -> Result<TextDump, OpenError> {
    refuse_foreign(name, text)?;
    let text = utf8(text);
    let text = unfolded(&text);
    let text = &text[..];
    if let Some(records) = records(name, text, reading.base) {
        return records;
    }
    let mut reader = DumpReader::new(look(text), reading);
    for line in lines(text) {
        reader.line(&line);
    }
    let mut dump = reader.dump;
    reader.block.finish(reading, &mut dump.memory);
    if dump.memory.is_empty() && reading.base != 0 {
        alone::read(lines(text), reading, &mut dump);
    }
    match dump.memory.is_empty() {
        false => Ok(dump),
        true => Err(OpenError::NoDump {
            name: name.to_owned(),
            lines: text.split(|byte| matches!(byte, b'\n' | b'\r')).count(),
        }),
    }
}

/// An error if the first bytes of a file say that it is no text: a compressed one need not be unpacked for that.
pub fn refuse_foreign(name: &str, first: &[u8]) -> Result<(), OpenError> {
    match foreign(&first[..first.len().min(4096)]) {
        Some(file) => Err(OpenError::Foreign {
            name: name.to_owned(),
            file,
        }),
        None => Ok(()),
    }
}

/// A text without what a terminal, a page or an editor put into it; its lines end where they ended.
pub(super) fn unfolded_text(text: &[u8]) -> Vec<u8> {
    let text = utf8(text);
    crate::text::plain(&unfolded(&text)).into_owned()
}

/// Whether a file that begins so is text: raw memory that begins so, with page tables in it, is not to be expected.
pub fn is_text(first: &[u8]) -> bool {
    let text = utf8(first);
    // A letter may be cut where the piece that is looked at ends.
    let is_utf8 = match str::from_utf8(&text) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let is_printed =
        |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | b' '..=b'~' | 0x80..);
    !text.is_empty() && is_utf8 && text.iter().all(is_printed)
}

/// A file of S-records or Intel hex: each line is one, or the file is damaged. `None` for other text.
fn records(name: &str, text: &[u8], base: u64) -> Option<Result<TextDump, OpenError>> {
    let is_srec = srec::is_srec(text);
    if !is_srec && !ihex::is_ihex(text) {
        return None;
    }
    let (mut dump, mut upper) = (TextDump::default(), 0);
    for (place, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        let taken = match is_srec {
            _ if line.is_empty() => continue,
            true => srec::line(line, base, &mut dump.memory),
            false => ihex::line(line, base, &mut upper, &mut dump.memory),
        };
        dump.told += 1;
        if let Err(what) = taken {
            return Some(Err(OpenError::Record {
                name: name.to_owned(),
                line: place + 1,
                what,
            }));
        }
    }
    Some(Ok(dump))
}

/// Whether a line stands for rows that are equal: `*`, perhaps behind the prefix of a log.
fn is_star(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line == b"*" || line.ends_with(b"] *") || line.ends_with(b": *")
}

/// What the rows say about all of them.
fn look(text: &[u8]) -> Look {
    let (mut look, mut row) = (Look::default(), Row::default());
    for line in lines(text).take(LOOKED_AT) {
        if is_star(&line) {
            look.star();
        } else if row.read(&line) && look.at(&row) {
            break;
        }
    }
    look
}

/// Reads lines that have addresses.
struct DumpReader {
    dump: TextDump,
    block: Block,
    row: Row,
    reading: Reading,
    /// What the line before asked for.
    asked: Option<Asked>,
    /// Whether sections of an object file are shown.
    in_section: bool,
    /// The number of the next word of a `readmemh`.
    next: Option<u64>,
    /// The line before, if it was a row: a terminal may have broken it.
    last: Vec<u8>,
}

impl DumpReader {
    fn new(look: Look, reading: Reading) -> DumpReader {
        DumpReader {
            dump: TextDump::default(),
            block: Block::of(&look),
            row: Row::default(),
            reading,
            asked: None,
            in_section: false,
            next: None,
            last: Vec::new(),
        }
    }

    fn line(&mut self, line: &[u8]) {
        match self.is_told(line) || self.goes_on(line) {
            true => self.dump.told += 1,
            false => {
                self.last.clear();
                self.dump.noise += 1;
            }
        }
    }

    /// Words without an address behind a row: a terminal or a mail broke it, in a number or between two.
    fn goes_on(&mut self, line: &[u8]) -> bool {
        let is_of_words = |it: &u8| it.is_ascii_hexdigit() || matches!(it, b' ' | b'\t' | b'x');
        if self.last.is_empty() || self.asked.is_some() || !line.iter().all(is_of_words) {
            return false;
        }
        // Between two numbers first: two of four bytes side by side look like one of eight.
        for between in [&b" "[..], b""] {
            let whole = [&self.last, between, line].concat();
            if self.row.read(&whole) && self.block.grow(&mut self.row) {
                self.last = whole;
                return true;
            }
        }
        false
    }

    fn is_told(&mut self, line: &[u8]) -> bool {
        if is_star(line) {
            return self.block.star();
        }
        if section::is_title(line) {
            self.in_section = true;
            return false;
        }
        if self.in_section
            && let Some((at, bytes)) = section::row(line)
        {
            let at = self.reading.base.wrapping_add(at);
            self.dump.memory.put(at, &bytes);
            return true;
        }
        if line.first() == Some(&b'@') || self.next.is_some() {
            return self.readmemh(line.trim_ascii());
        }
        if self.row.read(line) {
            // An address alone ends a dump that began; else it is any number.
            if self.row.words.is_empty() && !self.block.is_open(self.row.at) {
                return false;
            }
            self.block
                .take(&mut self.row, self.reading, &mut self.dump.memory);
            self.last.clear();
            self.last.extend_from_slice(line);
            return true;
        }
        // The address that ends a repeat, behind the prefix of a log.
        if self.block.is_repeating()
            && let Some(blank) = memchr::memrchr(b' ', line)
            && self.row.read(&line[blank + 1..])
            && self.row.words.is_empty()
            && self.block.is_open(self.row.at)
        {
            self.block
                .take(&mut self.row, self.reading, &mut self.dump.memory);
            return true;
        }
        if memmem::find(line, b"mmu_ln_setentry:").is_some() {
            let line = String::from_utf8_lossy(line);
            return nuttx::line(&line, self.reading, &mut self.dump.memory);
        }
        self.is_answer(line)
    }

    /// The value of a word that was asked for on the line before.
    fn is_answer(&mut self, line: &[u8]) -> bool {
        if let Some(asked) = Asked::on(line) {
            self.asked = Some(asked);
            return false;
        }
        let answer = self.asked.take().and_then(|asked| asked.answered(line));
        let Some((at, bytes)) = answer else {
            return false;
        };
        let at = self.reading.base.wrapping_add(at);
        self.dump.memory.put(at, &bytes);
        true
    }

    /// `@80000000`, and words without addresses behind it. Verilog counts words.
    fn readmemh(&mut self, line: &[u8]) -> bool {
        let comment = memmem::find(line, b"//").unwrap_or(line.len());
        let line = line[..comment].trim_ascii_end();
        if line.is_empty() {
            return false;
        }
        if let Some(at) = line.strip_prefix(b"@") {
            let at = hex(at).filter(|(_, digits)| *digits == at.len());
            self.next = at.map(|(at, _)| at);
            return self.next.is_some();
        }
        let mut bytes = Vec::new();
        let (Some(next), Some(width)) = (self.next, words_of(line, &mut bytes)) else {
            self.next = None;
            return false;
        };
        let at = next.wrapping_mul(width as u64);
        let at = self.reading.base.wrapping_add(at);
        self.dump.memory.put(at, &bytes);
        self.next = Some(next.wrapping_add((bytes.len() / width) as u64));
        true
    }
}

/// Parses an address in hexadecimal, with or without `0x`, as boot loaders and register dumps print it; `_`
/// may separate digits.
pub fn address(text: &str) -> Option<u64> {
    let digits = text.replace('_', "");
    let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    hex_digits(hex.unwrap_or(&digits))
}

/// Parses hexadecimal digits only; `u64::from_str_radix` would accept a sign.
fn hex_digits(digits: &str) -> Option<u64> {
    let is_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading = Reading {
        base: 0,
        mode: Mode::Sv39,
    };

    fn words(text: &str) -> Vec<(u64, u64)> {
        let dump = read("test", text.as_bytes(), READING).unwrap();
        let words = dump.memory.words(8);
        words.map(|(at, word)| (at.raw(), word)).collect()
    }

    /// The same two entries in every format.
    const EXPECTED: [(u64, u64); 2] = [(0x5040_7000, 0xe7), (0x5040_7008, 0x1410_1821)];

    /// Sixteen rows of eight bytes each, as that prints them.
    fn table(row: impl Fn(u64, [u8; 16]) -> String) -> String {
        let rows = (0..16_u64).map(|place| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&(0x2000_0001 + (place << 10)).to_le_bytes());
            bytes[8..].copy_from_slice(&(place << 40).to_le_bytes());
            row(place * 16, bytes)
        });
        rows.collect()
    }

    /// The words of [`table`] from `base` on.
    fn expected(base: u64) -> Vec<(u64, u64)> {
        let rows = (0..16_u64).flat_map(|place| {
            let at = base + place * 16;
            [(at, 0x2000_0001 + (place << 10)), (at + 8, place << 40)]
        });
        // Zeros are no entries.
        rows.filter(|(_, word)| *word != 0).collect()
    }

    fn read_at(base: u64, text: &str) -> Vec<(u64, u64)> {
        let reading = Reading { base, ..READING };
        let dump = read("test", text.as_bytes(), reading).unwrap();
        dump.memory
            .words(8)
            .map(|(at, word)| (at.raw(), word))
            .collect()
    }

    fn hex_of(bytes: &[u8], size: usize, between: &str) -> String {
        let words = bytes.chunks(size).map(|word| {
            let digits = word.iter().rev().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>()
        });
        words.collect::<Vec<_>>().join(between)
    }

    #[test]
    fn a_row_that_a_terminal_broke_at_any_column_is_one() {
        let md = table(|at, bytes| {
            let at = 0x8000_0000 + at;
            format!("{at:08x}: {}\n", hex_of(&bytes, 8, " "))
        });
        let gdb = table(|at, bytes| {
            let at = 0x8000_0000 + at;
            format!("{at:#x}:\t0x{}\n", hex_of(&bytes, 8, "\t0x"))
        });
        for width in [26, 27, 30, 34, 40] {
            for (text, quote) in [(&md, ""), (&md, "> "), (&gdb, ""), (&gdb, ">")] {
                let broken = text.lines().map(|line| {
                    let (first, rest) = line.split_at(width.min(line.len()));
                    format!("{quote}{first}\n{quote}{rest}\n")
                });
                let broken = broken.collect::<String>();
                assert_eq!(
                    read_at(0, &broken),
                    expected(0x8000_0000),
                    "{width}: {broken}"
                );
            }
        }
    }

    #[test]
    fn od_counts_in_the_radix_that_its_rows_show() {
        let in_radix = |row: fn(u64) -> String| {
            table(|at, bytes| format!("{} {}\n", row(at), hex_of(&bytes, 4, " ")))
        };
        for text in [
            in_radix(|at| format!("{at:07}")),
            in_radix(|at| format!("{at:07o}")),
            in_radix(|at| format!("{at:07x}")),
            in_radix(|at| format!("{at:06x}")),
        ] {
            assert_eq!(read_at(0x8000_0000, &text), expected(0x8000_0000), "{text}");
        }
    }

    #[test]
    fn windows_trace32_and_arrays_of_c_are_dumps() {
        let dots = ".".repeat(16);
        let powershell = table(|at, bytes| {
            let at = 0x8000_0000 + at;
            format!("{at:08X}   {}  {dots}\n", hex_of(&bytes, 1, " "))
        });
        let trace32 = table(|at, bytes| {
            let at = 0x8000_0000 + at;
            format!("  SD:{at:08X}|>{} {dots}\n", hex_of(&bytes, 8, " "))
        });
        for text in [powershell, trace32] {
            assert_eq!(read_at(0, &text), expected(0x8000_0000), "{text}");
        }
        let array = table(|_, bytes| format!("  0x{},\n", hex_of(&bytes, 1, ", 0x")));
        let array = format!("unsigned char mem[] = {{\n{array}}};\nunsigned int mem_len = 256;\n");
        assert_eq!(
            read_at(0x8000_0000, &array),
            expected(0x8000_0000),
            "{array}"
        );
    }

    #[test]
    fn u_boot_md_q() {
        let text = "=> md.q 0x50407000 2\r\n\
                    50407000: 00000000000000e7 0000000014101821    ........!.......\r\n=> ";
        assert_eq!(words(text), EXPECTED);
    }

    #[test]
    fn u_boot_md_l_with_hex_like_characters_behind() {
        let text = "50407000: 000000e7 00000000 14101821 00000000    abcdef01 dead beef";
        assert_eq!(words(text), EXPECTED);
    }

    #[test]
    fn u_boot_md_b() {
        let text = "50407000: e7 00 00 00 00 00 00 00 21 18 10 14 00 00 00 00    ab cd ef 01 23 ..";
        assert_eq!(words(text), EXPECTED);
    }

    #[test]
    fn gdb_x_gx_with_prompt_and_symbol() {
        let text = "(gdb) x/2gx &m_l1_pgtable\n\
                    (gdb) 0x50407000 <m_l1_pgtable>:\t0x00000000000000e7\t0x0000000014101821";
        assert_eq!(words(text), EXPECTED);
        let c_plus = "0x50407000 <a::b(int) const+16>:\t0x00000000000000e7\t0x0000000014101821";
        assert_eq!(words(c_plus), EXPECTED);
    }

    #[test]
    fn gdb_x_wx() {
        let text = "0x50407000:\t0x000000e7\t0x00000000\t0x14101821\t0x00000000";
        assert_eq!(words(text), EXPECTED);
    }

    #[test]
    fn qemu_xp() {
        let text = "(qemu) xp /2gx 0x50407000\n\
                    0000000050407000: 0x00000000000000e7 0x0000000014101821";
        assert_eq!(words(text), EXPECTED);
    }

    #[test]
    fn hexdump_c_with_repeats() {
        let text = "\
50407000  e7 00 00 00 00 00 00 00  21 18 10 14 00 00 00 00  |........!.......|
50407010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
50407030  01 02 00 00 00 00 00 00  ff ff ff ff ff ff ff ff  |................|
*
50407050  05                                                |.|
50407051
";
        let all = u64::MAX;
        let mut expected = EXPECTED.to_vec();
        expected.extend([(0x5040_7030, 0x201), (0x5040_7038, all)]);
        expected.extend([(0x5040_7040, 0x201), (0x5040_7048, all)]);
        assert_eq!(words(text), expected);
        let dump = read("test", text.as_bytes(), READING).unwrap();
        let mut memory = super::super::Cached::new(dump.memory);
        let zero = pagetable::PhysAddr::new(0x5040_7028);
        assert_eq!(pagetable::Memory::read_word(&mut memory, zero, 8), Ok(0));
    }

    #[test]
    fn a_base_is_added() {
        let text = "00000000  e7 00 00 00 00 00 00 00  21 18 10 14 00 00 00 00  |........!.......|";
        let base = 0x5040_7000;
        let reading = Reading { base, ..READING };
        let dump = read("test", text.as_bytes(), reading).unwrap();
        let words: Vec<_> = dump
            .memory
            .words(8)
            .map(|(at, it)| (at.raw(), it))
            .collect();
        assert_eq!(words, EXPECTED);
    }

    #[test]
    fn nuttx_log_lines() {
        let text = "\
mmu_ln_setentry: ptlevel=1, lnvaddr=0x50407000, paddr=0, vaddr=0, mmuflags=0x26
mmu_ln_setentry: index=0, paddr=0, mmuflags=0xe7, pte_addr=0x50407000, pte_val=0xe7
[    0.010000] mmu_ln_setentry: ptlevel=1, lnvaddr=0x50407000, paddr=0x50406000, vaddr=0x50200000, mmuflags=0x20";
        assert_eq!(words(text), EXPECTED);
        let thead = "mmu_ln_setentry: ptlevel=0x2, lnvaddr=0x50404000, paddr=0xe0000000, \
                     vaddr=0xe0000000, mmuflags=0x9000000000000026";
        assert_eq!(words(thead), [(0x5040_4800, 0x9000_0000_3800_00e7)]);
    }

    #[test]
    fn noise_tells_nothing() {
        for noise in [
            "U-Boot 2023.04 (Nov 01 2023 - 12:00:00 +0000)",
            "satp: 8000000000050407 and so on: 12345678",
            "md.q 50407000: bad",
            "50407000:",
            "Starting: 00000000",
            "[00:00:12] time passes 00000000",
            "bl808 gpio: 12 34",
            "*",
            "0x50407000: -1 -2",
            "mmu_ln_setentry: ptlevel=9, lnvaddr=0x50407000, paddr=0, vaddr=0, mmuflags=0x26",
            "mmu_ln_setentry: something else",
            "sp = 80201230 80203040",
            "CONFIG_ABCDEF01 = 00000000",
        ] {
            let error = read("test", noise.as_bytes(), READING);
            assert!(error.is_err(), "{noise}");
        }
    }

    #[test]
    fn blocks_and_gaps_may_come_in_any_order() {
        let text = "\
noise
50403000: 00000000380000e7    ...8....
(qemu) 0000000050407008: 0x0000000014101821
50407000: 00000000000000e7    ........";
        let mut expected = vec![(0x5040_3000, 0x3800_00e7)];
        expected.extend(EXPECTED);
        assert_eq!(words(text), expected);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "([0-9a-fx: |*<>\\n]{0,24}|mmu_ln_setentry:|pte_addr=|pte_val=| ,){0,20}") {
            let _ = read("test", text.as_bytes(), READING);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = read("test", &bytes, READING);
        }
    }

    #[test]
    fn addresses_are_hex_and_never_signed() {
        assert_eq!(address("0x8000_0000"), Some(0x8000_0000));
        assert_eq!(address("50407000"), Some(0x5040_7000));
        for wrong in ["", "0x", "+1", "0x+1", "-1", "main", "0x10000000000000000"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }

    /// Two rows of a dump in the spellings of tools that differ in nothing else.
    #[test]
    fn every_tool_shows_the_same_two_entries() {
        let at_base = |text: &str, base: u64| {
            let dump = read("test", text.as_bytes(), Reading { base, ..READING }).unwrap();
            let words = dump.memory.words(8);
            words.map(|(at, word)| (at.raw(), word)).collect::<Vec<_>>()
        };
        let base = 0x5040_7000;
        for text in [
            "00000000: e700 0000 0000 0000 2118 1014 0000 0000  ........!.......",
            "00000000: e700000000000000 2118101400000000  ........!.......",
            "00000000: 00000000000000e7 0000000014101821  ........!.......",
            "0000000 00e7 0000 0000 0000 1821 1410 0000 0000\n0000010",
            "0000000    00e7    0000    0000    0000    1821    1410    0000    0000",
            "0000000 000347 000000 000000 000000 014041 012020 000000 000000\n0000020",
            "0000000 00000000000000e7 0000000014101821",
            "000000 e7 00 00 00 00 00 00 00 21 18 10 14 00 00 00 00  >........!.......<",
            "0000: e7 00 00 00 00 00 00 00 21 18 10 14 00 00 00 00 ........!.......",
            "00000000000000e7 0000000014101821",
            "0xe7000000 0x00000000\n",
        ] {
            let expected = match text.starts_with("0xe7") {
                true => vec![(base, 0xe700_0000)],
                false => EXPECTED.to_vec(),
            };
            assert_eq!(at_base(text, base), expected, "{text}");
        }
        for text in [
            "0x50407000: 00e7 0000 0000 0000 1821 1410 0000 0000 ",
            "50407000: 00e7 0000 0000 0000 1821 1410 0000 0000  ........!.......",
            "50407000: 00000000000000e7 0000000014101821  ........!.......",
            "0x50407000:\t231\t336599073",
            "0x50407000:\t0x00e7\t0x0000\t0x0000\t0x0000\t0x1821\t0x1410\t0x0000\t0x0000",
            "0x50407000: 0xe7 0x14101821\n0x50407010: 0x0 0x0",
            "SD:0000000050407000|00000000000000E7 0000000014101821 ........!.......",
            "50407000 = 000000E7 00000000 14101821 00000000",
            "J-Link>mem 50407000, 10\n50407000 = E7 00 00 00 00 00 00 00 21 18 10 14 00 00 00 00  ........!.......",
            "J-Link>mem64 50407000, 2\n50407000 = 00000000000000E7 0000000014101821",
            "> 50407000  e7 00 00 00 00 00 00 00 21 18 10 14 00 00 00 00  |........!.......|",
            "# devmem 0x50407000 64\n0x00000000000000e7\n# devmem 0x50407008 64\n0x0000000014101821",
            "@50407000\nE7 00 00 00 00 00 00 00\n21 18 10 14 00 00 00 00",
            "@A080E00\n00000000000000e7 0000000014101821",
            "0x50407000│+0x0000│+000: 0xe7\n0x50407008│+0x0008│+001: 0x14101821",
            "00:0000│  0x50407000 ◂— 0xe7\n01:0008│  0x50407008 ◂— 0x14101821",
            "\x1b[34m0x50407000\x1b[m:\t0x00000000000000e7\t0x0000000014101821",
        ] {
            assert_eq!(words(text), EXPECTED, "{text}");
        }
    }

    #[test]
    fn characters_that_look_like_words_are_no_memory() {
        let text = "\
=> md.q 84000040 4
84000040: 3736353433323130 6665646362613938  0123456789abcdef
84000050: 3736353433323130 6665646362613938  0123456789abcdef
=> md.l 84000080 4
84000080: 64616564 66656562 20202020 00000000  deadbeef    ....";
        let found = words(text);
        let places: Vec<_> = found.iter().map(|(at, _)| at & 0xff).collect();
        assert_eq!(places, [0x40, 0x48, 0x50, 0x58, 0x80, 0x88]);
    }

    #[test]
    fn equal_lines_are_repeated_in_every_dialect_that_leaves_them_out() {
        for text in [
            "00000000: 0100 0000 0000 0000 0200 0000 0000 0000  ................\n*\n00000030: 0300 0000 0000 0000 0000 0000 0000 0000  ................",
            "0000000 0001 0000 0000 0000 0002 0000 0000 0000\n*\n0000030 0003 0000 0000 0000 0000 0000 0000 0000\n0000040",
        ] {
            let found = words(text);
            let expected = [(0, 1), (8, 2), (16, 1), (24, 2), (32, 1), (40, 2), (48, 3)];
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn one_address_with_two_values_is_counted() {
        let text =
            "80002000: 00000001 00000002\n80002000: 00000001 00000003\n80002000: 00000001 00000003";
        let dump = read("test", text.as_bytes(), READING).unwrap();
        assert_eq!(dump.memory.conflicts().map(|(rows, _)| rows), Some(1));
    }

    #[test]
    fn records_of_both_kinds_show_the_same_two_entries_and_a_changed_one_is_an_error() {
        let ihex = ":0200000450406A\n:10700000E70000000000000021181014000000003C\n:00000001FF\n";
        let srec = "S00600004844521B\r\nS31550407000E7000000000000002118101400000000A6\r\nS70500000000FA\r\n";
        let sum = |text: &str, base| {
            let reading = Reading { base, ..READING };
            read("test", text.as_bytes(), reading).map(|dump| {
                let words = dump.memory.words(8);
                words.map(|(at, word)| (at.raw(), word)).collect::<Vec<_>>()
            })
        };
        for text in [ihex, srec] {
            assert_eq!(sum(text, 0).unwrap(), EXPECTED, "{text}");
            let moved = sum(text, 0x1_0000_0000).unwrap();
            assert_eq!(moved[0], (EXPECTED[0].0 + 0x1_0000_0000, EXPECTED[0].1));
            let error = sum(&text.replace("E7", "E6"), 0).unwrap_err().to_string();
            assert!(
                error.contains("line 2") && error.contains("checksum"),
                "{error}"
            );
            let error = sum(
                &text.replace("000000\n", "\n").replace("E700000000", "E7"),
                0,
            );
            assert!(error.is_err());
        }
    }

    #[test]
    fn a_list_of_numbers_is_no_dump() {
        for noise in [
            "0000000000010000 0000000080338000 0000000000004000 r-xu-a-",
            "00010000 0000000080532000 00003000 r-xu-a-",
            "20240515 120000 0001",
        ] {
            assert!(read("test", noise.as_bytes(), READING).is_err(), "{noise}");
        }
    }
}
