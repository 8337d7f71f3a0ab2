//! An Image that breaks every rule, one at a time, by its boot argument: and is caught.
//!
//! `break=X1` breaks the rule of the letter X, and 1 says that entries carry T-Head's memory types. It boots
//! on QEMU too, which shows what an emulator makes of the same. It says `K` where all went as a kernel that
//! knows no better expects, `B` where it found other bytes, and `T` with the cause, from `A` for 0, at a trap.

use std::process::Command;

use crate::asm::{
    AsmProgram, ECALL, SFENCE, SRET, WFI, add, addi, csrr, csrw, i, ld, or, over_next, r, s, sd,
    slli, srli,
};
use crate::hart::C906;
use crate::machine::{MachineOptions, Stop, StrictMachine};
use crate::rule::SiliconRule;

/// Bytes of the file, and places in it.
const SIZE: usize = 0x12_0000;
const OK: usize = 0x800;
const BAD: usize = 0x840;
const SAY: usize = 0x880;
const HANDLER: usize = 0x900;
/// A rule's code is in a page of its own, from here on.
const SLOTS: usize = 0x2000;
const ROOT: usize = 0x10_0000;
const MIDDLE: usize = 0x10_1000;
const LOW: usize = 0x10_2000;
const FRAME: usize = 0x11_0000;
const OTHER: usize = 0x11_1000;

/// Registers that hold something from beginning to end.
const RAM_TYPE: u32 = 19;
const DEVICE_TYPE: u32 = 20;
/// The first virtual address whose entries lie in `LOW`.
const TEST: u32 = 21;
const LOW_AT: u32 = 22;
const FRAME_AT: u32 = 23;
const OTHER_AT: u32 = 24;
/// A trap goes on behind its instruction if this is not zero.
const SKIP: u32 = 27;

/// V, R, W, X, A, D.
const LEAF: i32 = 0xcf;
const VALID: i32 = 1;

/// One rule: its letter, what it needs, what is said on the model, and on QEMU where it can run there.
struct Case {
    letter: char,
    rule: SiliconRule,
    types: bool,
    says: &'static str,
    on_qemu: Option<&'static str>,
    code: fn(&mut AsmProgram),
}

const fn case(
    letter: char,
    rule: SiliconRule,
    types: bool,
    says: &'static str,
    on_qemu: Option<&'static str>,
    code: fn(&mut AsmProgram),
) -> Case {
    Case {
        letter,
        rule,
        types,
        says,
        on_qemu,
        code,
    }
}

