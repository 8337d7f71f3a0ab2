//! Pinned bytes of the protocol: a change here breaks every existing host.

use abi::Fault;
use wire::{
    AnswerWriter, Ask, Batch, BatchWriter, Channel, Event, Frame, Request, Split, Splitter,
    Welcome, WordsWriter,
};

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

/// Decodes the only frame in `bytes`.
fn heard(bytes: &[u8]) -> (u8, u16, Vec<u8>) {
    let mut splitter = Splitter::<{ wire::LARGEST }>::new();
    let (last, before) = bytes.split_last().unwrap();
    assert!(before.iter().all(|byte| splitter.feed(*byte).is_none()));
    match splitter.feed(*last) {
        Some(Split::Frame(frame)) => (frame.kind, frame.sequence, frame.payload.to_vec()),
        other => panic!("expected a frame, got {other:?}"),
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
        panic!("expected faults, got {event:?}")
    };
    let records: Vec<_> = batch.collect();
    assert_eq!(records, [(300, FIRST), (301, second), (302, third)]);

    let length = Event::encode_lost(1000, 8, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "00 03 82 08 07 e8 07 47 d0 73 c0 00");
}

#[test]
fn an_old_host_hears_a_new_kernel() {
    // An unknown kind, and a fault with an unknown field (bit 20).
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

/// The bytes of one frame, as pinned below.
fn frame(kind: u8, sequence: u16, payload: &[u8]) -> String {
    let mut out = [0; 64];
    let frame = Frame {
        kind,
        sequence,
        payload,
    };
    let length = frame.encode(&mut out).unwrap();
    hex(&out[..length])
}

#[test]
fn a_session_and_its_streams() {
    let mut out = [0; 128];
    let length = Request::encode_session(2, 0x0102_0304, 0, &mut out).unwrap();
    assert_eq!(
        hex(&out[..length]),
        "00 02 c0 01 0a 02 84 86 88 08 11 17 46 1f 00"
    );
    let welcome = Welcome {
        version: 2,
        ticks_per_second: 10_000_000,
        xlen: 64,
        board: "qemu-virt",
        session: 0x0102_0304,
    };
    let length = welcome.encode(0, &mut out).unwrap();
    assert_eq!(
        hex(&out[..length]),
        "00 02 80 01 19 02 80 ad e2 04 40 09 71 65 6d 75 2d 76 69 72 74 84 86 88 08 fc 04 02 ef 00"
    );
    assert_eq!(
        frame(Channel::Console.from_board(), 1, b"\x00\x00pw> "),
        "00 03 83 01 01 01 09 70 77 3e 20 46 cd 51 35 00"
    );
    assert_eq!(
        frame(Channel::Console.from_host(), 1, b"\x00\x00ps\r"),
        "00 03 c1 01 01 01 08 70 73 0d ac ad 0b 5b 00"
    );
    assert_eq!(
        frame(Channel::Gdb.from_host(), 2, b"\x01\x00$g#67"),
        "00 03 c2 02 02 01 0a 24 67 23 36 37 65 1f 5b 8e 00"
    );
    let length = Event::encode_heard(2, 2, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "00 03 86 02 06 02 b9 83 fc 04 00");
    let length = Event::encode_last_heard(2, 2, &mut out).unwrap();
    let (kind, sequence, payload) = heard(&out[..length]);
    assert_eq!(
        (kind, sequence, hex(&payload)),
        (0x86, 2, "02 01".to_owned())
    );
    let length = Request::encode_heard(1, 3, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "00 03 c4 03 06 01 82 28 2a ad 00");
    let length = Request::encode_alive(4, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "00 03 c5 04 05 bd 48 49 0c 00");
    let length = Request::encode_bye(5, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "00 03 c6 05 05 a5 c7 14 17 00");
}

#[test]
fn a_question_and_its_answer() {
    let mut out = [0; 64];
    let ask = Ask::Words {
        at: 0x8012_d000,
        count: 512,
    };
    let length = ask.encode(7, &mut out).unwrap();
    assert_eq!(hex(&out[..length]), "07 01 80 a0 cb 80 08 80 04");
    let mut answer = AnswerWriter::new(&mut out, 7, None).unwrap();
    let mut words = WordsWriter::new(answer.rest());
    let table = |n: u64| match n {
        16..20 => 0x200b_345b + (n - 16) * 0x400,
        300 => 0x200b_e0d7,
        _ => 0,
    };
    assert!((0..512).all(|n| words.push(table(n))));
    let bytes = words.bytes();
    assert_eq!(
        hex(answer.finish(bytes)),
        "07 00 40 09 b6 d1 d9 80 04 80 10 0a e0 08 05 f8 81 05 cc 06"
    );
}
