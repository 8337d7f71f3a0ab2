//! Streams over a line that loses, repeats and reorders frames, and their content.

use abi::{Error, Fault};
use proptest::prelude::*;
use wire::reliable::{CHUNK, WINDOW};
use wire::{
    About, Answer, AnswerWriter, Ask, BatchWriter, Channel, Event, Frame, Inbox, Outbox, Request,
    Split, Splitter, TaskRecord, WordsWriter,
};

/// Encodes as many words as fit into `room` bytes; returns the number and the bytes.
fn write(words: &[u64], room: usize) -> (usize, Vec<u8>) {
    let mut out = vec![0xaa; room];
    let mut writer = WordsWriter::new(&mut out);
    let fit = words.iter().take_while(|word| writer.push(**word)).count();
    let bytes = writer.bytes();
    out.truncate(bytes);
    (fit, out)
}

fn read(payload: &[u8]) -> Vec<u64> {
    let ask = Ask::Words { at: 0, count: 0 };
    let mut answer = vec![7, 0];
    answer.extend(payload);
    match Answer::decode(&ask, &answer) {
        Ok(Answer::Words(words)) => words.collect(),
        other => panic!("not words: {other:?}"),
    }
}

#[test]
fn a_table_of_neighbours_and_an_empty_one_cost_a_few_bytes() {
    let full: Vec<u64> = (0..512).map(|n| 0x2010_c0d7 + n * 0x400).collect();
    let (fit, bytes) = write(&full, 240);
    assert_eq!((fit, read(&bytes)), (512, full));
    assert!(bytes.len() <= 12, "{} bytes", bytes.len());
    let (fit, bytes) = write(&[0; 512], 240);
    assert_eq!((fit, bytes.len(), read(&bytes)), (512, 2, vec![0; 512]));
}

#[test]
fn a_sparse_table_costs_at_most_eight_bytes_an_entry() {
    let mut table = vec![0; 512];
    for n in 0..40 {
        table[n * 11 + 3] = 0x2010_00d7 + (n as u64 * 7919 % 512) * 0x400;
    }
    let (fit, bytes) = write(&table, 4096);
    assert_eq!((fit, read(&bytes)), (512, table));
    assert!(bytes.len() <= 8 * 40, "{} bytes", bytes.len());
}

fn any_words() -> impl Strategy<Value = Vec<u64>> {
    let word = prop_oneof![
        3 => Just(0),
        3 => (0_u64..64).prop_map(|n| 0x2000_00cf + n * 0x400),
        1 => any::<u64>(),
    ];
    prop::collection::vec(word, 0..700)
}

proptest! {
    #[test]
    fn words_come_back_as_many_as_fit(words in any_words(), room in 0_usize..2000) {
        let (fit, bytes) = write(&words, room);
        prop_assert!(bytes.len() <= room);
        prop_assert_eq!(read(&bytes), &words[..fit]);
    }

    #[test]
    fn noise_is_no_panic_and_no_endless_answer(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for ask in [Ask::About, Ask::Words { at: 0, count: 1 }, Ask::Tasks { from: 0 }, Ask::Faults { from: 0 }] {
            match Answer::decode(&ask, &bytes) {
                Ok(Answer::Words(words)) => prop_assert!(words.take(1000).count() <= 1000),
                Ok(Answer::Tasks(_, tasks)) => prop_assert!(tasks.count() <= 64),
                Ok(Answer::About(_, extents)) => prop_assert!(extents.count() <= 64),
                Ok(Answer::Faults(batch)) => prop_assert!(batch.count() <= 64),
                _ => {}
            }
        }
        let _ = Ask::decode(&bytes);
        let _ = Answer::id(&bytes);
    }

    /// A line with arbitrary faults: a prefix of the sent bytes arrives, and all of them once the faults end.
    #[test]
    fn a_stream_arrives_whole_and_in_order(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..CHUNK), 1..40),
        luck in prop::collection::vec(0_u8..6, 0..400),
    ) {
        let (mut out, mut inbox) = (Outbox::EMPTY, Inbox::EMPTY);
        let mut waiting = sent.iter();
        let mut next = waiting.next();
        let mut arrived: Vec<Vec<u8>> = Vec::new();
        let mut luck = luck.into_iter();
        let mut held: Vec<Vec<u8>> = Vec::new();
        for _ in 0..4000 {
            while let Some(bytes) = next {
                if !out.push(0x83, bytes) { break; }
                next = waiting.next();
            }
            let mut flying = core::mem::take(&mut held);
            while let Some((_, payload)) = out.begin_next() {
                flying.push(payload.to_vec());
            }
            for payload in flying {
                let times = match luck.next() {
                    Some(0) => 0,
                    Some(1) => 2,
                    Some(2) => { held.push(payload); continue }
                    _ => 1,
                };
                for _ in 0..times {
                    arrived.extend(inbox.take(&payload).map(<[u8]>::to_vec));
                }
            }
            if let Some(word) = inbox.word()
                && luck.next() != Some(0)
            {
                out.acknowledge(word);
            }
            out.rewind();
            if next.is_none() && out.is_empty() && held.is_empty() { break; }
        }
        prop_assert_eq!(arrived, sent);
    }
}

