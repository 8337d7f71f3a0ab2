//! A dump that was made to be troublesome, and what it costs to read it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What the dump is as large as.
const BYTES: u64 = 1 << 30;
const BASE: u64 = 0x8000_0000;

/// A sparse GiB: a root whose 512 entries lead to 512 tables, whose entries lead, each in another
/// order, to a thousand tables of pages, no two of them side by side. There are 262,144 ways
/// through it, and on each of them 512 pages.
pub fn dump(folder: &Path) -> PathBuf {
    let path = folder.join("hostile.bin");
    let file = File::create(&path).expect("a file");
    file.set_len(BYTES).expect("room for a hole");
    let pointer = |place: u64| (BASE + place * 4096) >> 2 | 1;
    let put = |place: u64, entries: &dyn Fn(u64) -> u64| {
        let table: Vec<u8> = (0..512).flat_map(|it| entries(it).to_le_bytes()).collect();
        file.write_all_at(&table, place * 4096).expect("room");
    };
    put(0, &|index| pointer(1 + index));
    for middle in 1..=512 {
        put(middle, &|index| {
            pointer(1000 + (index * 7 + middle * 131) % 1009)
        });
    }
    for last in 1000..2009 {
        // Flags change from page to page: no two are one range.
        put(last, &|index| {
            let page = BASE + (index * 13 + last * 17) % 0x4_0000 * 4096;
            page >> 2 | if index % 2 == 0 { 0xc7 } else { 0xdf }
        });
    }
    path
}

/// Seconds and bytes of memory, at the most, that `map` of the dump takes. It must end as it
/// should: an answer, and a word that it was cut short.
pub fn map(program: &str, dump: &Path) -> (f64, u64) {
    let memory = format!("{}@{BASE:#x}", dump.display());
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(["map", "--mem", &memory, "--satp", "0x8000000000080000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // `/proc` has its largest size as long as it runs: for each piece of the answer it is looked up.
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let mut piece = vec![0; 1 << 20];
    let mut out = child.stdout.take().expect("a pipe");
    while out.read(&mut piece).expect("a pipe") > 0 {
        peak = peak.max(largest(&status));
    }
    let ended = child.wait_with_output().expect("it ends");
    let seconds = start.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert!(said.contains("warning: stopped after"), "{said}");
    (seconds, peak)
}

/// The largest size that a program had, in bytes: proc(5), `VmHWM`.
fn largest(status: &str) -> u64 {
    let told = std::fs::read_to_string(status).unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
}
