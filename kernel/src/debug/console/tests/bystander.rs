//! A person types on a line that gdb has: one notice says why nothing happens, and how to leave.

use super::super::bystander::{ENDED, NOTICE};
use super::*;
use crate::debug::stub::GdbRequest;

/// One second of the line's clock.
const SECOND: u64 = 1_000_000;

/// What the kernel does when gdb's session is over.
fn leave(line: &mut TestLine<Ns16550Model>) {
    assert_eq!(line.console.take_gdb_request(), GdbRequest::Gone);
    line.console.gdb_detached();
    line.run();
}

fn attached(packet: &[u8]) -> TestLine<Ns16550Model> {
    let mut line = TestLine::new();
    line.type_in(packet);
    assert_eq!(line.console.mode(), LineMode::Gdb);
    line.console.take_gdb_request();
    line.console.gdb().answer(b"00");
    line.console.drain(&line.log);
    line.run();
    line.heard.clear();
    line
}

#[test]
fn a_key_on_a_line_that_gdb_has_is_told_why_and_how_to_get_out() {
    let mut line = attached(b"$g#67");
    line.now = 5 * SECOND - 1;
    line.type_in(b"ps\r");
    assert_eq!(line.heard, b"", "gdb may yet speak");
    line.now = 5 * SECOND;
    line.type_in(b"p");
    assert_eq!(line.heard, NOTICE);
    line.type_in(b"s\r");
    line.now = 60 * SECOND;
    line.type_in(b"\r");
    assert_eq!(line.heard, NOTICE, "once");
    line.heard.clear();
    line.type_in(b"\x03\x03\x03");
    leave(&mut line);
    assert_eq!(
        (&line.heard[..], line.console.mode()),
        (ENDED, LineMode::Plain)
    );
    line.type_in(b"ps\r");
    assert_eq!(line.input(), b"ps\r");
}

/// gdb waits as long as its user does: what it sends then is answered as ever.
#[test]
fn a_gdb_that_was_silent_is_not_taken_for_a_person() {
    let mut line = attached(b"$g#67");
    line.now = 600 * SECOND;
    line.type_in(b"+");
    line.type_in(b"$m0,4#fd");
    assert_eq!(line.console.take_gdb_request(), GdbRequest::Packet);
    line.console.gdb().answer(b"00000000");
    line.console.drain(&line.log);
    line.run();
    assert_eq!(line.heard, b"+$00000000#80");
    // Binary data may hold the bytes of the way out.
    line.type_in(b"+$X0,3:\x03\x03\x03#11");
    assert_ne!(line.console.take_gdb_request(), GdbRequest::Gone);
    // Two Ctrl-C are not three, nor are three with an answer between them.
    line.type_in(b"\x03\x03+\x03\x03");
    assert_eq!(line.console.take_gdb_request(), GdbRequest::Stop);
}

/// Half a packet that was pasted swallows neither the keys nor the way out.
#[test]
fn half_a_packet_is_no_way_to_lose_the_line() {
    let mut line = attached(b"$g#67");
    line.type_in(b"$mhalf");
    line.now = 6 * SECOND;
    line.type_in(b"\x03");
    assert_eq!(line.heard, NOTICE);
    line.type_in(b"\x03\x03");
    leave(&mut line);
    assert_eq!(line.console.mode(), LineMode::Plain);
}

#[test]
fn each_silence_has_its_own_notice() {
    let mut line = attached(b"$g#67");
    for round in 1..4 {
        line.now += 7 * SECOND;
        line.type_in(b"x");
        line.type_in(b"y");
        let told = line.heard.windows(NOTICE.len()).filter(|w| *w == NOTICE);
        assert_eq!(told.count(), round);
        line.type_in(b"+$g#67");
        line.console.take_gdb_request();
    }
    assert!(
        NOTICE
            .iter()
            .chain(ENDED)
            .all(|byte| !b"$%#\0".contains(byte))
    );
}