#[test]
fn a_window_is_kept_and_no_word_from_nowhere_empties_it() {
    let mut out = Outbox::EMPTY;
    assert_eq!((0..20).filter(|n| out.push(0x83, &[*n])).count(), WINDOW);
    assert!(!out.acknowledge(3), "none is sent");
    assert!(out.begin_next().is_some() && out.begin_next().is_some());
    assert!(!out.acknowledge(3), "two are sent");
    assert!(out.acknowledge(2) && !out.acknowledge(2) && !out.acknowledge(1));
    let mut left = Vec::new();
    out.abandon(|kind, bytes| left.push((kind, bytes[0])));
    assert_eq!(left, (2..8).map(|n| (0x83, n)).collect::<Vec<_>>());
    assert!(out.is_empty() && !out.push(0x83, &[0; CHUNK + 1]));
}

/// Decodes the only frame in `bytes` with `then`.
fn heard<T>(bytes: &[u8], then: impl FnOnce(&Frame<'_>) -> T) -> T {
    let mut splitter = Splitter::<{ wire::LARGEST }>::new();
    let (last, before) = bytes.split_last().unwrap();
    assert!(before.iter().all(|byte| splitter.feed(*byte).is_none()));
    match splitter.feed(*last) {
        Some(Split::Frame(frame)) => then(&frame),
        other => panic!("expected a frame, got {other:?}"),
    }
}

#[test]
fn each_channel_has_a_kind_in_either_direction() {
    for channel in Channel::ALL {
        let mut out = [0; 64];
        let frame = |kind| Frame {
            kind,
            sequence: 9,
            payload: &[4, 0, b'x'],
        };
        let length = frame(channel.from_board()).encode(&mut out).unwrap();
        let event = heard(&out[..length], |frame| {
            Event::decode(frame) == Ok(Event::Stream(channel, &[4, 0, b'x']))
        });
        let length = frame(channel.from_host()).encode(&mut out).unwrap();
        let request = heard(&out[..length], |frame| {
            Request::decode(frame) == Ok(Request::Stream(channel, &[4, 0, b'x']))
        });
        assert!(event && request);
    }
}

#[test]
fn questions_come_back_as_they_were() {
    let asks = [
        Ask::About,
        Ask::Words {
            at: 0x8020_0000,
            count: 512,
        },
        Ask::Words {
            at: u64::MAX,
            count: u64::MAX,
        },
        Ask::Tasks { from: 3 },
        Ask::Threads { from: 130 },
        Ask::Faults { from: 70_000 },
    ];
    for ask in asks {
        let mut out = [0; Ask::LONGEST];
        let used = ask.encode(u64::MAX, &mut out).unwrap();
        assert_eq!(Ask::decode(&out[..used]), Ok((u64::MAX, Some(ask))));
    }
    assert_eq!(Ask::decode(&[5, 99, 1, 2]), Ok((5, None)));
}

#[test]
fn answers_come_back_as_they_were() {
    let mut out = [0; CHUNK];
    let mut about = AnswerWriter::new(&mut out, 300, None).unwrap();
    for number in [
        8 << 60 | 0x8_0300,
        17,
        2,
        2,
        0x8000_0000,
        0x20_0000,
        0x8040_0000,
        4096,
    ] {
        about.number(number).unwrap();
    }
    let bytes = about.finish(0);
    assert_eq!(Answer::id(bytes), Ok(300));
    let Ok(Answer::About(about, extents)) = Answer::decode(&Ask::About, bytes) else {
        panic!("not about")
    };
    assert_eq!(
        about,
        About {
            kernel_satp: 8 << 60 | 0x8_0300,
            next_fault: 17,
            dialect: 2
        }
    );
    assert_eq!(
        extents.collect::<Vec<_>>(),
        [(0x8000_0000, 0x20_0000), (0x8040_0000, 4096)]
    );

    let task = |pid, line| TaskRecord {
        pid,
        satp: 5,
        state: 1,
        resident: 12,
        tables: 3,
        faults: 99,
        process: None,
        hart: None,
        line,
    };
    let mut tasks = AnswerWriter::new(&mut out, 1, None).unwrap();
    tasks.number(0).unwrap();
    tasks.task(&task(1, "sh")).unwrap();
    tasks.task(&task(2, "touch_test 100")).unwrap();
    let Ok(Answer::Tasks(0, list)) = Answer::decode(&Ask::Tasks { from: 0 }, tasks.finish(0))
    else {
        panic!("not tasks")
    };
    assert_eq!(
        list.collect::<Vec<_>>(),
        [task(1, "sh"), task(2, "touch_test 100")]
    );

    let threads = [(1, None), (1, Some(0)), (9, Some(u64::MAX - 1))].map(|(process, hart)| {
        let process = Some(process);
        TaskRecord {
            process,
            hart,
            ..task(9, "sh")
        }
    });
    let mut answer = AnswerWriter::new(&mut out, 1, None).unwrap();
    answer.number(7).unwrap();
    for thread in &threads {
        answer.thread(thread).unwrap();
    }
    let Ok(Answer::Tasks(7, list)) = Answer::decode(&Ask::Threads { from: 0 }, answer.finish(0))
    else {
        panic!("not threads")
    };
    assert_eq!(list.collect::<Vec<_>>(), threads);

    let ask = Ask::Faults { from: 7 };
    let mut batch = BatchWriter::<200>::new(7);
    assert!(batch.push(&Fault::EMPTY));
    let mut faults = AnswerWriter::new(&mut out, 1, None).unwrap();
    faults.rest()[..batch.payload().len()].copy_from_slice(batch.payload());
    let Ok(Answer::Faults(records)) = Answer::decode(&ask, faults.finish(batch.payload().len()))
    else {
        panic!("not records")
    };
    assert_eq!(records.collect::<Vec<_>>(), [(7, Fault::EMPTY)]);
    let mut none = AnswerWriter::new(&mut out, 1, None).unwrap();
    none.number(8).unwrap();
    assert_eq!(
        Answer::decode(&ask, none.finish(0)),
        Ok(Answer::NoFaults(8))
    );

    let mut passed_on = [0; CHUNK];
    let renumbered = Answer::renumber(none_bytes(), 70_000, &mut passed_on).unwrap();
    assert_eq!(Answer::id(&passed_on[..renumbered]), Ok(70_000));
    assert_eq!(
        Answer::decode(&ask, &passed_on[..renumbered]),
        Ok(Answer::NoFaults(8))
    );
    assert_eq!(Answer::renumber(&[], 1, &mut passed_on), None);

    let refused = AnswerWriter::new(&mut out, 1, Some(Error::BadAddress)).unwrap();
    assert_eq!(
        Answer::decode(&ask, refused.finish(0)),
        Ok(Answer::Refused(2))
    );
}

#[test]
fn a_run_of_nothing_is_no_run() {
    let ask = Ask::Words { at: 0, count: 0 };
    for bad in [
        &[7, 0, 0][..],
        &[7, 0, 1],
        &[7, 0, 3 | 1 << 2],
        &[7, 0, 1 << 2 | 1],
    ] {
        assert!(Answer::decode(&ask, bad).is_err(), "{bad:?}");
    }
}

/// The answer to question 1 that there is no record before number 8.
fn none_bytes() -> &'static [u8] {
    &[1, 0, 8]
}
