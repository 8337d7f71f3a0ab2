//! A host that opened a session, one that falls silent, and one that talks nonsense.

use super::*;
use crate::debug::console::dialogue::INPUT;

/// Text of the console among the frames, by the number of its part, as often as it was sent.
fn streamed(heard: &[u8]) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::<{ wire::LARGEST }>::new();
    let mut parts = Vec::new();
    for &byte in heard {
        if let Some(Split::Frame(frame)) = splitter.feed(byte)
            && let Ok(Event::Stream(Channel::Console, payload)) = Event::decode(&frame)
        {
            parts.push(payload.to_vec());
        }
    }
    parts
}

fn open<D: DeviceModel>(line: &mut TestLine<D>, session: u32)
where
    &'static D: Registers,
{
    let mut hello = [0; 32];
    let length = Request::encode_session(wire::VERSION, session, 0, &mut hello).unwrap();
    line.type_in(&hello[..length]);
    assert_eq!(line.console.mode(), LineMode::Session);
}

over_each_device! {
    what_a_host_has_not_acknowledged_is_sent_again
    a_host_that_falls_silent_leaves_a_terminal_and_all_its_text
    keys_that_come_twice_are_typed_once
    the_answer_to_bye_says_that_it_is_the_last_frame
    half_a_frame_swallows_no_key_that_comes_later
    a_million_random_bytes_do_no_harm
}

fn what_a_host_has_not_acknowledged_is_sent_again<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    open(&mut line, 7);
    line.write_all(b"hello");
    let first = streamed(&line.heard);
    assert_eq!(first.len(), 1, "{:?}", line.heard);
    let deadline = line.console.deadline();
    line.console.tick(&line.log, deadline);
    line.run();
    let again = streamed(&line.heard);
    assert_eq!(again, [first[0].clone(), first[0].clone()]);
    // Acknowledged, it is not sent any more.
    let Ok((_, next)) = number_and_next(&first[0]) else {
        panic!("{first:?}")
    };
    let mut word = [0; 32];
    let length = Request::encode_heard(next, 1, &mut word).unwrap();
    line.type_in(&word[..length]);
    let deadline = line.console.deadline();
    line.console.tick(&line.log, deadline);
    line.run();
    assert_eq!(streamed(&line.heard).len(), 2);
}

/// The number of a stream's part, and the one after it.
fn number_and_next(payload: &[u8]) -> Result<(u16, u16), ()> {
    let mut inbox = wire::Inbox::EMPTY;
    inbox.take(payload).ok_or(())?;
    let next = inbox.word().ok_or(())?;
    Ok((next.wrapping_sub(1), next))
}

fn a_host_that_falls_silent_leaves_a_terminal_and_all_its_text<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    open(&mut line, 7);
    line.write_all(b"not taken");
    let mut ticks = 0;
    while line.console.mode() == LineMode::Session {
        let deadline = line.console.deadline();
        line.console.tick(&line.log, deadline);
        line.run();
        ticks += 1;
        assert!(ticks < 1000, "it waits without end");
    }
    let heard = std::mem::take(&mut line.heard);
    let plain = heard.windows(9).any(|window| window == b"not taken");
    assert!(plain, "{}", String::from_utf8_lossy(&heard));
    line.write_all(b"and on");
    assert_eq!(line.heard, b"and on");
    line.type_in(b"ls\r");
    assert_eq!(line.input(), b"ls\r");
}

fn keys_that_come_twice_are_typed_once<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    open(&mut line, 7);
    let mut outbox = wire::Outbox::EMPTY;
    outbox.push(Channel::Console.from_host(), b"ps\r");
    let (kind, payload) = outbox.begin_next().unwrap();
    let mut room = [0; wire::LARGEST];
    let frame = Frame {
        kind,
        sequence: 3,
        payload,
    };
    let length = frame.encode(&mut room).unwrap();
    for _ in 0..3 {
        line.type_in(&room[..length]);
    }
    assert_eq!(line.input(), b"ps\r");
}

fn the_answer_to_bye_says_that_it_is_the_last_frame<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    open(&mut line, 7);
    let mut room = [0; 32];
    let mut acknowledgements = Vec::new();
    for encode in [Request::encode_alive, Request::encode_bye] {
        let length = encode(1, &mut room).unwrap();
        line.heard.clear();
        line.type_in(&room[..length]);
        line.run();
        let mut splitter = wire::Splitter::<{ wire::LARGEST }>::new();
        for byte in &line.heard {
            if let Some(wire::Split::Frame(frame)) = splitter.feed(*byte)
                && let Ok(Event::Heard { is_last, .. }) = Event::decode(&frame)
            {
                acknowledgements.push(is_last);
            }
        }
    }
    assert_eq!(acknowledgements, [false, true]);
}

fn half_a_frame_swallows_no_key_that_comes_later<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    let mut hello = [0; 32];
    let length = Request::encode_session(wire::VERSION, 7, 0, &mut hello).unwrap();
    line.type_in(&hello[..length - 3]);
    // The cable is pulled; another host comes later.
    let deadline = line.console.deadline();
    assert!(deadline < u64::MAX, "a deadline that never comes");
    line.console.tick(&line.log, deadline);
    line.type_in(b"ps\r");
    assert_eq!(line.input(), b"ps\r");
}

/// Noise with more of the bytes that mean something than chance would have.
fn a_million_random_bytes_do_no_harm<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let meaning = [0, b'$', b'#', b'+', b'-', 0x03, b'%', b'}', 0x80, 0xc0];
    for round in 0..1000_u64 {
        let noise: Vec<u8> = (0..1000)
            .map(|_| match next() % 4 {
                0 => meaning[next() as usize % meaning.len()],
                _ => next() as u8,
            })
            .collect();
        line.type_in(&noise);
        line.console.write(b"text");
        line.run();
        line.heard.clear();
        // The shell reads what was typed, and gdb gets no answer.
        let mut keys = [0; INPUT];
        let used = line.console.peek(&mut keys);
        line.console.consume(used);
        line.console.take_gdb_request();
        line.console.tick(&line.log, round * 1000);
    }
    // It can still be spoken with.
    line.console.gdb_detached();
    line.type_in(b"\0\0");
    open(&mut line, 9);
}