#[rustfmt::skip]
const CASES: [Case; 20] = [
    case('a', SiliconRule::AccessedClear, false, "TN", Some("K"), |p| {
        p.leaf(0, FRAME_AT, LEAF & !0x40, 0);
        p.words(&[SFENCE, ld(5, TEST, 0)]);
        p.expect(5, 0x11);
    }),
    case('b', SiliconRule::DirtyClear, false, "TP", Some("K"), |p| {
        p.leaf(0, FRAME_AT, LEAF & !0x80, 0);
        p.words(&[SFENCE, addi(6, 0, 0x33), sd(6, TEST, 0), ld(5, TEST, 0)]);
        p.expect(5, 0x33);
    }),
    // The table through a page that is not cacheable: entry 5 lies in the line of entry 0, which was walked.
    case('c', SiliconRule::WalkPastCache, true, "TN", None, |p| {
        p.typed_leaf(1, LOW_AT, LEAF, 3 << 60);
        p.words(&[SFENCE, ld(5, TEST, 0)]);
        p.page(7, 1);
        p.entry(6, FRAME_AT, LEAF, RAM_TYPE);
        p.words(&[sd(6, 7, 5 * 8), SFENCE]);
        p.page(7, 5);
        p.word(ld(5, 7, 0));
        p.expect(5, 0x11);
    }),
    case('d', SiliconRule::DirtyLinesLost, false, "B", None, |p| {
        // dcache.call, a store, dcache.iall.
        p.words(&[0x0010_000b, addi(6, 0, 0x33), sd(6, FRAME_AT, 0), 0x0020_000b, ld(5, FRAME_AT, 0)]);
        p.expect(5, 0x33);
    }),
    case('e', SiliconRule::CodeWithoutFence, false, "B", Some("K"), |p| {
        for number in [1, 2] {
            p.constant(6, u64::from(addi(5, 0, number)) | 0x8067 << 32);
            p.words(&[sd(6, FRAME_AT, 64), addi(7, FRAME_AT, 64), i(0x67, 0, 1, 7, 0)]);
        }
        p.expect(5, 2);
    }),
    // The priority of source 4, and its neighbour's by the page that is strongly ordered.
    case('f', SiliconRule::DeviceNotOrdered, true, "B", None, |p| {
        p.constant(8, 0xe000_0000);
        p.typed_leaf(0, 8, 0xc7, 7 << 60);
        p.words(&[SFENCE, addi(6, 0, 1), s(0x23, 2, TEST, 6, 16), i(0x03, 2, 5, 8, 20)]);
        p.expect(5, 0);
    }),
    case('g', SiliconRule::FetchFromDevice, true, "TB", None, |p| {
        p.constant(6, 0x8067);
        p.word(sd(6, FRAME_AT, 0));
        p.typed_leaf(0, FRAME_AT, LEAF, 9 << 60);
        p.words(&[SFENCE, 0x0000_100f, i(0x67, 0, 1, TEST, 0)]);
        p.jump(OK);
    }),
    case('h', SiliconRule::RamTypedAsDevice, true, "K", None, |p| {
        p.word(0x0010_000b);
        p.typed_leaf(0, FRAME_AT, LEAF, 9 << 60);
        p.words(&[SFENCE, ld(5, TEST, 0)]);
        p.expect(5, 0x11);
    }),
    case('i', SiliconRule::RamNotCacheable, true, "B", None, |p| {
        p.words(&[0x0010_000b, addi(6, 0, 0x33), sd(6, FRAME_AT, 0)]);
        p.typed_leaf(0, FRAME_AT, LEAF, 3 << 60);
        p.words(&[SFENCE, ld(5, TEST, 0)]);
        p.expect(5, 0x33);
    }),
    case('j', SiliconRule::ReservedBits, false, "TN", Some("TN"), |p| {
        p.typed_leaf(0, FRAME_AT, LEAF, 1 << 54);
        p.words(&[SFENCE, ld(5, TEST, 0)]);
        p.expect(5, 0x11);
    }),
    case('k', SiliconRule::MisalignedSuperpage, false, "TN", Some("TN"), |p| {
        p.address(7, MIDDLE);
        p.entry(6, FRAME_AT, LEAF, RAM_TYPE);
        p.words(&[sd(6, 7, 8), SFENCE]);
        // The second entry of the middle table: 2 MiB on.
        p.words(&[0x200 << 12 | 7 << 7 | 0x37, add(7, 7, TEST), ld(5, 7, 0)]);
        p.expect(5, 0x11);
    }),
    case('l', SiliconRule::StaleTranslation, false, "B", Some("B"), |p| {
        p.word(ld(5, TEST, 0));
        p.leaf(0, OTHER_AT, LEAF, 0);
        p.word(ld(5, TEST, 0));
        p.expect(5, 0x22);
    }),
    case('m', SiliconRule::NegativeTranslation, false, "TN", Some("K"), |p| {
        p.page(7, 3);
        p.words(&[addi(SKIP, 0, 1), ld(5, 7, 0)]);
        p.leaf(3, FRAME_AT, LEAF, 0);
        p.word(ld(5, 7, 0));
        p.expect(5, 0x11);
    }),
    case('n', SiliconRule::ReservationLost, false, "B", Some("B"), |p| {
        // lr.d, an instruction that is none, sc.d.
        p.words(&[addi(SKIP, 0, 1), r(0x2f, 8, 3, 5, FRAME_AT, 0), u32::MAX, r(0x2f, 12, 3, 5, FRAME_AT, 0)]);
        p.expect(5, 0);
    }),
    case('o', SiliconRule::OutsidePmp, false, "TF", None, |p| {
        p.constant(7, 0x6000_0000);
        p.word(ld(5, 7, 0));
        p.jump(OK);
    }),
    case('p', SiliconRule::DeviceWidth, false, "TF", None, |p| {
        p.constant(7, 0x3000_2000);
        p.word(i(0x03, 0, 5, 7, 0x84));
        p.jump(OK);
    }),
    case('q', SiliconRule::WrongBaud, false, "\u{fffd}", None, |p| {
        p.constant(7, 0x3000_2000);
        // A divisor for 1 Mbaud.
        p.constant(6, 0x0027_0027);
        p.word(s(0x23, 2, 7, 6, 8));
        p.jump(OK);
    }),
    // Another low table, and a fence for the one address: the hart may go on with the pointer to the old one.
    case('r', SiliconRule::StaleTranslation, false, "TN", Some("K"), |p| {
        p.word(ld(5, TEST, 0));
        p.page(7, 4);
        p.entry(6, FRAME_AT, LEAF, RAM_TYPE);
        p.word(sd(6, OTHER_AT, 4 * 8));
        p.entry(6, OTHER_AT, VALID, 0);
        p.address(8, MIDDLE);
        // sfence.vma x7
        p.words(&[sd(6, 8, 0), 0x1200_0073 | 7 << 15, ld(5, 7, 0)]);
        p.expect(5, 0x11);
    }),
    // Enables source 1 for context 0, as a kernel does that takes the hart's number for its context.
    case('s', SiliconRule::PlicOffset, false, "B", None, |p| {
        p.constant(8, 0xe000_2000);
        p.words(&[addi(6, 0, 2), s(0x23, 2, 8, 6, 0), i(0x03, 2, 5, 8, 0)]);
        p.expect(5, 2);
    }),
    // Waits until the FIFO is full, and then for the time of twelve bytes more.
    case('t', SiliconRule::ByteLost, false, "B", None, |p| {
        p.constant(7, 0x3000_2000);
        let count = [i(0x03, 2, 5, 7, 0x84), srli(5, 5, 8), i(0x13, 7, 5, 5, 0x3f)];
        let again = p.bytes.len();
        p.words(&count);
        p.words(&[addi(6, 0, 32), over_next(0, 5, 6)]);
        p.jump(again);
        p.word(addi(9, 0, 2000));
        let again = p.bytes.len();
        p.words(&[addi(9, 9, -1), over_next(0, 9, 0)]);
        p.jump(again);
        p.words(&count);
        p.expect(5, TYPED as i32);
    }),
];

