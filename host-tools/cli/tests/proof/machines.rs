//! Odd machines: each boots to the prompt, or says in one line why not.
//!
//! The machines are data, `machines/odd.txt`; a tree is the one that QEMU would give, changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::board::{BoardConsole, PROMPT, built};
use crate::tools::{path, tool};

/// One line of the table.
struct Machine<'a> {
    arguments: Vec<&'a str>,
    changes: Vec<&'a str>,
    shown: Vec<&'a str>,
}

fn machines(bits: &str) -> Vec<Machine<'static>> {
    let lines = include_str!("machines/odd.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    let list = |cell: &'static str| -> Vec<&'static str> {
        let parts = cell.split(" ; ").map(str::trim);
        parts.filter(|part| !part.is_empty()).collect()
    };
    let machine = |line: &'static str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [width, arguments, changes, shown] = cells[..] else {
            panic!("not four cells: {line}")
        };
        assert!(!shown.is_empty(), "nothing is expected: {line}");
        (width == bits).then(|| Machine {
            arguments: arguments.split_whitespace().collect(),
            changes: list(changes),
            shown: list(shown),
        })
    };
    lines.filter_map(machine).collect()
}

impl Machine<'_> {
    fn command(&self, bits: &str) -> Command {
        let mut qemu = Command::new(format!("qemu-system-riscv{bits}"));
        qemu.args(["-nodefaults", "-display", "none", "-no-reboot"]);
        let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/firmware.elf");
        if !self.arguments.contains(&"-M") {
            qemu.args(["-M", "virt"]);
        }
        for &argument in &self.arguments {
            match argument {
                "FIRMWARE" => qemu.arg(&firmware),
                _ => qemu.arg(argument),
            };
        }
        qemu
    }

    /// The tree of this machine with its changes.
    fn tree(&self, bits: &str, folder: &Path) -> PathBuf {
        let file = folder.join("tree.dtb");
        let dump = format!("virt,dumpdtb={}", path(&file));
        let told = self.command(bits).args(["-M", &dump]).output();
        let told = told.expect("QEMU starts");
        assert!(told.status.success(), "{told:?}");
        for change in &self.changes {
            let words: Vec<&str> = change.split_whitespace().collect();
            match words[..] {
                ["fdtput", ref rest @ ..] => {
                    let rest: Vec<&str> = rest
                        .iter()
                        .map(|&word| if word == "T" { path(&file) } else { word })
                        .collect();
                    tool("fdtput", &rest, b"");
                }
                _ => panic!("no such change: {change}"),
            }
        }
        file
    }

    /// Starts it, and waits for all that it must show.
    fn shows(&self, bits: &str) {
        let image = match bits {
            "64" => built("images/Image"),
            _ => built("images/rv32/Image"),
        };
        let folder = tempfile::tempdir().expect("a folder for the tree");
        let mut qemu = self.command(bits);
        qemu.args(["-serial", "stdio", "-kernel"]).arg(image);
        if !self.changes.is_empty() {
            qemu.arg("-dtb").arg(self.tree(bits, folder.path()));
        }
        let mut line = BoardConsole::start(&mut qemu);
        for &text in &self.shown {
            line.expect(text);
            if text == PROMPT.trim_end() {
                assert_eq!(
                    line.ask("hello", PROMPT).replace('\r', ""),
                    "hello, world\n"
                );
            }
        }
        let said = line.text();
        assert!(!said.contains("kernel fault"), "{said}");
    }
}

fn each(bits: &str) {
    let machines = machines(bits);
    assert!(machines.len() > 10, "the table is there");
    for machine in machines {
        // What a failure shows is the line alone: this says whose.
        println!("{:?} {:?}", machine.arguments, machine.changes);
        machine.shows(bits);
    }
}

#[test]
fn every_odd_machine_of_64_bits_boots_or_says_why_not() {
    each("64");
}

#[test]
fn every_odd_machine_of_32_bits_boots_or_says_why_not() {
    each("32");
}

/// The firmware of `captures` leaves `mcounteren` as reset does: all clear.
#[test]
fn programs_that_count_instructions_say_so_where_they_cannot() {
    let machine = Machine {
        arguments: vec!["-bios", "FIRMWARE"],
        changes: vec![],
        shown: vec![],
    };
    let mut qemu = machine.command("64");
    qemu.args(["-serial", "stdio", "-kernel"])
        .arg(built("images/Image"));
    let mut line = BoardConsole::start(&mut qemu);
    line.expect(PROMPT.trim_end());
    let programs = [
        "touch_test 4",
        "cost_test",
        "image_test",
        "lag_test",
        "map_test budget",
    ];
    for program in programs {
        let said = line.ask(program, PROMPT);
        assert!(said.contains("instret cannot be read"), "{program}: {said}");
        assert!(!said.contains("illegal"), "{program}: {said}");
    }
    let said = line.ask("touch_test 4", PROMPT);
    assert!(said.contains("touch_test: 4 pages"), "{said}");
}
