//! The gdb plugin, on QEMU's stub and on ours: what it shows is what the emulator itself says.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::board::{Monitor, SocketBoard, with_stub};
use crate::host::{PATIENT, pagewalk};
use crate::tools::path;

pub const PLUGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../gdb-plugin/pagewalk.py");

/// What gdb with the plugin says to these commands.
#[track_caller]
pub fn gdb(target: &str, commands: &[&str]) -> String {
    let mut gdb = Command::new("sh");
    gdb.args(["-c", "exec timeout 120 gdb-multiarch \"$@\" 2>&1", "gdb"]);
    gdb.args(["-nx", "-batch"]);
    gdb.env("PAGEWALK", env!("CARGO_BIN_EXE_pagewalk"));
    let first = [
        PATIENT.to_owned(),
        "set pagination off".to_owned(),
        "set confirm off".to_owned(),
        format!("source {PLUGIN}"),
        format!("target remote {target}"),
    ];
    let first = first.iter().map(|command| &**command);
    for command in first.chain(commands.iter().copied()) {
        gdb.args(["-ex", command]);
    }
    let output = gdb.output().expect("gdb-multiarch; run `./setup --tests`");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines between two that `echo` printed.
#[track_caller]
pub fn between<'a>(said: &'a str, mark: &str) -> &'a str {
    let (begin, end) = (format!("<{mark}>\n"), format!("</{mark}>\n"));
    let rest = said
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{mark}: {said}"))
        .1;
    rest.split_once(&end)
        .unwrap_or_else(|| panic!("{mark}: {said}"))
        .0
}

/// First address, physical address, length, permissions: runs that continue each other joined.
type Runs = Vec<(u64, u64, u64, String)>;

fn joined(runs: impl Iterator<Item = (u64, u64, u64, String)>) -> Runs {
    let mut all: Runs = Vec::new();
    for (va, pa, size, perms) in runs {
        match all.last_mut() {
            Some(last) if last.0 + last.2 == va && last.1 + last.2 == pa && last.3 == perms => {
                last.2 += size;
            }
            _ => all.push((va, pa, size, perms)),
        }
    }
    all
}

/// QEMU's own reading of the tables.
fn info_mem(said: &str) -> Runs {
    let hex = |text: &str| u64::from_str_radix(text, 16).expect("a number");
    joined(said.lines().skip(2).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [va, pa, size, perms] = fields[..] else {
            return None;
        };
        Some((hex(va), hex(pa), hex(size), perms.to_owned()))
    }))
}

/// What `pagewalk map --format csv` lists.
#[track_caller]
fn mapped(csv: &str) -> Runs {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().expect("names").split(',').collect();
    let rows = lines.map(|line| {
        let row: BTreeMap<&str, &str> = names.iter().copied().zip(line.split(',')).collect();
        let hex = |name: &str| {
            let digits = row[name].trim_start_matches("0x");
            u64::from_str_radix(digits, 16).expect("a number")
        };
        let size = row["size"].parse().expect("bytes");
        (hex("va"), hex("pa"), size, row["perms"].to_owned())
    });
    joined(rows)
}

/// A kernel that runs a program, with QEMU's stub beside its line.
pub struct Machine {
    pub board: SocketBoard,
    pub monitor: Monitor,
    pub stub: String,
    _folder: TempDir,
}

impl Machine {
    #[track_caller]
    pub fn boot(extra: &[&str]) -> Machine {
        Machine::boot_with(|arguments| SocketBoard::boot(&[arguments, extra].concat()))
    }

    #[track_caller]
    pub fn boot_of_32_bits() -> Machine {
        Machine::boot_with(SocketBoard::boot_of_32_bits)
    }

    #[track_caller]
    pub fn boot_with(boot: impl Fn(&[&str]) -> SocketBoard) -> Machine {
        let folder = tempfile::tempdir().expect("a folder");
        let (arguments, monitor) = with_stub(folder.path());
        let arguments: Vec<&str> = arguments.iter().map(|it| &**it).collect();
        let board = boot(&arguments);
        let mut monitor = Monitor::connect(&monitor);
        let stub = monitor.stub();
        Machine {
            board,
            monitor,
            stub,
            _folder: folder,
        }
    }
}

