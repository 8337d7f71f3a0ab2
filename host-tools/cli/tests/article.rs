//! The Ox64's page tables as the seed article draws them, out of a U-Boot dump.
//!
//! "RISC-V Ox64 BL808 SBC: Sv39 Memory Management Unit" shows what NuttX builds:
//! root 0x50407000, level 1 at 0x50406000 (RAM) and 0x50403000 (PLIC), level 0 for
//! kernel code and data, and a process whose root is 0x50600000. The values here
//! are those of its log; the dump is what `md.q` would print of them.

mod program;

use program::json;
use serde_json::{Value, json};

/// A run of entries: table, first index, first value, how many, what each adds.
type Entries = (u64, usize, u64, usize, u64);

const PAGE: u64 = 4096 >> 2;
const MEGAPAGE: u64 = 0x20_0000 >> 2;

const TABLES: &[Entries] = &[
    // The kernel's root: devices, RAM, PLIC.
    (0x5040_7000, 0, 0xe7, 1, 0),
    (0x5040_7000, 1, 0x1410_1821, 1, 0),
    (0x5040_7000, 3, 0x1410_0c21, 1, 0),
    // RAM: code, data, the page pool.
    (0x5040_6000, 0x81, 0x1410_1001, 1, 0),
    (0x5040_6000, 0x82, 0x1410_1401, 1, 0),
    (0x5040_6000, 0x83, 0x1418_00e7, 10, MEGAPAGE),
    // The PLIC.
    (0x5040_3000, 0x100, 0x3800_00e7, 128, MEGAPAGE),
    // Kernel code and data.
    (0x5040_4000, 0, 0x1408_00eb, 512, PAGE),
    (0x5040_5000, 0, 0x1410_00e7, 512, PAGE),
    // A process: the kernel's root copied, and its own code, data and heap.
    (0x5060_0000, 0, 0xe7, 1, 0),
    (0x5060_0000, 1, 0x1410_1821, 1, 0),
    (0x5060_0000, 2, 0x1418_0401, 1, 0),
    (0x5060_0000, 3, 0x1410_0c21, 1, 0),
    (0x5060_1000, 0, 0x1418_0801, 1, 0),
    (0x5060_1000, 1, 0x1418_6c01, 1, 0),
    (0x5060_2000, 0, 0x1418_10db, 22, PAGE),
    (0x5060_2000, 0x100, 0x1418_0cd7, 1, 0),
    (0x5060_2000, 0x101, 0x1418_68d7, 1, 0),
    (0x5061_b000, 0, 0x1418_70d7, 129, PAGE),
];

fn table(at: u64) -> [u64; 512] {
    let mut table = [0; 512];
    let rows = TABLES.iter().filter(|(table, ..)| *table == at);
    for (_, index, first, count, step) in rows {
        for more in 0..*count {
            table[index + more] = first + more as u64 * step;
        }
    }
    table
}

/// A session with U-Boot: whole tables, commands and prompts between them.
fn md_q() -> String {
    let mut tables: Vec<u64> = TABLES.iter().map(|(table, ..)| *table).collect();
    tables.dedup();
    let mut text = String::from("U-Boot 2023.04 (Nov 19 2023 - 12:00:00 +0000)\r\n\r\n");
    for at in tables {
        text += &format!("=> md.q 0x{at:x} 0x200\r\n");
        for (line, pair) in table(at).chunks(2).enumerate() {
            let at = at + line as u64 * 16;
            let bytes = pair.iter().flat_map(|word| word.to_le_bytes());
            let shown = bytes.map(|byte| match byte {
                b' '..=b'~' => byte as char,
                _ => '.',
            });
            let shown: String = shown.collect();
            text += &format!("{at:08x}: {:016x} {:016x}    {shown}\r\n", pair[0], pair[1]);
        }
    }
    text + "=> "
}

fn map(satp: &str) -> Value {
    let words = ["map", "--dump", "-", "--satp", satp, "--format", "json"];
    json(&words, &md_q())
}

fn range(va: u64, pa: u64, size: u64, perms: &str, level: u8) -> Value {
    json!({
        "va": format!("{va:#x}"), "pa": format!("{pa:#x}"), "size": size, "perms": perms,
        "page_size": 4096u64 << (9 * level), "level": level, "pbmt": "PMA", "napot": false,
        "rsw": 0,
    })
}

const MIB: u64 = 1 << 20;

fn devices() -> Value {
    range(0, 0, 1024 * MIB, "rw--gad", 2)
}