/// Bytes that are typed while the last case runs.
const TYPED: usize = 40;

impl AsmProgram {
    /// An entry in a register: a frame's address with flags, and a type from another register.
    fn entry(&mut self, rd: u32, frame: u32, flags: i32, kind: u32) {
        self.words(&[
            srli(rd, frame, 2),
            i(0x13, 6, rd, rd, flags as u32),
            or(rd, rd, kind),
        ]);
    }

    /// Entry `index` of the low table: a leaf of RAM's type, or of one more.
    fn leaf(&mut self, index: i32, frame: u32, flags: i32, more: u64) {
        self.entry(6, frame, flags, RAM_TYPE);
        if more != 0 {
            self.constant(9, more);
            self.word(or(6, 6, 9));
        }
        self.word(sd(6, LOW_AT, index * 8));
    }

    /// The same with these bits alone as its type.
    fn typed_leaf(&mut self, index: i32, frame: u32, flags: i32, bits: u64) {
        self.constant(9, bits);
        self.entry(6, frame, flags, 9);
        self.word(sd(6, LOW_AT, index * 8));
    }

    /// The virtual address of page `index`.
    fn page(&mut self, rd: u32, index: u32) {
        self.words(&[index << 12 | rd << 7 | 0x37, add(rd, rd, TEST)]);
    }

    fn expect(&mut self, register: u32, value: i32) {
        self.words(&[addi(6, 0, value), over_next(1, register, 6)]);
        self.jump(OK);
        self.jump(BAD);
    }

    fn say(&mut self, letter: char) {
        self.word(addi(10, 0, letter as i32));
        self.words(&[addi(17, 0, 1), ECALL]);
    }

    fn header(&mut self) {
        self.jump(64);
        self.word(0);
        for number in [0x20_0000, SIZE as u64, 0, 2, 0u64] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes.extend(b"RISCV\0\0\0RSC\x05\0\0\0\0");
        assert_eq!(self.bytes.len(), 64);
    }

    /// Finds the argument in the device tree, builds tables, and goes to the rule's code.
    fn start(&mut self) {
        self.address(5, HANDLER);
        self.word(csrw(0x105, 5));
        self.constant(7, u64::from_le_bytes(*b"break=\0\0"));
        self.word(addi(5, 11, -1));
        let again = self.bytes.len();
        self.words(&[
            addi(5, 5, 1),
            ld(6, 5, 0),
            slli(6, 6, 16),
            srli(6, 6, 16),
            over_next(0, 6, 7),
        ]);
        self.jump(again);
        self.words(&[
            i(0x03, 4, 28, 5, 6),
            i(0x03, 4, 29, 5, 7),
            addi(29, 29, -i32::from(b'0')),
        ]);
        self.words(&[
            addi(RAM_TYPE, 0, 7),
            slli(RAM_TYPE, RAM_TYPE, 60),
            addi(DEVICE_TYPE, 0, 9),
        ]);
        self.words(&[
            slli(DEVICE_TYPE, DEVICE_TYPE, 60),
            over_next(1, 29, 0),
            addi(RAM_TYPE, 0, 0),
        ]);
        self.words(&[
            over_next(1, 29, 0),
            addi(DEVICE_TYPE, 0, 0),
            addi(SKIP, 0, 0),
        ]);
        self.clear();
        self.tables();
        // The rule's page.
        self.address(5, SLOTS);
        self.words(&[
            addi(28, 28, -i32::from(b'a')),
            slli(28, 28, 12),
            add(5, 5, 28),
            i(0x67, 0, 0, 5, 0),
        ]);
    }

