//! The first bytes of a line that firmware had: parts of frames are no keys, and keys are not lost.

use super::*;

over_each_device! {
    what_is_left_of_a_hello_is_no_key
    what_is_left_of_a_hello_is_no_key_however_late_it_comes
    a_hello_whose_middle_was_lost_is_no_key_and_the_next_is_answered
    keys_before_and_after_a_cut_hello_are_typed
    keys_typed_while_the_board_boots_are_typed
    a_burst_of_typing_waits_for_no_pause
    the_interrupt_key_ends_the_foreground_though_it_was_held_back
}

/// A hello, of a host that chose its number without a thought: every byte may be a letter.
fn hello(session: u32, sequence: u16) -> Vec<u8> {
    let mut room = [0; 32];
    let used = Request::encode_session(wire::VERSION, session, sequence, &mut room).unwrap();
    room[..used].to_vec()
}

/// Hellos with letters in many places, and with Ctrl-C and CR for a first byte or last. The last
/// bytes of one in some thousand are two letters and Enter, which cannot be distinguished from a person's:
/// those are left out here, and a host of ours does not send them.
fn hellos() -> impl Iterator<Item = Vec<u8>> {
    let all = (1..400_u32).map(|n| hello(n.wrapping_mul(0x9e37_79b9) | 1, n as u16));
    let is_line = |end: &[u8]| {
        let (last, letters) = (end[2], &end[..2]);
        matches!(last, b'\r' | b'\n') && letters.iter().all(|byte| (b' '..=b'~').contains(byte))
    };
    all.filter(move |hello| !hello.windows(3).any(is_line))
}

fn what_is_left_of_a_hello_is_no_key<D: DeviceModel>()
where
    &'static D: Registers,
{
    for hello in hellos() {
        for cut in 1..hello.len() {
            let mut line = TestLine::<D>::at_boot();
            line.type_in(&hello[cut..]);
            // What only lacks its first zero is whole.
            let is_whole = cut == 1;
            assert_eq!(line.console.mode() == LineMode::Session, is_whole);
            assert_eq!(line.input(), b"", "the rest from {cut} on of {hello:02x?}");
            if is_whole {
                continue;
            }
            line.type_in(b"ps\r");
            assert_eq!(line.input(), b"ps\r", "after {:02x?}", &hello[cut..]);
            // Or nothing came but the beginning.
            let mut line = TestLine::<D>::at_boot();
            line.type_in(&hello[..cut]);
            assert_eq!(line.input(), b"", "the first {cut} of {hello:02x?}");
            line.type_in(b"ps\r");
            assert_eq!(line.input(), b"ps\r", "after {:02x?}", &hello[..cut]);
        }
    }
}

/// On a loaded machine, or behind a slow adapter, the rest comes long after the prompt. The first keys after it are
/// typed as they are.
fn what_is_left_of_a_hello_is_no_key_however_late_it_comes<D: DeviceModel>()
where
    &'static D: Registers,
{
    let hello = hello(0x7878_7878, 0x7878);
    for cut in 2..hello.len() {
        let mut line = TestLine::<D>::at_boot();
        line.console.begin_listening(0);
        line.now = 60_000_000;
        line.type_in(&hello[cut..]);
        assert_eq!(line.input(), b"", "the rest from {cut} on");
        line.now += 1_000_000;
        line.type_in(b"ps\r");
        assert_eq!(line.input(), b"ps\r", "after the rest from {cut} on");
    }
}

/// A FIFO that ran over: the first bytes of one, then the last bytes of another, then one that is
/// whole.
fn a_hello_whose_middle_was_lost_is_no_key_and_the_next_is_answered<D: DeviceModel>()
where
    &'static D: Registers,
{
    let all: Vec<Vec<u8>> = hellos().take(40).collect();
    for pair in all.windows(2) {
        for first in 0..=pair[0].len() {
            for last in 2..pair[1].len() {
                let mut line = TestLine::<D>::at_boot();
                line.type_in(&pair[0][..first]);
                line.type_in(&pair[1][last..]);
                assert_eq!(line.input(), b"", "{pair:02x?} at {first} and {last}");
                line.type_in(&hello(0x0123_4567, 9));
                assert_eq!(line.console.mode(), LineMode::Session);
                assert_eq!(line.input(), b"");
            }
        }
    }
}

fn keys_before_and_after_a_cut_hello_are_typed<D: DeviceModel>()
where
    &'static D: Registers,
{
    let hello = hello(0x8123_4567, 0);
    for cut in 1..hello.len() {
        // No pause between a line and what is left of a hello.
        let mut line = TestLine::<D>::at_boot();
        line.type_in(b"help\r");
        line.type_in(&hello[..cut]);
        assert_eq!(line.input(), b"help\r", "before the first {cut}");
        // A pause, and only some letters.
        let mut line = TestLine::<D>::at_boot();
        line.type_in(b"he");
        line.now = line.console.deadline();
        line.console.tick(&line.log, line.now);
        line.type_in(&hello[..cut]);
        line.now = line.console.deadline();
        line.console.tick(&line.log, line.now);
        line.type_in(b"lp\r");
        assert_eq!(line.input(), b"help\r", "around the first {cut}");
    }
}

fn keys_typed_while_the_board_boots_are_typed<D: DeviceModel>()
where
    &'static D: Registers,
{
    for keys in [
        &b"p"[..],
        b"ps\r",
        b"\x03",
        b"\x1b[A\r",
        "é".as_bytes(),
        b"\x15",
        b"\x04",
    ] {
        let mut line = TestLine::<D>::at_boot();
        line.type_in(keys);
        let deadline = line.console.deadline();
        assert!(deadline <= 100_000, "a tenth of a second: {deadline} us");
        assert_eq!(line.input(), keys);
        assert!(
            !line.console.splitter.is_joining(),
            "the next bytes are received at once"
        );
    }
}

fn a_burst_of_typing_waits_for_no_pause<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::at_boot();
    line.type_in(&[b'x'; 300]);
    assert!(line.console.has_input());
    assert_eq!(line.input(), [b'x'; 300]);
}

fn the_interrupt_key_ends_the_foreground_though_it_was_held_back<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::at_boot();
    line.foreground = true;
    line.type_in(b"a\x03b");
    assert_eq!(line.input(), b"ab");
    assert!(line.console.take_pressed());
}
