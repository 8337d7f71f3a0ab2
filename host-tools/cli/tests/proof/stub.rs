//! `gdb://` to a stub of the test's own: what it is asked, and what is put back.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// A stub that knows a few packets; at the first read of memory it does `then`. What it was asked.
fn little_stub(stub: TcpListener, mut then: impl FnMut()) -> Vec<String> {
    let (mut stream, _) = stub.accept().expect("a client");
    let (mut asked, mut held) = (Vec::new(), Vec::new());
    let mut piece = [0; 512];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        held.extend(&piece[..count]);
        while let Some(end) = held.iter().position(|byte| *byte == b'#') {
            if held.len() < end + 3 {
                break;
            }
            let packet: Vec<u8> = held.drain(..end + 3).collect();
            let begin = packet
                .iter()
                .position(|byte| *byte == b'$')
                .expect("a packet");
            let text = String::from_utf8_lossy(&packet[begin + 1..end]).into_owned();
            let answer = match &*text {
                "?" => "T05thread:01;",
                "qqemu.PhyMemMode" => "0",
                "Qqemu.PhyMemMode:1" | "Qqemu.PhyMemMode:0" | "D" => "OK",
                read if read.starts_with('m') => {
                    then();
                    // A page of zeros, word by word: many questions for one that is stopped.
                    "0000000000000000"
                }
                _ => "",
            };
            asked.push(text);
            let sum = answer.bytes().fold(0_u8, u8::wrapping_add);
            write!(stream, "+${answer}#{sum:02x}").expect("a client");
        }
    }
    asked
}

#[test]
fn ctrl_c_puts_back_what_was_switched() {
    let stub = TcpListener::bind("127.0.0.1:0").expect("a port");
    let from = format!("gdb://{}", stub.local_addr().expect("a port"));
    let program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args([
            "map",
            "--from",
            &from,
            "--satp",
            "0x8000000000080000",
            "--xlen",
            "64",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    let number = program.id().to_string();
    let asked = little_stub(stub, || {
        let sent = Command::new("kill").args(["-INT", &number]).status();
        assert!(sent.expect("kill").success());
    });
    let ended = program.wait_with_output().expect("a program");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        !ended.status.success() && said.contains("stopped"),
        "{said}"
    );
    let reads = asked.iter().filter(|it| it.starts_with('m')).count();
    assert!(reads < 4096 / 8, "it was stopped on the way: {reads}");
    assert_eq!(
        asked[asked.len() - 2..],
        ["Qqemu.PhyMemMode:0", "D"],
        "{said}"
    );
}
