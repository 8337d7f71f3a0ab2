//! Whatever comes in, from a file or from a stub: no panic, and an end to it.

mod inputs;

use std::io::Write;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn capture(name: &str) -> Vec<u8> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    std::fs::read(captures.join(name)).expect(name)
}

/// What is done to a good input to make it a bad one.
#[derive(Clone, Debug)]
enum Harm {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Double(Index, Index),
    Word(Index, u64),
}

fn harms() -> impl Strategy<Value = Vec<Harm>> {
    some(6)
}

/// Fewer than that many.
fn some(most: usize) -> impl Strategy<Value = Vec<Harm>> {
    let harm = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Harm::Flip(at, 1 << bit)),
        any::<Index>().prop_map(Harm::Cut),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Harm::Double(from, to)),
        (
            any::<Index>(),
            select(vec![0, 1, 1 << 31, 1 << 63, u64::MAX])
        )
            .prop_map(|(at, word)| Harm::Word(at, word)),
    ];
    vec(harm, 0..most)
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match harm {
            Harm::Set(at, byte) => bytes[at.index(length)] = *byte,
            Harm::Flip(at, bit) => bytes[at.index(length)] ^= bit,
            Harm::Cut(at) => bytes.truncate(at.index(length)),
            Harm::Double(from, to) => {
                let part = bytes[from.index(length)..].to_vec();
                let at = to.index(length);
                bytes.splice(at..at, part.into_iter().take(4096));
            }
            Harm::Word(at, word) => {
                let at = at.index(length);
                let end = length.min(at + 8);
                bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
            }
        }
    }
    bytes
}

/// Letters and what a text of this kind is made of, in any order.
fn text(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => select(words).prop_map(|word| word.as_bytes().to_vec()),
        2 => any::<u64>().prop_map(|number| format!("{number:#x}").into_bytes()),
        1 => vec(any::<u8>(), 0..12),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// What a stub answers: an own way to begin a line, and what is in it.
fn script() -> impl Strategy<Value = Vec<u8>> {
    let how = select(vec![
        '=', '=', '=', ' ', ' ', ' ', ' ', '#', '<', '!', '~', '^', '.',
    ]);
    let known = select(vec![
        "",
        "OK",
        "E01",
        "O",
        "O4f4b",
        "m",
        "l",
        "m<reg ",
        "T05thread:p1.1;",
        "0*~0*~",
        "00000000",
        "PacketSize=0",
        "PacketSize=ffffffffffffffff;QStartNoAckMode+;qXfer:memory-map:read+",
        "l<memory type=\"ram\" start=\"0\" length=\"0xffffffffffffffff\"/>",
        "l<xi:include href=\"target.xml\"/>",
        "l<reg name=\"pc\" bitsize=\"0\" regnum=\"4294967295\"/>",
    ]);
    let said = prop_oneof![
        3 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..60),
        1 => vec(select(b"0123456789abcdef".as_slice()), 0..600),
    ];
    let line = (how, said).prop_map(|(how, said)| [&[how as u8][..], &said].concat());
    vec(line, 0..24).prop_map(|lines| lines.join(&b'\n'))
}

const LISTS: &[&str] = &[
    "<memory ",
    "type=\"ram\"",
    "start=\"",
    "length=\"",
    "\"",
    "/>",
    " ",
    "\n",
    "\t",
    "y",
    "rw",
    "0 y ",
    "FlatView #0\n",
    "AS \"memory\", root: system\n",
    "-",
    " (prio 0, ram): x\n",
    "0x0",
    "ffffffffffffffff",
    "+",
    "_",
];

const SNAPSHOT: &[&str] = &[
    "{\"schema\":\"pagewalk.snapshot/1\",\"origin\":\"x\",\"xlen\":64,\"dialect\":null,\"roots\":[",
    "{\"name\":\"a\",\"satp\":\"",
    "\"}",
    "],\"tables\":[",
    "{\"pa\":\"",
    "\",\"whole\":true",
    ",\"entries\":[",
    "[0,\"",
    "\"]",
    "]",
    "}",
    ",",
    "[",
    "0x80000",
    "8000000000000000",
    "null",
];

