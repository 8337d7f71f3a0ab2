//! `pagewalk faults` and `pagewalk chart faults`: what `golden.rs` cannot say.

mod line;
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use abi::Fault;
use abi::log::{LogHeader, RECORD_BYTES};
use program::{json, pagewalk};

/// The captures that are made here, not taken from a board: what the wire encoder
/// and the ELF writer give today is what stands in the tree. `UPDATE=1` writes it.
#[test]
fn the_recording_is_what_the_encoder_makes() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let made = [
        ("pagewalk-line.bin", line::recording()),
        ("touch_test.elf", line::program()),
    ];
    for (name, bytes) in made {
        if std::env::var_os("UPDATE").is_some() {
            fs::write(captures.join(name), &bytes).expect(name);
        }
        assert!(
            fs::read(captures.join(name)).expect(name) == bytes,
            "{name}"
        );
    }
}

#[test]
fn nothing_that_looks_like_a_fault_is_left_out() {
    for (log, count) in [("nuttx-alloc_test.txt", 39), ("nuttx-stack_test.txt", 48)] {
        let faults = json(&["faults", log, "--format", "json"], "");
        let text = fs::read_to_string(format!("tests/captures/{log}")).expect(log);
        assert_eq!(text.matches("EXCEPTION").count(), count);
        assert_eq!(faults["faults"].as_array().expect("a list").len(), count);
    }
}

#[test]
fn every_format_tells_of_the_same_faults() {
    let all = json(&["faults", "pagewalk-line.bin", "--format", "json"], "");
    let csv = pagewalk(&["faults", "pagewalk-line.bin", "--format", "csv"], "").stdout;
    let faults = all["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), csv.lines().count() - 1);
    let sum = |total: &str| {
        let counts = all[total].as_array().expect("a list").iter();
        counts
            .map(|row| row["faults"].as_u64().expect("a count"))
            .sum::<u64>()
    };
    // One is an illegal instruction, which is on no page.
    assert_eq!(["causes", "tasks", "pages"].map(sum), [8, 8, 7]);
    for (row, line) in faults.iter().zip(csv.lines().skip(1)) {
        let address = row["address"].as_str().expect("hex");
        assert!(line.contains(&format!(",{address},")), "{line}");
    }
}

#[test]
fn an_empty_recording_is_told_from_one_without_faults() {
    let run = pagewalk(&["faults", "-"], "");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (1, "error: standard input: empty\n")
    );
}

#[test]
fn a_chart_is_what_its_name_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, magic) in [("x.svg", &b"<svg "[..]), ("x.png", b"\x89PNG\r\n\x1a\n")] {
        let path = folder.path().join(name);
        let to = path.to_str().expect("a plain path");
        let run = pagewalk(&["chart", "faults", "nuttx-stack_test.txt", "-o", to], "");
        assert_eq!(
            (run.code, run.stdout.as_str(), run.stderr.as_str()),
            (0, "", "")
        );
        assert!(fs::read(&path).expect("the chart").starts_with(magic));
    }
    let svg = fs::read_to_string(folder.path().join("x.svg")).expect("the chart");
    assert!(svg.contains("Store/AMO page fault (48)") && svg.contains("seconds since boot"));
}

#[test]
fn a_chart_that_cannot_be_drawn_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.svg");
    let timeless = "riscv_fillpage: EXCEPTION: Load page fault. MCAUSE: 0000000d, \
                    EPC: 80000000, MTVAL: c0000000\n";
    let run = pagewalk(
        &["chart", "faults", "-", "-o", path.to_str().expect("plain")],
        timeless,
    );
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("no fault with a time in it"),
        "{}",
        run.stderr
    );
    assert!(!path.exists());
}

/// Where the memory of these tests lies, and how many records fit into each ring of its logs.
const RAM: u64 = 0x8000_0000;
const CAPACITY: u32 = 100;

/// A kernel's memory: noise, and the logs of two boots behind each other. That of boot 6 has 250
/// faults, more than its ring holds; that of boot 5 has 3.
fn memory(is_older_first: bool) -> Vec<u8> {
    let mut bytes = vec![0xa5; 3 * 4096];
    let mut logs = [(6, 250), (5, 3)];
    if is_older_first {
        logs.reverse();
    }
    for (boot, next) in logs {
        let header = LogHeader {
            capacity: CAPACITY,
            boot,
            ticks_per_second: 1000,
            next,
        };
        let start = bytes.len();
        bytes.extend(header.to_record().to_bytes());
        bytes.resize(start + 2 * 4096, 0xa5);
        for number in header.oldest()..next {
            let place = 1 + (number % u64::from(CAPACITY)) as usize;
            let fault = Fault {
                time: number,
                va: 0x20_0000 + number * 4096,
                epc: 0x1_0000 + u64::from(boot),
                task: (number % 2) as u16,
                cause: 15,
                access: 2,
                source: 1,
                ..Fault::EMPTY
            };
            bytes[start + place * RECORD_BYTES..][..RECORD_BYTES]
                .copy_from_slice(&fault.to_bytes());
        }
    }
    bytes
}