    fn clear(&mut self) {
        self.address(5, ROOT);
        self.address(6, LOW + 0x1000);
        let again = self.bytes.len();
        self.words(&[sd(0, 5, 0), addi(5, 5, 8), over_next(0, 5, 6)]);
        self.jump(again);
    }

    fn tables(&mut self) {
        self.address(8, ROOT);
        // Devices of 1 GiB each, not executable: at 0, 1 and 3 GiB.
        for gib in [0u32, 1, 3] {
            self.words(&[addi(7, 0, gib as i32), slli(7, 7, 30)]);
            self.entry(6, 7, 0xc7, DEVICE_TYPE);
            self.word(sd(6, 8, gib as i32 * 8));
        }
        // The one that we are in.
        self.address(7, 0);
        self.words(&[srli(9, 7, 30), slli(7, 9, 30), slli(9, 9, 3), add(9, 9, 8)]);
        self.entry(6, 7, LEAF, RAM_TYPE);
        self.word(sd(6, 9, 0));
        self.words(&[addi(TEST, 0, 1), slli(TEST, TEST, 32)]);
        self.address(7, MIDDLE);
        self.entry(6, 7, VALID, 0);
        self.word(sd(6, 8, 4 * 8));
        self.address(LOW_AT, LOW);
        self.entry(6, LOW_AT, VALID, 0);
        self.word(sd(6, 7, 0));
        self.address(FRAME_AT, FRAME);
        self.address(OTHER_AT, OTHER);
        self.words(&[
            addi(6, 0, 0x11),
            sd(6, FRAME_AT, 0),
            addi(6, 0, 0x22),
            sd(6, OTHER_AT, 0),
        ]);
        self.leaf(0, FRAME_AT, LEAF, 0);
        self.words(&[addi(5, 0, 8), slli(5, 5, 60), srli(6, 8, 12), or(5, 5, 6)]);
        self.words(&[SFENCE, csrw(0x180, 5), SFENCE]);
    }

    fn ends(&mut self) {
        self.at(OK);
        self.say('K');
        self.jump(SAY);
        self.at(BAD);
        self.say('B');
        self.jump(SAY);
        self.at(SAY);
        self.say('\n');
        // SRST, where there is one.
        self.constant(17, 0x5352_5354);
        self.words(&[addi(16, 0, 0), addi(10, 0, 0), addi(11, 0, 0), ECALL]);
        let again = self.bytes.len();
        self.word(WFI);
        self.jump(again);
    }

    fn handler(&mut self) {
        self.at(HANDLER);
        self.words(&[over_next(0, SKIP, 0)]);
        let to_skip = self.bytes.len() + 40;
        self.jump(to_skip);
        self.say('T');
        self.words(&[
            csrr(10, 0x142),
            addi(10, 10, i32::from(b'A')),
            addi(17, 0, 1),
            ECALL,
        ]);
        self.jump(SAY);
        self.at(to_skip);
        self.words(&[
            addi(SKIP, 0, 0),
            csrr(5, 0x141),
            addi(5, 5, 4),
            csrw(0x141, 5),
            SRET,
        ]);
    }
}

fn image() -> Vec<u8> {
    let mut program = AsmProgram::default();
    program.header();
    program.start();
    program.ends();
    program.handler();
    for (slot, case) in CASES.iter().enumerate() {
        assert_eq!(case.letter as usize - 'a' as usize, slot);
        program.at(SLOTS + slot * 0x1000);
        (case.code)(&mut program);
    }
    program.at(SIZE);
    program.bytes
}

