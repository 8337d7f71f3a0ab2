//! Tasks of an unmodified Linux, out of its memory alone, beside its own /proc.

mod proc;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use link::memory::{Cached, Files, MemorySource, PhysRange, ReadError, VmcoreInfo, open_core};
use link::os::{Hints, find};
use pagetable::PhysAddr;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/linux-tasks");

#[test]
fn every_page_and_name_of_a_stripped_linux_is_as_its_own_proc_says() {
    let core = format!("{FOLDER}/guest.core.xz");
    let printed = std::fs::read_to_string(format!("{FOLDER}/proc.txt")).expect("what it printed");
    let program = Path::new(env!("CARGO_BIN_EXE_pagewalk"));
    let compared = proc::compare(program, &["--from", &core], &printed);
    assert_eq!(compared, 373);
}

/// What a command prints on stdout.
fn answer(words: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words)
        .env("PAGEWALK_CONFIG", "")
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{words:?}: {told}");
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

#[test]
fn a_dump_of_the_machine_is_sparse_goes_on_where_it_was_cut_and_has_the_same_tasks() {
    let core = format!("{FOLDER}/guest.core.xz");
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, part) = (
        folder.path().join("vmcore"),
        folder.path().join("vmcore.part"),
    );
    let out = whole.to_str().expect("a path");
    answer(&["dump", "-o", out, "--from", &core]);
    assert!(!part.exists(), "it has its own name when it is whole");
    let first = fs::read(&whole).expect("the dump");
    assert_eq!(
        answer(&["ps", "--from", out]),
        answer(&["ps", "--from", &core])
    );
    // Interrupted in the middle of a page.
    fs::write(&part, &first[..first.len() / 2 + 77]).expect("a part");
    answer(&["dump", "-o", out, "--from", &core, "--resume"]);
    assert!(
        fs::read(&whole).expect("the dump") == first,
        "it is the same again"
    );
    // Of another machine.
    fs::write(&part, &first[..100]).expect("a part");
    let ran = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["dump", "-o", out, "--from", &core, "--resume"])
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(told.contains("without --resume it begins again"), "{told}");
}

#[test]
fn gdb_and_drgn_read_the_kernels_own_addresses_in_a_dump() {
    let core = format!("{FOLDER}/guest.core.xz");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("vmcore");
    let out = out.to_str().expect("a path");
    answer(&["dump", "-o", out, "--from", &core]);
    let core = open_core(Path::new(out)).expect("a core");
    // `linux_banner` is in the page of the first of kallsyms' tables, and begins a few bytes before it.
    let near = core.info.symbol("kallsyms_num_syms").expect("where it is");
    let banner = near - 0xd0;
    let physical = banner - core.info.number("va_kernel_pa_offset").expect("an offset");
    let ran = Command::new("gdb-multiarch")
        .args(["-nx", "-batch", "-ex", &format!("core-file {out}")])
        .args(["-ex", &format!("x/s {banner:#x}")])
        .output()
        .expect("gdb-multiarch; run `./setup --tests`");
    let read = String::from_utf8_lossy(&ran.stdout);
    assert!(read.contains("Linux version "), "{read}");
    let script = format!(
        "import drgn; p = drgn.Program(); p.set_core_dump('{out}')\n\
         print(p.platform.arch.name, p.read({banner}, 14) == p.read({physical}, 14, True), p.read({banner}, 14))"
    );
    let ran = Command::new("python3")
        .args(["-c", &script])
        .env(
            "PYTHONPATH",
            Path::new(FOLDER).join("../../../../../target/python"),
        )
        .output()
        .expect("python3 starts; `./setup --tests` brings what it reads with");
    let read = String::from_utf8_lossy(&ran.stdout);
    let wrong = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(read.trim(), "RISCV64 True b'Linux version '", "{wrong}");
}

/// Memory behind a stub that answers 2 KiB at a time, as QEMU's does.
struct Counted {
    memory: Files,
    packets: usize,
}

impl MemorySource for Counted {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        self.packets += into.len().div_ceil(2048);
        self.memory.read(at, into)
    }
}

/// Bytes of its structures, symbols, types and tables are others than they were: what is read is wrong or refused,
/// and nothing panics or goes on without end.
#[test]
fn a_damaged_linux_is_refused_or_misread_and_no_more() {
    let packed = container::open(Path::new(&format!("{FOLDER}/guest.core.xz"))).expect("a file");
    let mut whole = Vec::new();
    (&packed.file).read_to_end(&mut whole).expect("its bytes");
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize % below
    };
    let mut refused = 0;
    for round in 0..12 {
        let mut bytes = whole.clone();
        // The first pages are the head of the file.
        for _ in 0..1 << (round + 4) {
            let at = 0x2000 + random(bytes.len() - 0x2000);
            bytes[at] ^= 1 << random(8);
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), &bytes).expect("the damaged core");
        let core = open_core(file.path()).expect("a core");
        let ram: Vec<PhysRange> = core
            .memory
            .ranges()
            .filter_map(|(from, end)| PhysRange::of(from.raw(), end.raw() - from.raw()))
            .collect();
        let mut memory = Cached::new(core.memory);
        let info = VmcoreInfo::default();
        let hints = Hints {
            ram: &ram,
            info: &info,
            program: None,
        };
        let Ok(linux) = find(&mut memory, &hints, None) else {
            refused += 1;
            continue;
        };
        for task in linux.tasks(&mut memory).unwrap_or_default() {
            let _ = linux.mappings(&mut memory, &task);
        }
    }
    assert!(refused < 12, "a few changed bits do not hide it");
}

#[test]
fn a_task_of_linux_takes_eight_packets_at_most() {
    let core = open_core(Path::new(&format!("{FOLDER}/guest.core.xz"))).expect("a core");
    let ram: Vec<PhysRange> = core
        .memory
        .ranges()
        .filter_map(|(from, end)| PhysRange::of(from.raw(), end.raw() - from.raw()))
        .collect();
    let mut memory = Cached::new(Counted {
        memory: core.memory,
        packets: 0,
    });
    let info = VmcoreInfo::default();
    let hints = Hints {
        ram: &ram,
        info: &info,
        program: None,
    };
    let linux = find(&mut memory, &hints, Some("linux")).expect("a Linux");
    // Once all tables are known, each task costs what is read of it alone.
    linux.tasks(&mut memory).expect("its tasks");
    let before = memory.source().packets;
    let tasks = linux.tasks(&mut memory).expect("its tasks");
    let packets = memory.source().packets - before;
    assert!(tasks.len() > 40, "{}", tasks.len());
    assert!(packets <= 8 * tasks.len(), "{packets} of {}", tasks.len());
    let areas = linux.areas();
    assert!(areas.iter().any(|area| area.name == "linear map"));
}
