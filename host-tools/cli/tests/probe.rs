//! A probe reads what the dump of the same memory contains, and the hart is unchanged.
#![cfg(feature = "probe")]

#[expect(dead_code, reason = "JSON is compared as it is written")]
mod program;
mod simulated;

use std::process::{Command, Stdio};

use link::memory::{MemorySource, ReadError, open_core};
use link::probe::sim::{Profile, csr, lock, machine, serve};
use pagetable::PhysAddr;
use program::pagewalk;
use simulated::{FIXTURES, Fixture, hart, start};

fn said(words: &[&str]) -> String {
    let run = pagewalk(words, "");
    assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
    run.stdout
}

/// Puts commands to the probe and to the dump, and compares what they say.
fn compare(profile: Profile, fixture: &Fixture, mode: Option<u64>, commands: &[&[&str]]) {
    let (tap, probe) = start(profile, fixture);
    {
        let hart = &mut lock(&tap).module.harts[0];
        hart.is_halted = mode.is_some();
        hart.set_privilege(mode.unwrap_or(1));
    }
    let before = hart(&tap);
    let from = format!("probe:{probe}");
    let satp = format!("{:#x}", fixture.satp);
    let what = format!("{} {} {mode:?}", profile.name, fixture.core);
    // A C906 says itself how it writes memory types; a dump needs the option.
    let dialect = match (profile.vendor, fixture.satp >> 32) {
        (0x5b7, 1..) => "thead",
        _ => "auto",
    };
    for command in commands {
        let probed = said(&[command, &["--from", &from][..]].concat());
        let dump = [
            "--core",
            fixture.core,
            "--satp",
            &satp,
            "--dialect",
            dialect,
        ];
        let dumped = said(&[command, &dump[..]].concat());
        assert!(probed == dumped, "{what} {command:?}\n{probed}\n{dumped}");
    }
    assert_eq!(before, hart(&tap), "{what}");
    assert!(lock(&tap).module.ram.is_untouched(), "{what}");
}

/// Addresses that are mapped, and one that is not.
const LINUX: [&str; 3] = ["0xffffffff80000000", "0xffffffd600000000", "0x10"];
const NUTTX: [&str; 2] = ["0xc0801000", "0x80000000"];

#[test]
fn whole_maps_of_linux_are_the_dumps_by_every_way() {
    for profile in Profile::ALL {
        compare(profile, &FIXTURES[0], None, &[&["map", "--format", "json"]]);
    }
}

#[test]
fn whole_maps_of_nuttx_are_the_dumps_by_every_way() {
    for profile in Profile::ALL {
        let forms: [&[&str]; 3] = [
            &["map", "--format", "json"],
            &["map"],
            &["map", "--format", "csv"],
        ];
        compare(profile, &FIXTURES[1], None, &forms);
    }
}

#[test]
fn a_picture_of_the_map_is_the_dumps() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("map.svg");
    let name = file.to_str().expect("a name");
    let drawn = |input: &[&str], origin: &str| {
        said(&[&["chart", "map", "-o", name][..], input].concat());
        let picture = std::fs::read_to_string(&file).expect("a picture");
        assert!(picture.contains(origin), "{picture}");
        picture.replace(origin, "ORIGIN")
    };
    let fixture = &FIXTURES[1];
    let core = ["--core", fixture.core, "--satp", "0x80080a1f"];
    let dumped = drawn(&core, "pagetables.core");
    for profile in Profile::ALL {
        let (_tap, probe) = start(profile, fixture);
        let from = format!("probe:{probe}");
        assert!(
            drawn(&["--from", &from], &from) == dumped,
            "{}",
            profile.name
        );
    }
}

#[test]
fn a_hart_that_halted_in_any_mode_tells_the_same() {
    for profile in Profile::ALL {
        for mode in [0, 1, 3] {
            for (fixture, addresses) in FIXTURES.iter().zip([&LINUX[..], &NUTTX[..]]) {
                let walks: Vec<[&str; 2]> = addresses.iter().map(|at| ["walk", at]).collect();
                let mut commands: Vec<&[&str]> = walks.iter().map(|walk| &walk[..]).collect();
                let json = ["walk", addresses[0], "--format", "json"];
                commands.push(&json);
                compare(profile, fixture, Some(mode), &commands);
            }
        }
    }
}

