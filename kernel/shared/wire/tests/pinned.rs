//! The bytes of the line, held for ever: a change here breaks every old desk.

use abi::Fault;
use wire::{Batch, BatchWriter, Event, Frame, Heard, Request, Splitter, Welcome};

const FIRST: Fault = Fault {
    time: 0x1234,
    epc: 0x1_04c2,
    va: 0x20_1000,
    entry: 0,
    frame: 0x8_0431,
    cost: 812,
    task: 3,
    cause: 15,
    access: 2,
    level: 0,
    source: 1,
    class: 3,
    outcome: 1,
    satp: 0x8000_0000_0008_0500,
    hart: 0,
    reserved: [0; 3],
};

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The one frame that these bytes are.
fn heard(bytes: &[u8]) -> (u8, u16, Vec<u8>) {
    let mut splitter = Splitter::<{ wire::LARGEST }>::new();
    let (last, before) = bytes.split_last().unwrap();
    assert!(before.iter().all(|byte| splitter.feed(*byte).is_none()));
    match splitter.feed(*last) {
        Some(Heard::Frame(frame)) => (frame.kind, frame.sequence, frame.payload.to_vec()),
        other => panic!("expected a frame, heard {other:?}"),
    }
}

#[test]
fn hello_and_its_answer() {
    let mut out = [0; 128];
    let length = Request::encode_hello(1, 0, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "00 02 c0 01 06 01 8c 01 0e 20 00");
    let (kind, sequence, payload) = heard(&out[..length]);
    let frame = Frame {
        kind,
        sequence,
        payload: &payload,
    };
    assert_eq!(
        Request::decode(&frame),
        Ok(Request::Hello {
            version: 1,
            session: 0
        })
    );

    let welcome = Welcome {
        version: 1,
        ticks_per_second: 10_000_000,
        xlen: 64,
        board: "qemu-virt",
        session: 0,
    };
    let length = welcome.encode(0x0102, &mut out).unwrap();
    assert_eq!(
        hex(&out[..length]),
        "00 18 80 02 01 01 80 ad e2 04 40 09 71 65 6d 75 2d 76 69 72 74 f9 f6 c8 88 00"
    );
    let (kind, sequence, payload) = heard(&out[..length]);
    assert_eq!((kind, sequence), (0x80, 0x0102));
    let frame = Frame {
        kind,
        sequence,
        payload: &payload,
    };
    assert_eq!(Event::decode(&frame), Ok(Event::Welcome(welcome)));
}

#[test]
fn three_faults_and_a_loss() {
    let second = Fault {
        time: 0x1534,
        va: 0x20_2000,
        frame: 0x8_0432,
        cost: 810,
        ..FIRST
    };
    let third = Fault {
        task: 4,
        epc: 0x1_0000,
        cause: 12,
        access: 3,
        outcome: 0x80,
        ..second
    };
    let mut batch = BatchWriter::<512>::new(300);
    for fault in [&FIRST, &second, &third] {
        assert!(batch.push(fault));
    }
    let mut out = [0; 600];
    let length = batch.encode(7, &mut out).unwrap();
    assert_eq!(
        hex(&out[..length]),
        "00 03 81 07 37 ac 02 ff 5b e8 48 80 c0 80 02 e2 90 40 d8 0c 84 93 08 03 01 0f 02 03 01 ff eb bf ff ff ff ff ff ff 01 0f 80 0c 80 40 02 03 f0 03 83 13 04 80 01 0c 03 71 74 e3 79 00"
    );
    let (kind, sequence, payload) = heard(&out[..length]);
    let event = Event::decode(&Frame {
        kind,
        sequence,
        payload: &payload,
    });
    let Ok(Event::Faults(batch)) = event else {
        panic!("expected faults, heard {event:?}")
    };
    let records: Vec<_> = batch.collect();
    assert_eq!(records, [(300, FIRST), (301, second), (302, third)]);

    let length = Event::encode_lost(1000, 8, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "00 03 82 08 07 e8 07 47 d0 73 c0 00");
}

#[test]
fn an_old_host_hears_a_new_kernel() {
    // A kind nobody has yet, and a fault with a field of the future (bit 20).
    let frame = Frame {
        kind: 0xbf,
        sequence: 0,
        payload: b"future",
    };
    assert_eq!(
        Event::decode(&frame),
        Ok(Event::Unknown { kind: 0xbf, len: 6 })
    );
    let payload = [5, 0x80 | 0x20, 0x80, 0x40, 9, 0x2a];
    let frame = Frame {
        kind: 0x81,
        sequence: 0,
        payload: &payload,
    };
    let Ok(Event::Faults(mut batch)) = Event::decode(&frame) else {
        panic!("not understood")
    };
    let (seq, fault) = Batch::next(&mut batch).unwrap();
    assert_eq!((seq, fault.task), (5, 9));
}
