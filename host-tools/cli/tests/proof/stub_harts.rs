//! Several harts behind one stub: whose registers are read is said, and can be chosen.

use std::process::Command;

use crate::board::{BoardConsole, Monitor, with_stub};

/// Two harts that hold their own numbers in `satp`, as a root.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/harts.elf");

#[track_caller]
fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words)
        .output()
        .expect("pagewalk starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn each_hart_of_a_stub_has_its_own_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let (arguments, monitor) = with_stub(folder.path());
    let mut qemu = Command::new("qemu-system-riscv64");
    qemu.args(["-M", "virt", "-m", "32M", "-nodefaults", "-display", "none"])
        .args(["-smp", "2", "-serial", "stdio", "-bios", PROGRAM])
        .args(&arguments);
    let mut line = BoardConsole::start(&mut qemu);
    // Each hart writes its digit when its register is set.
    line.expect("!!");
    let stub = Monitor::connect(&monitor).stub();
    let from = format!("gdb://{stub}");
    let map = ["map", "--from", &from, "--ram", "0x80000000+32M"];
    for (hart, root) in [("0", "0x80100000"), ("1", "0x80101000")] {
        let (code, told, said) = run(&[&map[..], &["--hart", hart]].concat());
        assert_eq!(code, Some(0), "{said}");
        assert!(told.contains(&format!("root {root}")), "{hart}: {told}");
        assert!(!said.contains("harts"), "{said}");
    }
    let (code, _, said) = run(&map);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("2 harts (threads of the stub); the registers are those of hart 0"),
        "{said}"
    );
    let (code, _, said) = run(&[&map[..], &["--hart", "2"]].concat());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no hart 2: it has 0 to 1"), "{said}");
    let (code, _, said) = run(&[&map[..], &["--by", "bus"]].concat());
    assert_eq!(code, Some(2), "{said}");
}
