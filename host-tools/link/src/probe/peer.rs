//! Comparison with OpenOCD on the same simulated machine.

use std::process::{Command, Stdio};

use super::sim::{SharedTap, csr, lock, serve};
use super::{Options, Selector, Target, proof};

/// Output of OpenOCD for these commands.
fn openocd(tap: &SharedTap, port: u16, commands: &[&str]) -> String {
    let profile = lock(tap).profile();
    let setup = [
        "gdb_port disabled; tcl_port disabled; telnet_port disabled".to_owned(),
        format!(
            "adapter driver remote_bitbang; remote_bitbang host 127.0.0.1; remote_bitbang port {port}"
        ),
        format!(
            "jtag newtap t cpu -irlen 5 -expected-id {:#x}",
            profile.idcode
        ),
        "target create t.cpu riscv -chain-position t.cpu".to_owned(),
        "init; halt".to_owned(),
    ];
    let mut openocd = Command::new("openocd");
    for command in setup
        .iter()
        .map(String::as_str)
        .chain(commands.iter().copied())
    {
        openocd.args(["-c", command]);
    }
    let ran = openocd
        .args(["-c", "shutdown"])
        .stdin(Stdio::null())
        .output();
    let ran = ran.expect("openocd starts; ./setup --tests installs it");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{}: {said}{told}", profile.name);
    told + &said
}

#[test]
fn openocd_sees_the_same_registers_and_the_same_memory() {
    for profile in proof::profiles() {
        let tap = proof::pattern(profile);
        let hart = lock(&tap).module.harts[0].clone();
        // One server, so that the second client starts in the state the first one left.
        let address = serve(tap.clone()).expect("a socket");
        let said = openocd(
            &tap,
            address.port(),
            &[
                "reg pc",
                "reg satp",
                "reg fp",
                "reg t6",
                "mdw 0x80000ff0 8",
                "resume",
            ],
        );
        let digits = profile.xlen.bits() as usize / 4;
        let pc = hart.csr[&csr::DPC];
        for (name, value) in [
            ("pc", pc),
            ("satp", hart.csr[&csr::SATP]),
            ("fp", hart.gpr[8]),
            ("t6", hart.gpr[31]),
        ] {
            let line = format!(
                "{name} (/{}): {value:#0width$x}",
                profile.xlen.bits(),
                width = digits + 2
            );
            assert!(said.contains(&line), "{} {line}: {said}", profile.name);
        }
        let words = (0x8000_0ff0..).step_by(4).take(8).map(|at| {
            let bytes = std::array::from_fn(|n| proof::byte(at + n as u64));
            format!("{:08x}", u32::from_le_bytes(bytes))
        });
        let words: Vec<String> = words.collect();
        assert!(said.contains(&words.join(" ")), "{}: {said}", profile.name);
        // Our own view through the same socket.
        let mut target = Target::open(Options {
            selector: Selector::Bitbang(address.to_string()),
            ..Options::default()
        })
        .expect(profile.name);
        assert!(!target.info().unwrap().was_halted, "{said}");
        assert_eq!(target.satp().unwrap(), hart.csr[&csr::SATP]);
        assert_eq!(target.csr(csr::DPC).unwrap(), pc);
        let mut read = [0; 32];
        target.read_physical(0x8000_0ff0, &mut read).unwrap();
        assert_eq!(
            read,
            std::array::from_fn(|n| proof::byte(0x8000_0ff0 + n as u64))
        );
        target.close().unwrap();
        let after = lock(&tap).module.harts[0].clone();
        assert_eq!(after.gpr, hart.gpr, "{}", profile.name);
    }
}