fn kernel() -> Vec<Value> {
    let same = |at, size, perms, level| range(at, at, size, perms, level);
    vec![
        same(0x5020_0000, 2 * MIB, "r-x-gad", 0),
        same(0x5040_0000, 2 * MIB, "rw--gad", 0),
        same(0x5060_0000, 20 * MIB, "rw--gad", 1),
    ]
}

fn plic() -> Value {
    range(0xe000_0000, 0xe000_0000, 256 * MIB, "rw--gad", 1)
}

#[test]
fn the_kernels_map_is_the_articles() {
    let map = map("0x8000000000050407");
    assert_eq!(map["root_pa"], "0x50407000");
    let mut expected = vec![devices()];
    expected.extend(kernel());
    expected.push(plic());
    assert_eq!(map["ranges"], Value::from(expected));
    assert_eq!(map["problems"], json!([]));
}

#[test]
fn the_process_has_the_articles_pages_between_the_kernels() {
    let map = map("0x8000000000050600");
    let mut expected = vec![devices()];
    expected.extend(kernel());
    expected.extend([
        range(0x8000_0000, 0x5060_4000, 22 * 4096, "r-xu-ad", 0),
        range(0x8010_0000, 0x5060_3000, 4096, "rw-u-ad", 0),
        range(0x8010_1000, 0x5061_a000, 4096, "rw-u-ad", 0),
        range(0x8020_0000, 0x5061_c000, 129 * 4096, "rw-u-ad", 0),
        plic(),
    ]);
    assert_eq!(map["ranges"], Value::from(expected));
}

#[test]
fn the_entries_are_decoded_as_the_article_shows_them() {
    let words = ["decode", "--dump", "-", "--format", "json"];
    let decoded = json(&words, &md_q());
    let entries = decoded["entries"].as_array().expect("entries");
    let count: usize = TABLES.iter().map(|(_, _, _, count, _)| count).sum();
    assert_eq!(entries.len(), count);
    let find = |table: &str, index: u64| {
        let is_it = |it: &&Value| it["table"] == table && it["index"] == index;
        let entry = entries.iter().find(is_it).expect("the entry");
        json!([
            entry["levels"],
            entry["flags"],
            entry["target"],
            entry["means"]
        ])
    };
    // "V G R W, PPN 0", "V G, PPN 0x50406", "V G, PPN 0x50403".
    let root = |index| find("0x50407000", index);
    assert_eq!(root(0), json!([[2], "rw--gad", "0x0", "1GiB page"]));
    assert_eq!(root(1), json!([[2], "----g--", "0x50406000", "table"]));
    assert_eq!(root(3), json!([[2], "----g--", "0x50403000", "table"]));
    let plic = |index| find("0x50403000", index);
    assert_eq!(
        plic(0x100),
        json!([[1], "rw--gad", "0xe0000000", "2MiB page"])
    );
    assert_eq!(
        plic(0x17f),
        json!([[1], "rw--gad", "0xefe00000", "2MiB page"])
    );
    let code = |index| find("0x50404000", index);
    assert_eq!(code(1), json!([[0], "r-x-gad", "0x50201000", "4KiB page"]));
    assert_eq!(
        code(0x1ff),
        json!([[0], "r-x-gad", "0x503ff000", "4KiB page"])
    );
    let pool = find("0x50406000", 0x8c);
    assert_eq!(pool, json!([[1], "rw--gad", "0x51800000", "2MiB page"]));
    let user = |index| find("0x50602000", index);
    assert_eq!(user(0), json!([[0], "r-xu-ad", "0x50604000", "4KiB page"]));
    assert_eq!(
        user(0x100),
        json!([[0], "rw-u-ad", "0x50603000", "4KiB page"])
    );
    assert_eq!(
        find("0x50600000", 2),
        json!([[2], "-------", "0x50601000", "table"])
    );
}

#[test]
fn an_address_of_the_process_is_translated_as_the_article_does() {
    let walk = json(
        &[
            "walk",
            "0x80001234",
            "--dump",
            "-",
            "--satp",
            "0x8000000000050600",
            "--format",
            "json",
        ],
        &md_q(),
    );
    let steps = walk["steps"].as_array().expect("steps");
    let ways: Vec<_> = steps
        .iter()
        .map(|step| (&step["at"], &step["entry"]))
        .collect();
    assert_eq!(
        json!(ways),
        json!([
            ["0x50600010", "0x14180401"],
            ["0x50601000", "0x14180801"],
            ["0x50602008", "0x141814db"],
        ])
    );
    assert_eq!(walk["pa"], "0x50605234");
}
