//! A million bytes of noise for every decoder of a line.

use std::time::{Duration, Instant};

use crate::LineEvent;
use crate::session::Decoder;
use crate::session::Session;
use crate::text::LogReader;

/// Reproducible noise in which significant bytes are more frequent.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let meaning = [0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, b'\n', b'$'];
    (0..bytes)
        .map(|_| match next() % 4 {
            0 => meaning[next() as usize % meaning.len()],
            _ => next() as u8,
        })
        .collect()
}

#[test]
fn a_listener_forgets_none_of_a_million() {
    let noise = noise(1_000_000);
    let mut said = 0;
    let mut listener = Decoder::new(None);
    for piece in noise.chunks(977) {
        listener.receive(piece, &mut |one| {
            said += usize::from(!matches!(one, LineEvent::Fault(_)))
        });
    }
    listener.finish(&mut |_| said += 1);
    assert!(said > 1000, "noise is reported, as noise: {said}");
}

#[test]
fn a_session_goes_on_after_a_million() {
    let start = Instant::now();
    let mut session = Session::new(1, start);
    let mut out = Vec::new();
    for (number, piece) in noise(1_000_000).chunks(977).enumerate() {
        let now = start + Duration::from_millis(number as u64);
        session.receive(piece, now, &mut |_| {});
        session.poll(now, &mut out);
        // It answers, with a bounded amount of data.
        assert!(out.len() < 100_000, "{}", out.len());
        out.clear();
    }
}

#[test]
fn text_logs_find_nothing_in_a_million() {
    let noise = noise(1_000_000);
    let mut reader = LogReader::default();
    let mut found = Vec::new();
    for line in noise.split(|byte| *byte == b'\n') {
        reader.line(line, &mut |finding| found.push(finding));
    }
    reader.finish(&mut |finding| found.push(finding));
    assert_eq!(found, []);
}

#[test]
fn a_host_that_knows_only_events_hears_them_from_a_newer_board() {
    // A board's bytes in a session, with streams and answers between its events.
    let recorded = include_bytes!("../../cli/tests/captures/run.pwlog");
    let mut blocks = crate::recording::Blocks::new(&recorded[..]).unwrap();
    let mut splitter = wire::Splitter::<{ wire::LARGEST }>::new();
    let (mut numbers, mut unknown) = (Vec::new(), 0);
    while let Some(block) = blocks.next().unwrap() {
        for byte in block.payload {
            let Some(wire::Split::Frame(frame)) = splitter.feed(byte) else {
                continue;
            };
            // The first protocol version had only welcome, faults and lost.
            if !(0x80..=0x82).contains(&frame.kind) {
                unknown += 1;
                continue;
            }
            if let Ok(wire::Event::Faults(batch)) = wire::Event::decode(&frame) {
                numbers.extend(batch.map(|(number, _)| number));
            }
        }
    }
    assert!(unknown > 20, "{unknown}");
    assert!(numbers.iter().copied().eq(0..107), "{numbers:?}");
}