const TRAPS: &[&str] = &[
    "scause",
    "mcause: ",
    "sepc=",
    "| stval | ",
    "epc : ",
    "cause: ",
    "badaddr: ",
    "status: ",
    " ",
    "\n",
    "\r\n",
    "\x1b[31m",
    "\x1b",
    "0000000d",
    "000000000000000f",
    "13",
    "0x",
    "_",
    "(/64): ",
    "Unhandled exception: ",
    "Load page fault",
    "reloc adjusted",
    ": EXCEPTION: ",
    "[ 1.5] ",
    "riscv_cpu_do_interrupt: ",
    "async:1",
    "TrapFrame {",
    "Exception(",
    "with status ",
    "CPU#",
    "exception trap_load_page_fault",
    "exception interrupt #",
    "-bit VAs",
    " pgd=",
    "pte=",
    "pgdp=",
    "Kernel Offset: ",
    "at virtual address ",
    "pagewalk: ",
    "\0",
];

/// Words of listings.
const LISTINGS: &[&str] = &[
    "0000000000010000 ",
    "0000000080338000 ",
    "ffffffffffff0000 ",
    "0000000000001000 ",
    "00010000 ",
    "r-xu-a-",
    "page table 0x87f51000",
    "..",
    " ..511",
    " ..0x0000003fc0000000",
    ": pte 0x0000000021fd3801 pa 0x0",
    "Memory Maps for PID 2:",
    " Superpage for 60000000 @ 400a1000 ",
    " 60026000 -> 400a3000 ",
    "(flags: VALID | R)",
    "(flags: d7)",
    "0xffffffd800000000-0xffffffd800200000 ",
    "0x0000000080000000 ",
    " 2M PMD D A G . . W R V",
    "va,pa,size,perms,page_size,level,memory",
    "0x10000,0x80338000,16384,r-xu-a-,4096,0,nc",
    "{\"schema\":\"pagewalk.map/1\",\"satp\":\"0x8\",\"ranges\":[]}",
    "\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_stub_may_say_anything(script in script()) {
        let _ = inputs::line::stub(&script);
    }

    #[test]
    fn a_list_of_memory_may_be_anything(lists in text(LISTS), noise in vec(any::<u8>(), 0..300)) {
        inputs::memory_lists(&lists);
        inputs::memory_lists(&noise);
    }

    #[test]
    fn a_snapshot_may_be_harmed(harms in harms(), text in text(SNAPSHOT)) {
        inputs::snapshot(&harmed(capture("before.json"), &harms));
        inputs::snapshot(&text);
    }

    #[test]
    fn a_trap_may_be_harmed(harms in harms(), text in text(TRAPS), noise in vec(any::<u8>(), 0..300)) {
        for name in ["linux-oops", "nuttx-panic", "uboot", "wide", "wrapped", "rust-frame"] {
            inputs::traps(&harmed(capture(&format!("traps/{name}.txt")), &harms));
        }
        inputs::traps(&text);
        inputs::traps(&noise);
        inputs::pmp(&harmed(capture("opensbi-domain.txt"), &harms));
        inputs::pmp(&text);
        inputs::pmp(&noise);
    }

    #[test]
    fn a_pasted_dump_may_be_harmed(harms in harms()) {
        for name in ["sv32-uboot.txt", "thead-hexdump.txt", "nuttx-mmu.txt"] {
            inputs::pasted(&harmed(capture(name), &harms));
        }
    }
}