/// The map as gdb shows it, as the program shows it, and as QEMU does, of one instant: gdb waits
/// in between.
#[track_caller]
fn maps_agree(machine: &mut Machine, xlen: &str, stop: &[&str], privilege: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = path(&folder.path().join("memory")).to_owned();
    // In one session: gdb's map, QEMU's, and all of memory for the program.
    let save = format!("monitor pmemsave 0x80000000 0x8000000 \"{memory}\"");
    // gdb has registers of 32 bits with a sign.
    let root = match xlen {
        "32" => "printf \"root %x\\n\", $satp",
        _ => "printf \"root %lx\\n\", $satp",
    };
    let commands = [
        stop,
        &[
            "printf \"privilege %d\\n\", $priv",
            root,
            "echo <map>\\n",
            "pw map",
            "echo </map>\\n",
            "echo <qemu>\\n",
            "monitor info mem",
            "echo </qemu>\\n",
            &save,
            "maintenance packet qqemu.PhyMemMode",
            "detach",
        ],
    ];
    let said = gdb(&machine.stub, &commands.concat());
    assert!(said.contains(&format!("privilege {privilege}\n")), "{said}");
    assert!(
        said.contains("received: \"0\""),
        "the mode is restored: {said}"
    );
    let root = said.split_once("root ").expect("satp").1;
    let root = root.split_whitespace().next().expect("satp");
    let memory = format!("{memory}@0x80000000");
    let tables = ["map", "--mem", &memory, "--satp", root, "--xlen", xlen];
    assert_eq!(between(&said, "map"), pagewalk(&tables), "{said}");
    let ours = mapped(&pagewalk(&[&tables[..], &["--format", "csv"]].concat()));
    assert!(ours.len() > 8, "{ours:?}");
    assert_eq!(ours, info_mem(between(&said, "qemu")));
    // Whatever ran runs on.
    machine.monitor.must_run();
    assert_eq!(machine.board.terminal().run("hello"), "hello, world\n");
}

#[test]
fn a_map_is_the_same_in_gdb_on_the_host_and_in_qemu_whatever_runs() {
    // Without Sstc each tick of the clock goes through the firmware.
    let mut machine = Machine::boot(&["-cpu", "rv64,sstc=off"]);
    // Nothing runs: the kernel waits.
    maps_agree(&mut machine, "64", &[], "1");
    machine.board.terminal().run("spin forever &");
    maps_agree(&mut machine, "64", &["tbreak *$sepc", "continue"], "0");
    // The firmware's trap vector: of two programs each has its time.
    machine.board.terminal().run("spin forever &");
    maps_agree(&mut machine, "64", &["thbreak *$mtvec", "continue"], "3");
    // And straight from the stub, without gdb.
    let from = format!("gdb://{}", machine.stub);
    let satp = pagewalk(&["satp", "--from", &from]);
    assert!(satp.contains("sv39"), "{satp}");
    let kernel = pagewalk(&["walk", "0xffffffff80000000", "--from", &from]);
    assert!(kernel.contains("r-x-gad"), "{kernel}");
    machine.monitor.must_run();
}

/// The same with Sv32: the kernel's window in the middle, programs on both sides of it.
#[test]
fn a_map_of_sv32_is_the_same_in_gdb_on_the_host_and_in_qemu() {
    let mut machine = Machine::boot_of_32_bits();
    maps_agree(&mut machine, "32", &[], "1");
    machine.board.terminal().run("spin forever &");
    maps_agree(&mut machine, "32", &["tbreak *$sepc", "continue"], "0");
    let from = format!("gdb://{}", machine.stub);
    let kernel = pagewalk(&["walk", "0xbe000000", "--from", &from]);
    assert!(kernel.contains("r-x-gad"), "{kernel}");
    machine.monitor.must_run();
}

