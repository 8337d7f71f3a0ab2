//! `just live`: a Linux that runs here and now, read from outside, beside what its own /proc says.
//!
//! The kernel is the one that `./setup --live` fetched, unmodified; its first process is
//! `kernel/user/examples/linux_tasks.rs`. It is booted in each paging mode, and read through QEMU's stub. No assertion
//! names a version.

#[path = "../figures/initrd.rs"]
mod initrd;
#[path = "../../tests/proc/mod.rs"]
mod proc;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A processor of QEMU's for each mode: what it has beyond the mode is switched off.
const MODES: [(&str, &str); 3] = [
    ("sv39", "rv64,sv48=off,sv57=off"),
    ("sv48", "rv64,sv57=off"),
    ("sv57", "rv64"),
];

fn main() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let kernel = house.join("target/live/vmlinux");
    assert!(
        kernel.exists(),
        "there is no target/live/vmlinux: `./setup --live` fetches it"
    );
    let scratch = tempfile::tempdir().expect("a folder");
    let initrd = scratch.path().join("initrd");
    let program = initrd::program(&house, "linux_tasks");
    let data: Vec<u8> = (0..1 << 16).map(|at: u32| at as u8).collect();
    let files = [("init", 0o100_755, program), ("data", 0o100_644, data)];
    fs::write(&initrd, initrd::archive(&files)).expect("the scratch folder can be written");
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    for (mode, cpu) in MODES {
        if !wanted.is_empty() && !wanted.iter().any(|it| it == mode) {
            continue;
        }
        let guest = Guest::boot(&kernel, &initrd, cpu);
        let source = format!("gdb://127.0.0.1:{}", guest.port);
        let program = Path::new(env!("CARGO_BIN_EXE_pagewalk"));
        let pages = proc::compare(program, &["--from", &source], &guest.printed);
        println!("{mode}: {pages} pages, and their names, are as /proc says");
    }
}

struct Guest {
    machine: Child,
    port: u16,
    printed: String,
}

impl Guest {
    /// Boots until the first process has said all it knows.
    fn boot(kernel: &PathBuf, initrd: &PathBuf, cpu: &str) -> Guest {
        // The port is free again when QEMU takes it.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|it| it.local_addr())
            .expect("a port")
            .port();
        let mut machine = Command::new("qemu-system-riscv64")
            .args(["-M", "virt", "-m", "256M", "-smp", "2", "-nodefaults"])
            .args(["-display", "none", "-serial", "stdio", "-no-reboot"])
            .args(["-cpu", cpu])
            .args(["-append", "console=ttyS0 quiet panic=-1", "-kernel"])
            .arg(kernel)
            .arg("-initrd")
            .arg(initrd)
            .args(["-gdb", &format!("tcp:127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("QEMU starts");
        let out = machine.stdout.take().expect("its serial line");
        let mut guest = Guest {
            machine,
            port,
            printed: String::new(),
        };
        for line in BufReader::new(out).split(b'\n') {
            let line = line.expect("a line");
            let line = String::from_utf8_lossy(&line);
            guest.printed += line.trim_end();
            guest.printed.push('\n');
            if line.starts_with("linux: ready") {
                return guest;
            }
        }
        panic!("the guest ended: {}", guest.printed);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}