proptest! {
    // Each has a larger input, or a file to write.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_raw_dump_may_be_harmed(harms in harms()) {
        for name in ["sv32-memory.bin", "thead.bin"] {
            inputs::dump(&harmed(capture(name), &harms));
        }
    }

    #[test]
    fn a_core_may_be_harmed(harms in harms(), header in some(3)) {
        let mut core = capture("linux-sv39/pagetables.core");
        let rest = core.split_off(1024);
        let core = [harmed(core, &header), rest].concat();
        inputs::core(&harmed(core, &harms));
    }

    #[test]
    fn a_dump_of_any_format_may_be_harmed(harms in harms()) {
        for name in ["core.gz", "core.xz", "core.zst", "memory.lime", "memory.kdump.gz", "memory.flat.gz"] {
            inputs::physical(&harmed(capture(&format!("dumps/{name}")), &harms));
        }
        for name in ["memory.srec", "memory.hex"] {
            inputs::pasted(&harmed(capture(&format!("dumps/{name}")), &harms));
        }
    }

    #[test]
    fn a_kdump_may_be_harmed_within(harms in harms(), header in some(3)) {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&capture("dumps/memory.kdump.gz")).expect("room");
        let mut dump = container::read(file.path(), 1 << 24).expect("a good file");
        let rest = dump.split_off(8192);
        let dump = [harmed(dump, &header), rest].concat();
        inputs::physical(&harmed(dump, &harms));
    }

    #[test]
    fn printed_mappings_may_be_harmed(harms in harms(), text in text(LISTINGS)) {
        for name in ["info-mem", "vmprint", "xous", "ptdump"] {
            inputs::printed(&harmed(capture(&format!("listings/{name}.txt")), &harms));
        }
        inputs::printed(&text);
    }

    #[test]
    fn a_program_may_be_harmed(harms in harms(), text in vec(any::<u8>(), 0..300)) {
        for name in ["fall.elf", "touch_test.elf"] {
            inputs::program(&harmed(capture(name), &harms));
        }
        inputs::program(&text);
    }
}

#[test]
fn good_inputs_are_understood_where_bad_ones_are_not() {
    assert!(inputs::dump(&capture("sv32-memory.bin")) > 0);
    assert!(inputs::dump(&capture("thead.bin")) > 0);
    for name in ["sv32-uboot.txt", "thead-hexdump.txt", "nuttx-mmu.txt"] {
        assert!(inputs::pasted(&capture(name)) > 0, "{name}");
    }
    assert!(inputs::core(&capture("linux-sv39/pagetables.core")) >= 5547);
    for name in [
        "core.gz",
        "core.xz",
        "core.zst",
        "memory.lime",
        "memory.kdump.gz",
        "memory.flat.gz",
    ] {
        assert!(
            inputs::physical(&capture(&format!("dumps/{name}"))) > 0,
            "{name}"
        );
    }
    for name in ["info-mem", "info-mem-rv32", "vmprint", "xous", "ptdump"] {
        assert!(
            inputs::printed(&capture(&format!("listings/{name}.txt"))) > 0,
            "{name}"
        );
    }
    assert!(inputs::snapshot(&capture("before.json")) > 0);
    assert_eq!(inputs::traps(&capture("traps/qemu-int.txt")), 3);
    assert!(inputs::pmp(&capture("opensbi-domain.txt")) > 0);
    assert_eq!(inputs::program(&capture("fall.elf")), 6);
    let map = "<memory type=\"ram\" start=\"0x0\" length=\"4096\"/>\n0 y 0x0 0x1000 rw nocache \n";
    assert_eq!(inputs::memory_lists(map.as_bytes()), 2);
}

#[test]
fn an_honest_stub_is_believed_and_one_that_repeats_itself_is_not() {
    let honest = inputs::line::stub(b"").expect("a stub");
    // A handshake, a description, a tree of seven pages.
    assert!((20..400).contains(&honest), "{honest}");
    // Packets of all kinds, damaged ones, and none at all: from the beginning, and instead of any
    // answer of a session that began well.
    let endless = [
        "~OK", "~O41", "~O", "~m0", "~", "~00", "^+", "^-", "^$OK#00", "^$", "^0*~",
    ];
    for endless in endless {
        for honest in [0, 5, 8] {
            let _ = inputs::line::stub(&[&b" \n".repeat(honest)[..], endless.as_bytes()].concat());
        }
        // It knows no map of its memory: QEMU's monitor is asked.
        let script = format!("{}=\n{endless}", " \n".repeat(5));
        let _ = inputs::line::stub(script.as_bytes());
    }
}
