//! Any mixture of text, frames and noise: round trips, no panic.

use abi::Fault;
use proptest::prelude::*;
use wire::{BatchWriter, Event, Frame, Request, Split, Splitter};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Frame(u8, u16, Vec<u8>),
    Bad(usize),
}

fn split<const N: usize>(line: &[u8]) -> Vec<Piece> {
    let mut splitter = Splitter::<N>::new();
    let mut pieces = Vec::new();
    for byte in line {
        pieces.extend(splitter.feed(*byte).map(piece));
    }
    pieces.extend(splitter.finish().map(piece));
    join(pieces)
}

fn piece(heard: Split<'_>) -> Piece {
    match heard {
        Split::Text(text) => Piece::Text(text.to_vec()),
        Split::Frame(f) => Piece::Frame(f.kind, f.sequence, f.payload.to_vec()),
        Split::Bad(count) => Piece::Bad(count),
    }
}

fn join(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.extend(more),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

fn encode(kind: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xaa; wire::frame::encoded_bytes(payload.len())];
    let length = Frame {
        kind,
        sequence,
        payload,
    }
    .encode(&mut out)
    .unwrap();
    out.truncate(length);
    out
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let long = (
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
    );
    let middle = (
        any::<u32>(),
        any::<u32>(),
        any::<u16>(),
        any::<u16>(),
        any::<[u16; 3]>(),
    );
    (long, middle, any::<[u8; 6]>()).prop_map(|(long, middle, small)| Fault {
        time: long.0,
        epc: long.1,
        va: long.2,
        entry: long.3,
        satp: long.4,
        frame: middle.0,
        cost: middle.1,
        task: middle.2,
        hart: middle.3,
        reserved: middle.4,
        cause: small[0],
        access: small[1],
        level: small[2],
        source: small[3],
        class: small[4],
        outcome: small[5],
    })
}

fn sendable() -> impl Strategy<Value = (Piece, Vec<u8>)> {
    prop_oneof![
        "[ -~é\r\n]{1,40}".prop_map(|t| (Piece::Text(t.clone().into()), t.into_bytes())),
        (
            0x80u8..,
            any::<u16>(),
            prop::collection::vec(any::<u8>(), 0..=1017)
        )
            .prop_map(|(kind, sequence, payload)| {
                let bytes = encode(kind, sequence, &payload);
                (Piece::Frame(kind, sequence, payload), bytes)
            }),
    ]
}

proptest! {
    #[test]
    fn text_and_frames_come_apart_as_they_were_sent(
        sent in prop::collection::vec(sendable(), 0..12)
    ) {
        let line: Vec<u8> = sent.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let pieces = join(sent.into_iter().map(|(piece, _)| piece).collect());
        prop_assert_eq!(split::<{ wire::LARGEST }>(&line), pieces);
    }

    #[test]
    fn noise_never_panics_and_no_byte_is_forgotten(
        line in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(0)], 0..3000)
    ) {
        for pieces in [split::<{ wire::LARGEST }>(&line), split::<8>(&line)] {
            let mut accounted = line.iter().filter(|b| **b == 0).count();
            for piece in &pieces {
                accounted += match piece {
                    Piece::Text(text) => text.len(),
                    Piece::Bad(count) => *count,
                    // Not seen in practice: noise would have to match a CRC-32.
                    Piece::Frame(_, _, payload) => payload.len() + 8,
                };
            }
            prop_assert_eq!(accounted, line.len());
        }
    }

    #[test]
    fn payloads_of_noise_are_refused_or_understood(
        kind in 0x80u8.., payload in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let frame = Frame { kind, sequence: 0, payload: &payload };
        if let Ok(Event::Faults(batch)) = Event::decode(&frame) {
            prop_assert!(batch.count() > 0);
        }
        let _ = Request::decode(&frame);
    }

    #[test]
    fn any_records_survive_a_batch(
        first_seq in any::<u64>(), faults in prop::collection::vec(any_fault(), 1..40)
    ) {
        let mut left = &faults[..];
        let mut seq = first_seq;
        let mut heard = Vec::new();
        while !left.is_empty() {
            let mut batch = BatchWriter::<128>::new(seq);
            let taken = left.iter().take_while(|fault| batch.push(fault)).count();
            prop_assert!(taken > 0 && taken == batch.records());
            let mut out = [0; 200];
            let length = batch.encode(0, &mut out).unwrap();
            for piece in split::<256>(&out[..length]) {
                let Piece::Frame(kind, sequence, payload) = piece else { panic!("{piece:?}") };
                let frame = Frame { kind, sequence, payload: &payload };
                let Ok(Event::Faults(batch)) = Event::decode(&frame) else { panic!("{frame:?}") };
                heard.extend(batch);
            }
            left = &left[taken..];
            seq = seq.wrapping_add(taken as u64);
        }
        let expected: Vec<_> = faults
            .iter()
            .enumerate()
            .map(|(i, fault)| (first_seq.wrapping_add(i as u64), *fault))
            .collect();
        prop_assert_eq!(heard, expected);
    }

    #[test]
    fn one_flipped_bit_costs_one_frame(
        payload in prop::collection::vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>()
    ) {
        let mut line = encode(0x81, 1, &payload);
        let last = line.len() - 1;
        let bit = at.index((last - 1) * 8);
        line[1 + bit / 8] ^= 1 << (bit % 8);
        line.extend(b"pw> ");
        line.extend(encode(0x82, 2, b"next"));
        let pieces = split::<{ wire::LARGEST }>(&line);
        prop_assert!(!pieces.iter().any(|p| matches!(p, Piece::Frame(0x81, ..))));
        prop_assert_eq!(pieces.last(), Some(&Piece::Frame(0x82, 2, b"next".to_vec())));
        let is_prompt = |p: &Piece| matches!(p, Piece::Text(t) if t.ends_with(b"pw> "));
        prop_assert!(pieces.iter().any(is_prompt));
    }
}