/// What the Image says on the model, and the machine after it.
fn run(case: &Case, off: Vec<SiliconRule>) -> (String, StrictMachine) {
    let board = boards::by_name("ox64").expect("the board");
    let options = MachineOptions {
        maee: case.types,
        off,
        ..MachineOptions::default()
    };
    let mut machine = StrictMachine::new(&board, options);
    let (entry, arguments) = (0x20_0000, 0x300_0000);
    machine.ram.load(entry, &image()).expect("it fits");
    let text = format!("break={}{}", case.letter, u8::from(case.types));
    machine
        .ram
        .load(arguments, text.as_bytes())
        .expect("it fits");
    let base = board.ram.base;
    if case.rule == SiliconRule::ByteLost {
        machine.type_bytes(&[b'x'; TYPED]);
    }
    machine.hart = C906::new(base + entry as u64, 0, base + arguments as u64);
    let mut said = Vec::new();
    loop {
        let stop = machine.run(1_000_000);
        said.extend(machine.take_output());
        match stop {
            Stop::Sleeping(Some(until)) => machine.sleep_until(until),
            Stop::Sleeping(None) => break,
            _ => panic!(
                "{}: it does not end: {}",
                case.rule,
                String::from_utf8_lossy(&said)
            ),
        }
    }
    (
        String::from_utf8_lossy(&said).trim_end().to_owned(),
        machine,
    )
}

#[test]
fn every_rule_has_an_image_that_breaks_it() {
    for rule in SiliconRule::ALL {
        assert!(CASES.iter().any(|case| case.rule == rule), "{rule}");
    }
}

#[test]
fn every_rule_that_an_image_breaks_is_caught_and_named_with_its_place() {
    for case in &CASES {
        let (said, machine) = run(case, Vec::new());
        let found: Vec<String> = machine.findings.iter().map(|it| it.to_string()).collect();
        assert!(
            machine.findings.of(case.rule) > 0,
            "{}: {said}, {found:?}",
            case.rule
        );
        if case.rule != SiliconRule::WrongBaud {
            assert_eq!(said, case.says, "{}: {found:?}", case.rule);
            // The instruction lies in the rule's own page.
            let page = 0x5020_0000 + SLOTS as u64 + (case.letter as u64 - 'a' as u64) * 0x1000;
            let place = machine
                .findings
                .iter()
                .find(|it| it.rule == case.rule)
                .expect("it is there");
            let in_frame = place.pc & !0xfff == 0x5020_0000 + FRAME as u64;
            let in_test = place.pc >> 32 == 1;
            assert!(place.pc & !0xfff == page || in_frame || in_test, "{place}");
        } else {
            assert_ne!(said, "K", "the text is garbled");
        }
    }
}

/// Each switch is one: what only this rule refuses goes well without it.
#[test]
fn a_rule_that_is_switched_off_refuses_nothing() {
    for case in &CASES {
        let forgiven = matches!(
            case.rule,
            SiliconRule::AccessedClear
                | SiliconRule::DirtyClear
                | SiliconRule::WalkPastCache
                | SiliconRule::CodeWithoutFence
                | SiliconRule::DeviceNotOrdered
                | SiliconRule::FetchFromDevice
                | SiliconRule::RamTypedAsDevice
                | SiliconRule::RamNotCacheable
                | SiliconRule::StaleTranslation
                | SiliconRule::NegativeTranslation
        );
        let off = if case.rule == SiliconRule::WalkPastCache {
            // It is broken by way of the other.
            vec![case.rule, SiliconRule::RamNotCacheable]
        } else {
            vec![case.rule]
        };
        let (said, machine) = run(case, off);
        assert_eq!(machine.findings.of(case.rule), 0, "{}", case.rule);
        assert_eq!(
            said == "K",
            forgiven || case.says == "K",
            "{}: {said}",
            case.rule
        );
    }
}

/// What docs/ox64-model.md says of QEMU.
#[test]
fn qemu_says_of_the_same_image_what_the_table_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("Image");
    std::fs::write(&path, image()).expect("a file");
    for case in &CASES {
        let Some(expected) = case.on_qemu else {
            continue;
        };
        let run = Command::new("qemu-system-riscv64")
            .args([
                "-M", "virt", "-m", "128M", "-display", "none", "-monitor", "none",
            ])
            .args([
                "-serial",
                "stdio",
                "-append",
                &format!("break={}0", case.letter),
                "-kernel",
            ])
            .arg(&path)
            .output()
            .expect("qemu-system-riscv64 is there: ./setup --tests");
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert_eq!(
            said.trim().lines().last(),
            Some(expected),
            "{}: {said}",
            case.rule
        );
    }
}

#[test]
fn the_thirty_third_byte_of_a_line_that_nobody_reads_is_lost() {
    let board = boards::by_name("ox64").expect("the board");
    let mut machine = StrictMachine::new(&board, MachineOptions::default());
    // `j .`
    machine
        .ram
        .load(0, &0x6fu32.to_le_bytes())
        .expect("it fits");
    machine.type_bytes(&[b'x'; 33]);
    machine.run(100_000);
    assert_eq!(machine.findings.of(SiliconRule::ByteLost), 1);
}
