//! The fault that ended the kernel is in its log, which is read out of memory without an agent.

use std::process::Command;

use crate::board::SocketBoard;
use crate::host::PATIENT;
use crate::plugin::Machine;

/// An address that no kernel maps.
const NOWHERE: &str = "0x10";

/// Has the kernel, which waits for a key, jump there; QEMU's own stub does it.
#[track_caller]
fn jump(stub: &str) {
    let attach = format!("target remote {stub}");
    let set = format!("set $pc = {NOWHERE}");
    let said = Command::new("gdb-multiarch")
        .args([
            "-nx", "-batch", "-ex", PATIENT, "-ex", &attach, "-ex", &set, "-ex", "detach",
        ])
        .output()
        .expect("gdb-multiarch; run `./setup --tests`");
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{complaint}");
}

#[track_caller]
fn ends_with_a_record(boot: fn(&[&str]) -> SocketBoard) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut machine = Machine::boot_with(boot);
    let stub = machine.stub.clone();
    let mut terminal = machine.board.terminal();
    jump(&stub);
    // It waits in wfi: a key is an interrupt.
    terminal.send(b"x");
    terminal.expect("kernel fault: Instruction page fault");
    terminal.expect("target remote on this line");
    // From the machine that runs on, and from its memory in a file.
    let file = folder.path().join("memory");
    let save = format!("pmemsave 0x80000000 0x8000000 \"{}\"", file.display());
    machine.monitor.ask(&save);
    let raw = format!("{}@0x80000000", file.display());
    let live = format!("gdb://{stub}");
    for from in [vec![&*raw], vec![&*live, "--ram", "0x80000000+128M"]] {
        let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["faults", "--format", "csv", "--from"])
            .args(&from)
            .output()
            .expect("pagewalk starts");
        let complaint = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{from:?}: {complaint}");
        let all = String::from_utf8(run.stdout).expect("text");
        let last = all.lines().last().expect("a record");
        for word in ["Instruction page fault", "kernel", NOWHERE, "kernel fault"] {
            assert!(last.contains(word), "{from:?}: {word}: {last}");
        }
        let count = |what: &str| all.lines().filter(|line| line.contains(what)).count();
        assert_eq!(count("kernel fault"), 1, "{from:?}: {all}");
    }
}

#[test]
fn the_fault_that_ends_the_kernel_is_the_last_of_its_log() {
    ends_with_a_record(SocketBoard::boot);
}

#[test]
fn the_fault_that_ends_a_kernel_of_32_bits_is_the_last_of_its_log() {
    ends_with_a_record(SocketBoard::boot_of_32_bits);
}
