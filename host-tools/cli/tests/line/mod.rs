//! A recorded line: a boot loader, a board of ours, and what disturbs it.

use abi::text::Line;
use abi::{Access, Cause, Class, Fault, Outcome, Source};
use object::write::{Object, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolKind, SymbolScope};
use wire::{BatchWriter, Event, Frame, Welcome};

const TICKS_PER_SECOND: u64 = 10_000_000;

/// `touch_test 5` of task 3, one fault every 100 µs; page 4 needs a new table.
fn touch(page: u64) -> Fault {
    let cause = if page == 2 {
        Cause::LoadPageFault
    } else {
        Cause::StorePageFault
    };
    Fault {
        time: 3_000_000 + page * 1_000,
        epc: 0x1_0e34,
        va: 0x20_0000 + page * 4096,
        frame: 0x8_0431 + page as u32,
        cost: 812,
        task: 3,
        cause: cause.number(),
        access: if page == 2 {
            Access::Read
        } else {
            Access::Write
        }
        .number(),
        level: u8::from(page == 4),
        source: Source::User.number(),
        class: Class::Heap.number(),
        outcome: Outcome::Zeroed.number(),
        satp: 0x8000_3000_0008_0500,
        ..Fault::EMPTY
    }
}

/// `faulter` of task 4: a jump to nowhere, and an instruction that is none.
fn wild(cause: Cause, outcome: Outcome, at: u64) -> Fault {
    Fault {
        time: 4_000_000 + at * 2_000,
        epc: at * 0x1_0010,
        va: at * 0xffff_ffff,
        task: 4,
        cause: cause.number(),
        access: Access::Execute.number(),
        level: Fault::NO_LEVEL,
        frame: 0,
        source: Source::User.number(),
        class: Class::None.number(),
        outcome: outcome.number(),
        ..touch(0)
    }
}

fn batch(first_seq: u64, sequence: u16, faults: &[Fault]) -> Vec<u8> {
    let mut batch = BatchWriter::<512>::new(first_seq);
    assert!(faults.iter().all(|fault| batch.push(fault)));
    framed(|out| batch.encode(sequence, out))
}

fn framed(encode: impl FnOnce(&mut [u8]) -> Result<usize, wire::frame::NoRoom>) -> Vec<u8> {
    let mut out = vec![0; wire::LARGEST];
    let length = encode(&mut out).expect("room for the largest frame");
    out.truncate(length);
    out
}

/// What the serial port gave, from power-on.
pub fn recording() -> Vec<u8> {
    let welcome = Welcome {
        version: 1,
        ticks_per_second: TICKS_PER_SECOND,
        xlen: 64,
        board: "ox64",
        session: 0,
    };
    let printed = touch(0);
    let printed = Line {
        fault: &printed,
        seq: 7,
        ticks_per_second: TICKS_PER_SECOND,
    };
    let mut flipped = batch(10, 3, &[touch(3)]);
    flipped[12] ^= 0x10;
    let future = Frame {
        kind: 0xa7,
        sequence: 5,
        payload: b"tomorrow",
    };
    let killed = [
        wild(Cause::InstructionPageFault, Outcome::NoRegion, 0),
        wild(Cause::IllegalInstruction, Outcome::NotMemory, 1),
    ];
    [
        b"\xff\xfe\x80U-Boot SPL 2023.01 (Nov 01 2023)\r\nStarting kernel ...\r\n".to_vec(),
        format!("{printed}\r\npw> touch_te").into_bytes(),
        framed(|out| welcome.encode(0, out)),
        b"st 5\r\n".to_vec(),
        framed(|out| Event::encode_lost(7, 1, out)),
        batch(7, 2, &[touch(0), touch(1), touch(2)]),
        flipped,
        b"5 pages tou".to_vec(),
        batch(11, 4, &[touch(4), touch(5)]),
        b"ched\r\npw> ".to_vec(),
        framed(|out| future.encode(out)),
        batch(13, 7, &[touch(1), killed[0], killed[1]]),
        b"pw> ".to_vec(),
    ]
    .concat()
}

/// The program of task 3, as far as names go.
pub fn program() -> Vec<u8> {
    let mut elf = Object::new(BinaryFormat::Elf, Architecture::Riscv64, Endianness::Little);
    let text = elf.section_id(object::write::StandardSection::Text);
    elf.append_section_data(text, &[0; 0x20], 4);
    // An entry in assembly that does not say `.type`, a mapping symbol, a function.
    let names = [
        ("_start", 0x1_0000, 0, SymbolKind::Label),
        ("$x", 0x1_0e30, 0, SymbolKind::Label),
        (
            "_RNvCs1234_10touch_test5touch",
            0x1_0e30,
            0x10,
            SymbolKind::Text,
        ),
    ];
    for (name, value, size, kind) in names {
        elf.add_symbol(Symbol {
            name: name.into(),
            value,
            size,
            kind,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
    }
    elf.write().expect("an ELF file")
}
