//! `gdb://` to a stub of the test's own: what it is asked, and what is put back.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// A stub that knows a few packets; at the first read of memory it does `then`. What it was asked.
fn little_stub(stub: TcpListener, then: impl FnMut()) -> Vec<String> {
    stub_that(stub, true, then)
}

/// The same, which can read physical memory or not.
fn stub_that(stub: TcpListener, is_physical: bool, mut then: impl FnMut()) -> Vec<String> {
    let (mut stream, _) = stub.accept().expect("a client");
    stream.set_nodelay(true).expect("a socket");
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
                "qqemu.PhyMemMode" if is_physical => "0",
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
            "--ram",
            "0x80000000+128M",
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

#[test]
fn without_a_word_on_what_is_memory_nothing_is_read() {
    let stub = TcpListener::bind("127.0.0.1:0").expect("a port");
    let from = format!("gdb://{}", stub.local_addr().expect("a port"));
    let tables = ["--satp", "0x8000000000080000", "--xlen", "64"];
    let program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args([&["map", "--from", &from], &tables[..]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    let asked = little_stub(stub, || panic!("memory is read"));
    let ended = program.wait_with_output().expect("a program");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1));
    for way in ["--ram", "--board", "memory map", "`info mtree`"] {
        assert!(said.contains(way), "{way}: {said}");
    }
    assert_eq!(asked.last().map(String::as_str), Some("D"), "{asked:?}");
}

#[test]
fn where_a_kernel_maps_all_of_memory_its_addresses_are_asked_for() {
    let stub = TcpListener::bind("127.0.0.1:0").expect("a port");
    let from = format!("gdb://{}", stub.local_addr().expect("a port"));
    let tables = [
        "--satp",
        "0x8000000000080000",
        "--xlen",
        "64",
        "--board",
        "qemu-virt",
    ];
    let program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args([&["walk", "0", "--from", &from], &tables[..]].concat())
        .args(["--linear", "0xffffffc000000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pagewalk starts");
    let asked = stub_that(stub, false, || ());
    let reads: Vec<&String> = asked.iter().filter(|it| it.starts_with('m')).collect();
    assert!(!reads.is_empty(), "{asked:?}");
    assert!(
        reads.iter().all(|it| it.starts_with("mffffffc08000")),
        "{reads:?}"
    );
    let ended = program.wait_with_output().expect("a program");
    assert!(ended.status.success());
}

#[test]
fn a_link_that_drops_shows_what_was_read_until_then() {
    let stub = TcpListener::bind("127.0.0.1:0").expect("a port");
    let from = format!("gdb://{}", stub.local_addr().expect("a port"));
    let tables = [
        "--satp",
        "0x8000000000080000",
        "--xlen",
        "64",
        "--ram",
        "0x80000000+128M",
    ];
    let program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args([&["map", "--from", &from], &tables[..]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    // The root, of which entry 0 is a page and entry 1 a table, and nothing more.
    let mut page = vec![0_u8; 4096];
    page[..8].copy_from_slice(&(0x8000_0000_u64 >> 2 | 0xcf).to_le_bytes());
    page[8..16].copy_from_slice(&(0x8000_1000_u64 >> 2 | 1).to_le_bytes());
    dropping_stub(stub, &page);
    let ended = program.wait_with_output().expect("a program");
    let (told, said) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(told.contains("rwx--ad"), "the page is shown: {told}");
    assert!(
        said.contains("not all could be read; until then: 1 page, 1 entry"),
        "{said}"
    );
}

/// Answers for the root alone, and hangs up at the next question of memory.
fn dropping_stub(stub: TcpListener, root: &[u8]) {
    let (mut stream, _) = stub.accept().expect("a client");
    let (mut held, mut piece) = (Vec::new(), [0; 512]);
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
                "?" => "S05".to_owned(),
                "qqemu.PhyMemMode" => "0".to_owned(),
                "Qqemu.PhyMemMode:1" => "OK".to_owned(),
                text if text.starts_with("qSupported") => "PacketSize=1000".to_owned(),
                read if read.starts_with("m8000") => {
                    let (at, length) = read[1..].split_once(',').expect("a length");
                    let hex = |text| usize::from_str_radix(text, 16).expect("a number");
                    let Some(from) = hex(at).checked_sub(0x8000_0000).filter(|it| *it < 4096)
                    else {
                        return;
                    };
                    root[from..from + hex(length)]
                        .iter()
                        .map(|it| format!("{it:02x}"))
                        .collect()
                }
                _ => String::new(),
            };
            let sum = answer.bytes().fold(0_u8, u8::wrapping_add);
            write!(stream, "+${answer}#{sum:02x}").expect("a client");
        }
    }
}

/// QEMU, and what its own monitor says of it.
struct Machine {
    child: std::process::Child,
    monitor: std::io::BufReader<std::process::ChildStdout>,
    stub: String,
}

impl Machine {
    fn start(how: &[&str]) -> Machine {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = port.local_addr().expect("an address");
        drop(port);
        let gdb = format!("tcp:{address}");
        let mut child = Command::new("qemu-system-riscv64")
            .args([
                "-M", "virt", "-m", "32M", "-display", "none", "-serial", "none",
            ])
            .args(["-bios", "none", "-monitor", "stdio", "-gdb", &gdb])
            .args(how)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("QEMU starts");
        let monitor = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        Machine {
            child,
            monitor,
            stub: format!("gdb://{address}"),
        }
    }

    /// What `info status` says: it answers when all before has been done.
    fn status(&mut self) -> String {
        let to = self.child.stdin.as_mut().expect("a pipe");
        to.write_all(b"info status\n").expect("a monitor");
        let mut line = String::new();
        loop {
            line.clear();
            let count = std::io::BufRead::read_line(&mut self.monitor, &mut line);
            assert!(count.expect("a monitor") > 0, "QEMU has ended");
            if let Some((_, status)) = line.split_once("VM status: ") {
                return status.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_machine_that_stood_still_stands_still_afterwards_and_one_that_ran_runs() {
    for (how, status) in [(&["-S"][..], "paused (prelaunch)"), (&[], "running")] {
        let mut machine = Machine::start(how);
        assert_eq!(machine.status(), status);
        let root = ["--satp", "0x8000000000080000", "--ram", "0x80000000+32M"];
        // An answer, and an error in the middle: registers that no hart has.
        for words in [
            &["map"][..],
            &["walk", "0x1000"],
            &["stats", "--xlen", "32"],
        ] {
            let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
                .args(words)
                .args(["--from", &machine.stub])
                .args(root)
                .output()
                .expect("pagewalk starts");
            let said = String::from_utf8_lossy(&run.stderr).into_owned();
            assert_eq!(machine.status(), status, "{words:?}: {said}");
        }
    }
}

/// A line that breaks in the middle: the target is let go on another.
#[test]
fn a_target_whose_line_breaks_is_let_go_on_another_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let from = format!("gdb://{}", listener.local_addr().expect("a port"));
    let program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["map", "--from", &from, "--satp", "0x8000000000080000"])
        .args(["--xlen", "64", "--ram", "0x80000000+128M"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    let first = listener.try_clone().expect("a port");
    // It hangs up where memory is read.
    let hung_up = std::panic::catch_unwind(|| little_stub(first, || panic!("hung up")));
    assert!(hung_up.is_err());
    let asked = little_stub(listener, || panic!("memory is read again"));
    let last: Vec<&str> = asked.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(last, ["D", "Qqemu.PhyMemMode:0"], "{asked:?}");
    let ended = program.wait_with_output().expect("a program");
    assert_eq!(ended.status.code(), Some(1));
}
