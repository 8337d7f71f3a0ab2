//! Text dumps, as copied from a terminal.
//!
//! Each format is a file that parses its lines; a line that no format accepts is noise (prompts, commands,
//! boot messages) and only counted.

mod hexdump;
mod nuttx;
mod words;

use pagetable::Mode;

use super::{OpenError, Sparse};

/// A parsed text dump.
#[derive(Default)]
pub struct TextDump {
    /// Memory contents of the dump.
    pub memory: Sparse,
    /// Number of lines with memory contents.
    pub told: usize,
    /// Number of other non-empty lines.
    pub noise: usize,
}

/// Parameters for parsing a dump.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Added to every address: `hexdump` counts from the start of its file.
    pub base: u64,
    /// Mode of the tables: a NuttX log lists entries instead of bytes.
    pub mode: Mode,
}

/// Parses all lines of `text`; `name` is used in the error if none is part of a dump.
pub fn read(name: &str, text: &[u8], reading: Reading) -> Result<TextDump, OpenError> {
    let mut dump = TextDump::default();
    let mut hexdump = hexdump::HexdumpReader::default();
    let mut lines = 0;
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        lines += 1;
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let memory = &mut dump.memory;
        let is_told = nuttx::line(line, reading, memory)
            || hexdump.line(line, reading.base, memory)
            || words::line(line, reading.base, memory);
        match is_told {
            true => dump.told += 1,
            false => dump.noise += 1,
        }
    }
    match dump.memory.is_empty() {
        false => Ok(dump),
        true => Err(OpenError::NoDump {
            name: name.to_owned(),
            lines,
        }),
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

/// A run of words of one width.
#[derive(Default)]
struct DumpLine {
    bytes: Vec<u8>,
}

impl DumpLine {
    /// Appends a word of `digits` hexadecimal digits in memory order.
    fn push(&mut self, word: u64, digits: usize) {
        let bytes = word.to_le_bytes();
        self.bytes.extend_from_slice(&bytes[..digits / 2]);
    }
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
}