#[test]
fn a_boot_loader_banner_passes_untouched() {
    let banner = "U-Boot 2023.01\r\n\u{1b}[2J\u{7}Hit any key… é\r\n".as_bytes();
    assert_eq!(split::<64>(banner), [Piece::Text(banner.to_vec())]);
}

#[test]
fn text_after_a_stray_zero_is_not_held_back() {
    let mut splitter = Splitter::<64>::new();
    assert_eq!(splitter.feed(0), None);
    assert_eq!(splitter.feed(b'p'), None);
    assert_eq!(splitter.feed(b'w'), Some(Split::Text(b"pw")));
    assert_eq!(splitter.feed(b'>'), Some(Split::Text(b">")));
}

#[test]
fn keys_after_a_stray_zero_are_keys() {
    let mut splitter = Splitter::<64>::new();
    assert_eq!(splitter.feed(0), None);
    assert_eq!(splitter.feed(0x03), None);
    assert_eq!(splitter.feed(0x15), Some(Split::Text(b"\x03\x15")));
    assert_eq!(splitter.feed(0x7f), Some(Split::Text(b"\x7f")));
}

#[test]
fn a_frame_whose_first_zero_was_lost_costs_only_itself() {
    let mut line = encode(0x81, 1, b"first")[1..].to_vec();
    line.extend(encode(0x82, 2, b"second"));
    let pieces = split::<64>(&line);
    assert_eq!(
        pieces.last(),
        Some(&Piece::Frame(0x82, 2, b"second".to_vec()))
    );
}

#[test]
fn a_buffer_too_short_is_refused_and_the_longest_payload_is_not() {
    let payload = [0x55; wire::frame::MAX_PAYLOAD];
    let frame = Frame {
        kind: 0x81,
        sequence: 0,
        payload: &payload,
    };
    let mut out = [0; wire::LARGEST];
    let length = frame.encode(&mut out).unwrap();
    for short in 0..length {
        assert!(
            frame.encode(&mut out[..short]).is_err(),
            "{short} of {length}"
        );
    }
    let longer = [0; wire::frame::MAX_PAYLOAD + 1];
    let mut room = [0; 2000];
    assert!(
        Frame {
            payload: &longer,
            ..frame
        }
        .encode(&mut room)
        .is_err()
    );
}

#[test]
fn touching_pages_one_by_one_takes_at_most_16_bytes_a_record() {
    let mut line = Vec::new();
    let (mut seq, mut sequence) = (0, 0);
    while seq < 2048 {
        let mut batch = BatchWriter::<512>::new(seq);
        while seq < 2048 && batch.push(&touch(seq)) {
            seq += 1;
        }
        let mut out = [0; 600];
        let length = batch.encode(sequence, &mut out).unwrap();
        line.extend(&out[..length]);
        sequence += 1;
    }
    assert!(
        line.len() <= 2048 * 16,
        "{} bytes for 2048 records",
        line.len()
    );
    let frames = split::<{ wire::LARGEST }>(&line);
    assert_eq!(frames.len(), usize::from(sequence));
}

/// The n-th fault of `touch_test 2048`: the next page, a frame from the free list, a new leaf table at every
/// 512th, varying times and costs.
fn touch(n: u64) -> Fault {
    let is_new_table = n.is_multiple_of(512);
    Fault {
        time: 9_000_000 + n * 131 + n * 7919 % 23,
        epc: 0x1_0e34,
        va: 0x4000_0000 + n * 4096,
        frame: 0x8_2000 + (n as u32 ^ 5),
        cost: 820 + (n * 31 % 9) as u32 + if is_new_table { 400 } else { 0 },
        task: 5,
        cause: 15,
        access: 2,
        level: u8::from(is_new_table),
        source: 1,
        class: 3,
        outcome: 1,
        satp: 0x8000_5000_0008_2000,
        ..Fault::EMPTY
    }
}
