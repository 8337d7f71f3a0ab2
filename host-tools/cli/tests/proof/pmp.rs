//! Physical memory protection: as a hart has it, as OpenSBI prints it, and as it stops an access.

use std::fs;
use std::process::Command;

use crate::board::{BoardConsole, Monitor, PROMPT, built, with_stub};
use crate::host::pagewalk;
use crate::tools::path;

/// What a walk by one source of PMP says of an address.
#[track_caller]
fn verdicts(stub: &str, at: &str, pmp: &str) -> Vec<String> {
    let from = format!("gdb://{stub}");
    let words = [
        "walk",
        at,
        "--from",
        &from,
        "--satp",
        "0",
        "--ram",
        "0x80000000+128M",
        "--pmp",
        pmp,
    ];
    let said = pagewalk(&words);
    // The last range is all of memory in OpenSBI's words, and all that the register can say in the hart's.
    let lines = said.lines().filter(|line| line.starts_with("PMP:"));
    let lines: Vec<String> = lines
        .map(|line| line.split(" (").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(lines.len(), 3, "{said}");
    lines
}

#[test]
fn the_harts_registers_and_opensbis_lines_say_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (arguments, monitor) = with_stub(folder.path());
    let mut qemu = Command::new("qemu-system-riscv64");
    qemu.args([
        "-M",
        "virt",
        "-m",
        "128M",
        "-nodefaults",
        "-display",
        "none",
    ])
    .args(["-serial", "stdio", "-kernel"])
    .arg(built("images/Image"))
    .args(&arguments);
    let mut line = BoardConsole::start(&mut qemu);
    line.expect(PROMPT.trim_end());
    let log = folder.path().join("boot.log");
    fs::write(&log, line.text()).expect("a file");
    let stub = Monitor::connect(&monitor).stub();
    for (at, number, is_open) in [
        ("0x80000000", 4, false),
        ("0x80040000", 3, false),
        ("0x2000000", 2, false),
        ("0x10000000", 1, true),
        ("0x80200000", 7, true),
    ] {
        let by_hart = verdicts(&stub, at, "hart");
        assert_eq!(by_hart, verdicts(&stub, at, path(&log)), "{at}");
        let word = if is_open { "permitted" } else { "refused" };
        let wanted = format!("PMP: read of {at} is {word} by PMP entry {number}");
        assert_eq!(by_hart[0], wanted);
    }
    // The kernel's own tables lie where PMP lets it read, and map nothing that PMP closes.
    let from = format!("gdb://{stub}");
    let said = pagewalk(&[
        "lint",
        "--from",
        &from,
        "--board",
        "qemu-virt",
        "--pmp",
        "hart",
    ]);
    assert!(!said.contains("refused-by-pmp"), "{said}");
}
