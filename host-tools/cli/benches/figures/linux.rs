//! Linux as a peer: booted here and now where `./setup --live` has fetched it, else as it was measured once.
//!
//! The same machine as ours, one instruction a nanosecond; its only process is `kernel/user/examples/linux_peer.rs`,
//! which measures and switches off. `zicboz` decides how Linux zeroes a page.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::initrd::{archive, program};
use crate::row::PeerFigure;
use crate::{house, scratch};

/// What was measured with this program, when, and on what.
const RECORDED: &str = "Linux 6.12.117, recorded 2026-11-27, QEMU 10.0.2 virt";
/// With Zicboz, and without it.
const COUNTS: &[(&str, [f64; 2])] = &[
    ("getpid", [434.0, 434.0]),
    ("yield", [1_266.0, 1_267.0]),
    ("zero", [3_660.0, 4_458.0]),
    ("read", [1_233.0, 1_232.0]),
    ("mmap.1gib", [4_122.0, 4_122.0]),
    ("mmap.touch", [20_815.0, 21_184.0]),
    ("fork.wait", [96_041.0, 108_984.0]),
    ("file.in_place", [613.0, 614.0]),
    ("file.copied", [5_232.0, 5_632.0]),
];

/// What Linux takes for `what`, as `note` says; with `cbo.zero` where the machine has it.
pub fn linux(what: &str, zicboz: bool, note: &str) -> Option<PeerFigure> {
    static LIVE: [OnceLock<Option<Live>>; 2] = [OnceLock::new(), OnceLock::new()];
    let live = LIVE[usize::from(zicboz)].get_or_init(|| boot(zicboz));
    let (name, value) = match live {
        Some(live) => (
            format!("Linux {}, live", live.version),
            live.counts.get(what),
        ),
        None => {
            let found = COUNTS.iter().find(|(name, _)| *name == what);
            let count = found.map(|(_, counts)| &counts[usize::from(!zicboz)]);
            (RECORDED.to_owned(), count)
        }
    };
    let value = *value.unwrap_or_else(|| panic!("Linux did not say what {what} takes"));
    Some(PeerFigure {
        name: format!("{name}: {note}"),
        value,
    })
}

struct Live {
    version: String,
    counts: BTreeMap<String, f64>,
}

fn boot(zicboz: bool) -> Option<Live> {
    let folder = house().join("target/live");
    let kernel = folder.join("vmlinux");
    let version = fs::read_to_string(folder.join("version")).ok()?;
    let scratch = scratch();
    let initrd = scratch.path().join("initrd");
    // More than the pages of it that are measured.
    let data: Vec<u8> = (0..16 << 20).map(|at: u32| (at >> 3) as u8).collect();
    let files = [
        ("init", 0o100_755, program(&house(), "linux_peer")),
        ("data", 0o100_644, data),
    ];
    fs::write(&initrd, archive(&files)).expect("the scratch folder can be written");
    let on = if zicboz { "on" } else { "off" };
    let ran = Command::new("qemu-system-riscv64")
        .args(["-M", "virt", "-m", "512M", "-smp", "1", "-nodefaults"])
        .args(["-display", "none", "-serial", "stdio", "-no-reboot"])
        .args([
            "-icount",
            "shift=0,sleep=off",
            "-cpu",
            &format!("rv64,zicboz={on}"),
        ])
        .args(["-append", "console=ttyS0 quiet mitigations=off panic=-1"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initrd)
        .stdin(Stdio::null())
        .output()
        .expect("QEMU starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    let counts: BTreeMap<String, f64> = said.lines().filter_map(count).collect();
    assert!(!counts.is_empty(), "Linux measured nothing: {said}");
    Some(Live {
        version: version.trim().to_owned(),
        counts,
    })
}

/// `linux: NAME INSTRUCTIONS`
fn count(line: &str) -> Option<(String, f64)> {
    let (name, count) = line.trim().strip_prefix("linux: ")?.split_once(' ')?;
    Some((name.to_owned(), count.parse().ok()?))
}
