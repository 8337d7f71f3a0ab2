//! Reports of traps as their programs print them now, each compared with what QEMU logs of the same trap.
//!
//! The samples in `captures/traps` were printed once. These are made in this run: U-Boot's, OpenSBI's, our kernel's,
//! and QEMU's own line, which is read as text and by itself.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::board::{Qemu, SocketBoard};
use crate::host::PATIENT;
use crate::plugin::Machine;

/// Debian's U-Boot for S-mode.
const UBOOT: &str = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin";
/// An address at which there is nothing.
const NOWHERE: u64 = 0x10;

/// Cause, address of the instruction, and the trap's value.
type Trap = [u64; 3];

fn hex(text: &str) -> u64 {
    let digits = text.trim_start_matches("0x");
    u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{text} is no number"))
}

/// The last exception that QEMU logged, calls of the firmware left out.
fn logged(log: &Path) -> Trap {
    let log = fs::read_to_string(log).expect("QEMU's log");
    let is_trap = |line: &&str| line.contains("async:0") && !line.contains("_ecall");
    let line = log.lines().rfind(is_trap).expect("a trap");
    let field = |name: &str| {
        let (_, behind) = line.split_once(name).expect("a field");
        hex(behind.split(',').next().expect("a number"))
    };
    [field("cause:"), field("epc:"), field("tval:")]
}

/// What `explain` reads in a text.
#[track_caller]
fn explained(text: &str) -> Trap {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["explain", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    let mut stdin = program.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let answer = program.wait_with_output().expect("it ends");
    assert!(answer.status.success(), "{text}");
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let registers = answer["registers"].as_array().expect("registers");
    ["cause", "epc", "tval"].map(|name| {
        let is_it =
            |it: &&serde_json::Value| it["name"].as_str().is_some_and(|it| it.ends_with(name));
        let register = registers.iter().find(is_it);
        let register = register.unwrap_or_else(|| panic!("no {name}: {answer}\n{text}"));
        hex(register["value"].as_str().expect("a value"))
    })
}

#[test]
fn what_u_boot_prints_of_a_trap_is_what_qemu_logs() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("int.log");
    let qemu = Qemu::with_kernel(Path::new(UBOOT)).memory("256M");
    let mut board = qemu.traps_into(&log).start();
    board.expect("Hit any key");
    board.send(b"   ");
    board.expect("=> ");
    board.send(b"md.q 0x10 1\r");
    let said = board.expect("resetting");
    let found = explained(&said);
    assert_eq!(found, logged(&log), "{said}");
    assert_eq!((found[0], found[2]), (5, NOWHERE), "a load of that address");
}

/// The text that follows when the hart, with these registers set, goes on where nothing is; and the log of its trap.
#[track_caller]
fn jump(sets: &[&str], last: &str) -> (String, Trap, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("int.log");
    let mut machine = Machine::boot_with(SocketBoard::boot);
    let mut terminal = machine.board.terminal();
    machine.monitor.ask(&format!("logfile {}", log.display()));
    machine.monitor.ask("log int");
    let attach = format!("target remote {}", machine.stub);
    let mut gdb = Command::new("gdb-multiarch");
    gdb.args(["-nx", "-batch", "-ex", PATIENT, "-ex", &attach]);
    let pc = format!("$pc = {NOWHERE}");
    for set in sets.iter().chain(&[&*pc]) {
        gdb.args(["-ex", &format!("set {set}")]);
    }
    let said = gdb
        .args(["-ex", "detach"])
        .output()
        .expect("gdb-multiarch; run `./setup --tests`");
    assert!(said.status.success(), "{said:?}");
    terminal.send(b"x");
    let text = terminal.expect(last);
    machine.monitor.ask("log none");
    let line = fs::read_to_string(&log).expect("QEMU's log");
    (text, logged(&log), line)
}

#[test]
fn what_opensbi_prints_of_its_own_trap_is_what_qemu_logs() {
    // In M-mode, on the stack that OpenSBI left below its scratch area.
    let (text, qemu, _) = jump(&["$priv = 3", "$sp = $mscratch"], "t6=0x");
    assert!(text.contains("sbi_trap_error"), "{text}");
    let found = explained(&text);
    assert_eq!(found, qemu, "{text}");
    assert_eq!(found[..2], [1, NOWHERE], "an instruction access fault");
}

#[test]
fn what_our_kernel_prints_of_its_own_trap_is_what_qemu_logs() {
    let (text, qemu, log) = jump(&[], "target remote on this line");
    let found = explained(&text);
    assert_eq!(found, qemu, "{text}");
    assert_eq!(found[..2], [12, NOWHERE], "an instruction page fault");
    // QEMU's line as text is the same trap.
    let is_trap = |line: &&str| line.contains("async:0") && !line.contains("_ecall");
    let line = log.lines().rfind(is_trap).expect("a trap");
    assert_eq!(explained(line), qemu, "{line}");
}