#[test]
fn the_root_and_registers_are_the_harts() {
    for profile in Profile::ALL {
        for fixture in &FIXTURES {
            let (tap, probe) = start(profile, fixture);
            let before = hart(&tap);
            let satp = format!("{:#x}", fixture.satp);
            let xlen = before.xlen.bits().to_string();
            let decoded = said(&["decode", "satp", &satp, "--xlen", &xlen]);
            assert_eq!(said(&["probe", "satp", &probe]), decoded);
            assert_eq!(
                said(&["satp", "--from", &format!("probe:{probe}")]),
                decoded
            );
            let csrs = said(&["probe", "csr", "satp", "stval", "0x7b1", "--probe", &probe]);
            for number in [csr::SATP, 0x143, csr::DPC] {
                let value = before.csr[&number];
                let width = before.xlen.bits() as usize / 4 + 2;
                assert!(csrs.contains(&format!("{value:#0width$x}")), "{csrs}");
            }
            assert_eq!(before, hart(&tap), "{}", profile.name);
        }
    }
}

#[test]
fn tables_by_a_bus_that_may_be_wrong_are_marked_in_every_form() {
    let (_tap, probe) = start(Profile::C906, &FIXTURES[1]);
    let from = format!("probe:{probe}");
    for command in [&["map"][..], &["walk", "0xc0801000"]] {
        for (form, mark) in [
            ("table", "possibly stale"),
            ("json", "\"possibly_stale\": true"),
            ("csv", "possibly_stale"),
        ] {
            let words = [command, &["--from", &from, "--format", form]].concat();
            let by_hart = said(&words);
            assert!(!by_hart.contains("stale"), "{by_hart}");
            let by_bus = said(&[&words[..], &["--by", "bus"]].concat());
            assert!(by_bus.contains(mark), "{by_bus}");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("map.svg");
    let name = picture.to_str().expect("a name");
    said(&["chart", "map", "--from", &from, "--by", "bus", "-o", name]);
    let drawn = std::fs::read_to_string(&picture).expect("a picture");
    assert!(drawn.contains("possibly stale"), "{drawn}");
}

#[test]
fn what_is_read_is_read_again_by_dump() {
    let (_tap, probe) = start(Profile::PROGRAM, &FIXTURES[1]);
    let root = "0x80a1f000";
    let dump = said(&["probe", "read", root, "4096", "--probe", &probe]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("root.txt");
    std::fs::write(&file, dump).expect("a file");
    let file = file.to_str().expect("a name");
    let satp = ["--satp", "0x80080a1f", "--xlen", "32"];
    let walk = ["walk", "0x10", "--format", "json"];
    let from_dump = said(&[&walk[..], &["--dump", file], &satp].concat());
    let from_probe = said(&[&walk[..], &["--from", &format!("probe:{probe}")]].concat());
    assert_eq!(from_dump, from_probe);
}

#[test]
fn tables_of_a_hart_that_does_not_halt_are_read_by_the_bus() {
    let fixture = &FIXTURES[1];
    let (tap, probe) = start(Profile::FULL, fixture);
    lock(&tap).module.harts[0].heeds = false;
    let from = format!("probe:{probe}");
    let words = ["map", "--from", &from, "--by", "bus"];
    let told = pagewalk(&words, "");
    assert_eq!(told.code, 1);
    let why = "error: the hart does not halt; perhaps the bus it waits for is stuck.";
    assert!(told.stderr.starts_with(why), "{}", told.stderr);
    let tables = ["--satp", "0x80080a1f", "--xlen", "32"];
    let dumped = said(&["map", "--core", fixture.core, "--satp", "0x80080a1f"]);
    assert_eq!(said(&[&words[..], &tables].concat()), dumped);
    assert!(!hart(&tap).is_halted);
}

#[test]
fn a_probe_has_one_name_wherever_it_is_named() {
    let (_tap, selector) = start(Profile::ALL[0], &FIXTURES[0]);
    let named = format!("probe:{selector}");
    for name in [&selector, &named] {
        let satp = said(&["probe", "satp", name]);
        assert_eq!(satp, said(&["satp", "--from", &named]));
        let csr = said(&["probe", "csr", "satp", "--probe", name]);
        assert_eq!(csr, said(&["probe", "csr", "satp", "--probe", &selector]));
        assert!(!csr.is_empty());
    }
    // The word alone is the only probe there is: none, or one, but no wrong name.
    for words in [
        &["probe", "info", "probe"][..],
        &["probe", "csr", "satp", "--probe", "probe"],
        &["satp", "--from", "probe"],
    ] {
        let alone = pagewalk(words, "");
        let bare: Vec<&str> = match words[1] {
            "csr" => vec!["probe", "csr", "satp"],
            _ => vec!["probe", "info"],
        };
        let nothing = pagewalk(&bare, "");
        assert_eq!(alone.code, nothing.code, "{words:?}: {}", alone.stderr);
        assert_ne!(alone.code, 2, "{words:?}: {}", alone.stderr);
    }
}

#[test]
fn whatever_is_plugged_in_here_is_listed() {
    let list = said(&["probe", "list", "--format", "json"]);
    assert!(list.contains("\"schema\": \"pagewalk.probes/1\""), "{list}");
    assert!(!said(&["probe", "list"]).is_empty());
    let none = pagewalk(&["probe", "info", "fffe:fffe"], "");
    assert_eq!(none.code, 1);
    let told = "error: no probe `fffe:fffe`; there is ";
    assert!(none.stderr.starts_with(told), "{}", none.stderr);
}

/// Memory that simulates Ctrl-C at the hundredth word.
struct Interrupted {
    core: link::memory::Files,
    reads: u32,
    program: std::sync::mpsc::Receiver<u32>,
}

impl MemorySource for Interrupted {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        self.reads += 1;
        if self.reads == 100 {
            let number = self.program.recv().expect("a program").to_string();
            let sent = Command::new("kill").args(["-INT", &number]).status();
            assert!(sent.expect("kill").success());
        }
        self.core.read(at, into)
    }
}

#[test]
fn ctrl_c_leaves_the_hart_as_it_was() {
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/");
    let core = format!("{captures}{}", FIXTURES[0].core);
    let (told, program) = std::sync::mpsc::channel();
    let memory = Interrupted {
        core: open_core(core.as_ref()).expect("a core").memory,
        reads: 0,
        program,
    };
    let tap = machine(Profile::PROGRAM, FIXTURES[0].satp, memory);
    let before = hart(&tap);
    let from = format!("probe:bitbang://{}", serve(tap.clone()).expect("a socket"));
    let child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["map", "--from", &from])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    told.send(child.id()).expect("the receiver waits");
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("stopped; the hart is as it was"), "{said}");
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(before, hart(&tap));
    // It was stopped on the way, not at the end of 229 tables.
    assert!(lock(&tap).module.ram.reads() < 229 * 512);
}

#[test]
fn a_hart_is_halted_goes_on_and_begins_anew() {
    let (tap, probe) = start(Profile::FULL, &FIXTURES[0]);
    lock(&tap).module.harts[0].wanders = true;
    let at = said(&["probe", "halt", &probe, "--at", "0x80200050"]);
    assert_eq!(at, "hart 0: halted at 0x80200050, supervisor mode\n");
    assert!(hart(&tap).is_halted);
    assert_eq!(said(&["probe", "resume", &probe]), "hart 0: running\n");
    assert!(!hart(&tap).is_halted);
    let reset = said(&["probe", "reset", &probe, "--halt"]);
    assert_eq!(reset, "hart 0: halted at 0x1000, machine mode\n");
    assert_eq!(hart(&tap).csr[&csr::SATP], 0);
}
