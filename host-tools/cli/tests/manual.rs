//! Svnapot and Svpbmt against a second decoder, written from the manual's text for this test alone.
//!
//! Privileged spec, "Supervisor-Level ISA", §Sv39–57, §Svnapot, §Svpbmt.

mod program;

use program::json;
use serde_json::Value;

const BASE: u64 = 0x8000_0000;

/// What one page of 4 KiB is: address, and then where, how large its page is, type, flags.
type Page = (u64, u64, u64, &'static str, u64);

/// The memory that holds the tables.
struct Image(Vec<u8>);

impl Image {
    fn entry(&self, table: u64, index: u64) -> u64 {
        let at = (table - BASE + index * 8) as usize;
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes"))
    }

    fn put(&mut self, table: u64, index: u64, entry: u64) {
        let at = (table - BASE + index * 8) as usize;
        self.0[at..at + 8].copy_from_slice(&entry.to_le_bytes());
    }

    /// The manual's algorithm, run for each page of each leaf: "a is satp.ppn × PAGESIZE, i is
    /// LEVELS − 1 …".
    fn decode(&self, table: u64, level: u32, va: u64, pages: &mut Vec<Page>) {
        for index in 0..512 {
            let pte = self.entry(table, index);
            let va = va | index << (12 + 9 * level);
            let bit = |at: u32| pte >> at & 1 == 1;
            let (v, r, w, x) = (bit(0), bit(1), bit(2), bit(3));
            // "If pte.v = 0, or if pte.r = 0 and pte.w = 1, or if any bits or encodings that are
            // reserved for future standard use are set": bits 60–54 are.
            if !v || !r && w || pte >> 54 & 0x7f != 0 {
                continue;
            }
            let (napot, pbmt) = (bit(63), pte >> 61 & 3);
            let ppn = pte >> 10 & ((1 << 44) - 1);
            if !r && !x {
                // "For non-leaf PTEs, bits 62–61 are reserved", so is N; D, A and U too.
                let is_reserved = napot || pbmt != 0 || bit(4) || bit(6) || bit(7);
                if level > 0 && !is_reserved {
                    self.decode(ppn << 12, level - 1, va, pages);
                }
                continue;
            }
            // "If i > 0 and pte.ppn[i−1:0] ≠ 0, this is a misaligned superpage."
            if level > 0 && (ppn & ((1 << (9 * level)) - 1) != 0 || napot) || pbmt == 3 {
                continue;
            }
            // Only "i = 0, pte.ppn[0] = x xxxx 1000: 64-KiB contiguous region, 4 napot bits".
            if napot && ppn & 0xf != 8 {
                continue;
            }
            let kind = ["PMA", "NC", "IO"][pbmt as usize];
            let size = if napot {
                1 << 16
            } else {
                1 << (12 + 9 * level)
            };
            let count = 1 << (9 * level);
            for page in 0..count {
                let va = sign_extend(va + page * 4096);
                // "pte.ppn[pte.napot_bits−1:0] is replaced by vpn[pte.napot_bits−1:0]".
                let frame = match napot {
                    true => ppn & !0xf | va >> 12 & 0xf,
                    false => ppn + page,
                };
                pages.push((va, frame << 12, size, kind, pte >> 1 & 0x7f));
            }
        }
    }
}

fn sign_extend(va: u64) -> u64 {
    ((va << 25) as i64 >> 25) as u64
}

/// Tables with something odd in each entry, the same on every run.
fn image() -> Image {
    let mut image = Image(vec![0; 8 * 4096]);
    let mut seed = 0x1234_5678_9abc_def0_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let pointer = |table: u64| (BASE + table * 4096) >> 2 | 1;
    for (index, table) in [(0, 1), (3, 1), (300, 2), (511, 2)] {
        image.put(BASE, index, pointer(table));
    }
    for table in [1, 2] {
        for (index, below) in [(0, 3), (5, 4), (511, 5)] {
            image.put(BASE + table * 4096, index, pointer(below));
        }
        for index in 10..40 {
            let high = [0, 1 << 61, 2 << 61, 3 << 61, 1 << 63, 1 << 60][next() as usize % 6];
            let ppn = (next() & 0xff) << if next() & 3 == 0 { 8 } else { 9 };
            image.put(
                BASE + table * 4096,
                index,
                high | ppn << 10 | next() & 0xff | 1,
            );
        }
    }
    for table in [3, 4, 5] {
        for index in 0..512 {
            let high = [
                0,
                0,
                1 << 63,
                1 << 61,
                2 << 61,
                3 << 61,
                1 << 63 | 1 << 61,
                1 << 54,
            ];
            let high = high[next() as usize % high.len()];
            let ppn = next() & 0xfff0 | if next() & 3 == 0 { next() & 0xf } else { 8 };
            let flags = next() & 0xff | u64::from(next() & 7 != 0);
            image.put(BASE + table * 4096, index, high | ppn << 10 | flags);
        }
        // Whole Svnapot pages, all 16 entries alike.
        for index in 64..96 {
            image.put(
                BASE + table * 4096,
                index,
                1 << 63 | (0x4_0008 + index / 16 * 16) << 10 | 0xcf,
            );
        }
    }
    image
}

fn number(value: &Value) -> u64 {
    let text = value.as_str().expect("hexadecimal");
    u64::from_str_radix(&text[2..], 16).expect("hexadecimal")
}

#[test]
fn every_page_is_what_the_manual_says() {
    let image = image();
    let mut wanted = Vec::new();
    image.decode(BASE, 2, 0, &mut wanted);
    wanted.sort_unstable();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tables");
    std::fs::write(&file, &image.0).expect("the tables");
    let memory = format!("{}@{BASE:#x}", file.display());
    let tables = [
        "map",
        "--mem",
        &memory,
        "--satp",
        "0x8000000000080000",
        "--dialect",
        "svpbmt",
    ];
    for merge in ["all", "none"] {
        let map = json(
            &[&tables[..], &["--merge", merge, "--format", "json"]].concat(),
            "",
        );
        let mut seen = Vec::new();
        for range in map["ranges"].as_array().expect("ranges") {
            let (va, pa) = (number(&range["va"]), number(&range["pa"]));
            let size = range["size"].as_u64().expect("bytes");
            let page_size = range["page_size"].as_u64().expect("bytes");
            let kind = ["PMA", "NC", "IO"]
                .into_iter()
                .find(|it| range["pbmt"] == *it);
            let letters = range["perms"].as_str().expect("letters");
            let flags = (0..)
                .zip(letters.chars())
                .map(|(bit, it)| u64::from(it != '-') << bit);
            let flags: u64 = flags.sum();
            assert_eq!(range["napot"].as_bool(), Some(page_size == 1 << 16));
            for into in (0..size).step_by(4096) {
                seen.push((
                    va + into,
                    pa + into,
                    page_size,
                    kind.expect("a type"),
                    flags,
                ));
            }
        }
        seen.sort_unstable();
        assert!(seen.len() > 5000, "{}", seen.len());
        assert_eq!(seen.len(), wanted.len());
        assert!(
            seen == wanted,
            "{:x?}",
            seen.iter().zip(&wanted).find(|(a, b)| a != b)
        );
    }
}