/// An ELF core of 64 bits with one segment.
fn core(memory: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    let mut put = |at: usize, value: u64, length: usize| {
        bytes[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
    };
    put(0, 0x0001_0102_464c_457f, 8);
    let length = memory.len() as u64;
    // e_type, e_machine, e_version, e_phoff, e_ehsize, e_phentsize, e_phnum
    let header = [
        (16, 4),
        (18, 243),
        (20, 1),
        (32, 64),
        (52, 64),
        (54, 56),
        (56, 1),
    ];
    for (at, value) in header {
        put(at, value, 2);
    }
    // p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz
    let segment = [
        (64, 1),
        (72, 120),
        (80, RAM),
        (88, RAM),
        (96, length),
        (104, length),
    ];
    for (at, value) in segment {
        put(at, value, 8);
    }
    [&bytes, memory].concat()
}

fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

/// `seq` of each fault, and what else of the answer is about the log.
fn told(from: &str, more: &[&str]) -> (Vec<u64>, serde_json::Value) {
    let words = [&["faults", "--from", from, "--format", "json"][..], more].concat();
    let all = json(&words, "");
    let faults = all["faults"].as_array().expect("a list");
    for fault in faults {
        let seq = fault["seq"].as_u64().expect("a number");
        assert_eq!(fault["address"], format!("{:#x}", 0x20_0000 + seq * 4096));
        assert_eq!(fault["time_us"], seq * 1000);
    }
    let seqs = faults
        .iter()
        .map(|it| it["seq"].as_u64().expect("a number"));
    (seqs.collect(), all)
}

#[test]
fn the_log_of_a_dead_kernel_is_read_from_a_core_and_from_raw_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for is_older_first in [false, true] {
        let memory = memory(is_older_first);
        let raw = file(&folder, "memory.bin", &memory);
        let core = file(&folder, "memory.core", &core(&memory));
        for from in [
            format!("{}@{RAM:#x}", raw.display()),
            core.display().to_string(),
        ] {
            let (seqs, all) = told(&from, &[]);
            assert_eq!(seqs, (150..250).collect::<Vec<u64>>(), "{from}");
            assert_eq!(
                (&all["overwritten"], &all["missing"]),
                (&150.into(), &0.into())
            );
            assert_eq!(all["faults"][0]["epc"], "0x10006");
            let (seqs, all) = told(&from, &["--old"]);
            assert_eq!(seqs, [0, 1, 2], "{from}");
            assert_eq!(all["overwritten"], 0);
            assert_eq!(all["faults"][0]["epc"], "0x10005");
            let (seqs, _) = told(&from, &["--since", "240", "--task", "1"]);
            assert_eq!(seqs, [241, 243, 245, 247, 249], "{from}");
        }
    }
}

/// Through every kind of debug module, on harts of both widths.
#[cfg(feature = "probe")]
#[test]
fn the_log_of_a_dead_kernel_is_read_through_jtag() {
    use link::memory::open_core;
    use link::probe::sim::{Profile, machine, serve};
    use pagetable::Xlen;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = memory(false);
    let core = file(&folder, "memory.core", &core(&memory));
    let ram = format!("{RAM:#x}+{:#x}", memory.len());
    for profile in [Profile::FULL, Profile::ROM, Profile::SINGLE] {
        for xlen in [Xlen::Rv64, Xlen::Rv32] {
            let held = open_core(&core).expect("a core").memory;
            let tap = machine(profile.with_xlen(xlen), 0, held);
            let from = format!("probe:bitbang://{}", serve(tap).expect("a socket"));
            let what = format!("{}, {xlen:?}", profile.name);
            let (seqs, all) = told(&from, &["--ram", &ram]);
            assert_eq!(seqs, (150..250).collect::<Vec<u64>>(), "{what}");
            assert_eq!(all["overwritten"], 150, "{what}");
            let (seqs, _) = told(&from, &["--ram", &ram, "--old"]);
            assert_eq!(seqs, [0, 1, 2], "{what}");
            // Without a word on where memory lies there is nothing to search.
            let run = pagewalk(&["faults", "--from", &from], "");
            assert_eq!(run.code, 1, "{what}");
            assert!(run.stderr.contains("--ram"), "{what}: {}", run.stderr);
        }
    }
    // A module without a way to memory says so.
    let held = open_core(&core).expect("a core").memory;
    let tap = machine(Profile::REGISTERS, 0, held);
    let from = format!("probe:bitbang://{}", serve(tap).expect("a socket"));
    let run = pagewalk(&["faults", "--from", &from, "--ram", &ram], "");
    assert_eq!((run.code, &*run.stdout), (1, ""));
    assert!(run.stderr.contains("cannot be reached"), "{}", run.stderr);
}

#[test]
fn memory_without_a_log_or_without_an_old_one_says_which() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = memory(false);
    let one = file(&folder, "one.core", &core(&memory[..5 * 4096]));
    let none = file(&folder, "none.core", &core(&memory[..3 * 4096]));
    let said = |path: &Path, more: &[&str]| {
        let name = path.to_str().expect("a plain path");
        let run = pagewalk(&[&["faults", "--from", name][..], more].concat(), "");
        assert_eq!((run.code, &*run.stdout), (1, ""));
        let file = path.file_name().and_then(|name| name.to_str());
        run.stderr.replace(file.expect("a plain name"), "CORE")
    };
    assert_eq!(
        said(&one, &["--old"]),
        "error: CORE: no log of the boot before in it; without --old: that of the last boot\n"
    );
    for more in [&[][..], &["--old"]] {
        assert_eq!(
            said(&none, more),
            "error: CORE: no fault log in it; is it the memory of a Pagewalk kernel?\n"
        );
    }
}

/// A dump that breaks off within the ring was refused as a whole.
#[test]
fn of_a_log_that_is_cut_off_what_is_there_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = core(&memory(false));
    // The header and 60 records: numbers 200 to 249 lie at places 0 to 49, 150 to 159 behind.
    let cut = 120 + 3 * 4096 + 61 * RECORD_BYTES;
    let path = file(&folder, "cut.core", &bytes[..cut]);
    let (seqs, all) = told(path.to_str().expect("a plain path"), &[]);
    assert_eq!(seqs, (150..160).chain(200..250).collect::<Vec<u64>>());
    assert_eq!(all["missing"], 40);
}