#[test]
fn the_commands_help_complain_and_restore() {
    let mut machine = Machine::boot(&[]);
    let said = gdb(
        &machine.stub,
        &[
            "help pw",
            "help pw walk",
            "complete pw ",
            "complete pw map --us",
            "pw walk",
            "pw walk no_such_symbol",
            "pw map 3",
            "pw map --mode sv99",
            "pw faults",
            "pw faults many",
            "pw walk 0x10000",
            "pw satp 0x8000000000012345",
            "pw explain",
            // An error in the middle of the reads, and the next command is none the worse.
            "python import sys; good = read_memory",
            "python def read_memory(at, length): raise KeyboardInterrupt",
            "pw map",
            "maintenance packet qqemu.PhyMemMode",
            "python read_memory = good",
            "echo <after>\\n",
            "pw walk 0x10000",
            "echo </after>\\n",
            "detach",
        ],
    );
    for wanted in [
        "pw satp [VALUE] the root of the tables",
        "pw map --user\n",
        "Usage: pw walk ADDR",
        "pw catch\npw chart\npw diff\npw explain\npw faults\npw find\npw follow\npw lint\npw map\npw \
         ps\npw ram\npw root\npw roots\npw satp\npw snapshot\npw stats\npw task\npw walk\npw ws\npw x\n",
        "of which address? Example: pw walk $pc",
        "\nNo symbol table is loaded.",
        "pw map takes no address",
        "no paging mode `sv99`; there is sv32",
        "this stub keeps no faults",
        "how many? Example: pw faults 20",
        "root table at 0x12345000",
        "scause",
        "received: \"0\"",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(between(&said, "after").contains("page"), "{said}");
    machine.monitor.must_run();
}

#[test]
fn the_kernels_own_stub_serves_the_plugin_too() {
    let board = SocketBoard::boot(&[]);
    board.terminal().run("touch_test 40");
    let line = path(&board.line()).to_owned();
    let said = gdb(
        &line,
        &[
            "pw satp",
            "echo <map>\\n",
            "pw map",
            "echo </map>\\n",
            "pw walk 0x10000",
            "echo <faults>\\n",
            "pw faults 3",
            "echo </faults>\\n",
            "detach",
        ],
    );
    assert!(said.contains("root table at 0x"), "{said}");
    assert!(between(&said, "map").contains("no problems"), "{said}");
    assert!(said.contains("0x10000 -> 0x"), "{said}");
    assert!(between(&said, "faults").lines().count() >= 3, "{said}");
    assert!(
        !said.contains("warning: this stub cannot read physical"),
        "{said}"
    );
    assert_eq!(board.terminal().run("hello"), "hello, world\n");
}

/// A hart of 32 bits that runs nothing at all: the tables are put into its memory.
pub struct Rv32 {
    machine: Child,
    pub monitor: Monitor,
    _folder: TempDir,
}

impl Drop for Rv32 {
    fn drop(&mut self) {
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

impl Rv32 {
    #[track_caller]
    pub fn with(tables: &[u8]) -> Rv32 {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tables");
        std::fs::write(&file, tables).expect("the tables");
        let (arguments, monitor) = with_stub(folder.path());
        let machine = Command::new("qemu-system-riscv32")
            .args(["-M", "virt", "-m", "16M", "-nodefaults", "-display", "none"])
            .args(["-bios", "none", "-S", "-device"])
            .arg(format!("loader,file={},addr=0x80100000", path(&file)))
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .expect("qemu-system-riscv32; run `./setup`");
        Rv32 {
            machine,
            monitor: Monitor::connect(&monitor),
            _folder: folder,
        }
    }
}

#[test]
fn tables_of_32_bits_are_read_as_such() {
    // The root at 0x80100000: a 4 MiB page at 0x00000000, and a table for 0xc0000000.
    let mut tables = vec![0; 2 * 4096];
    let mut put = |at: usize, entry: u32| tables[at..at + 4].copy_from_slice(&entry.to_le_bytes());
    put(0, 0x8000_0000 >> 2 | 0xcf);
    put(0x300 * 4, 0x8010_1000 >> 2 | 1);
    put(4096, 0x8000_5000 >> 2 | 0x4b);
    put(4096 + 4, 0x8000_6000 >> 2 | 0xd7);
    let mut machine = Rv32::with(&tables);
    let stub = machine.monitor.stub();
    let said = gdb(
        &stub,
        &[
            "set $satp = 0x80080100",
            "echo <map>\\n",
            "pw map",
            "echo </map>\\n",
            "echo <qemu>\\n",
            "monitor info mem",
            "echo </qemu>\\n",
            "pw walk 0xc0001004",
            "pw satp",
        ],
    );
    let file = machine._folder.path().join("tables");
    let memory = format!("{}@0x80100000", path(&file));
    let by_file = [
        "map",
        "--mem",
        &memory,
        "--satp",
        "0x80080100",
        "--xlen",
        "32",
    ];
    assert_eq!(between(&said, "map"), pagewalk(&by_file), "{said}");
    let ours = mapped(&pagewalk(&[&by_file[..], &["--format", "csv"]].concat()));
    assert_eq!(ours.len(), 3);
    assert_eq!(ours, info_mem(between(&said, "qemu")), "{said}");
    assert!(said.contains("0xc0001004 -> 0x80006004"), "{said}");
    assert!(said.contains("sv32"), "{said}");
    let from = format!("gdb://{stub}");
    assert_eq!(pagewalk(&["map", "--from", &from]), between(&said, "map"));
}

#[test]
fn without_a_target_it_says_what_is_missing() {
    let said = gdb(
        "/no/such/line",
        &["pw walk 0", "pw satp 0x80080100 --xlen 32"],
    );
    assert!(said.contains("does not report $satp"), "{said}");
    assert!(said.contains("root table at 0x80100000"), "{said}");
}
