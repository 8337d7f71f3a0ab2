//! Every command on page tables says of a hart at a probe what it says of the dump of its memory.
#![cfg(feature = "probe")]

#[expect(dead_code, reason = "JSON is compared as it is written")]
mod program;
mod simulated;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use link::probe::sim::{Profile, SharedTap, lock};
use program::{Run, pagewalk};
use simulated::{FIXTURES, Fixture, hart, start};

/// The note about a core that holds a part of its segments.
const PARTIAL: &str = "bytes are not in the file (p_filesz < p_memsz)";
/// A simulated module's board is none that is known.
const UNKNOWN_RAM: &str = "warning: what is memory there is not known";
const FORMS: [&str; 3] = ["table", "json", "csv"];
const PICTURES: [&[&str]; 5] = [
    &["chart", "map", "FROM"],
    &["chart", "map", "--physical", "FROM"],
    &["chart", "ws", "FROM"],
    &["chart", "levels", "FROM"],
    &["chart", "diff", "MEMORY", "OTHER"],
];

/// A machine at a simulated port, and the dump of its memory.
struct Both {
    tap: SharedTap,
    /// The probe, as `--from` has it.
    probe: String,
    /// Options that name the tables in the dump.
    dump: Vec<String>,
    folder: tempfile::TempDir,
    what: String,
}

impl Both {
    fn new(profile: Profile, fixture: &Fixture) -> Both {
        let (tap, probe) = start(profile, fixture);
        // A C906 says itself how it writes memory types; a dump needs the option.
        let dialect = match (profile.vendor, fixture.satp >> 32) {
            (0x5b7, 1..) => "thead",
            _ => "auto",
        };
        let satp = format!("{:#x}", fixture.satp);
        let dump = [
            "--from",
            fixture.core,
            "--satp",
            &satp,
            "--dialect",
            dialect,
        ];
        let both = Both {
            tap,
            probe: format!("probe:{probe}"),
            dump: dump.map(str::to_owned).to_vec(),
            folder: tempfile::tempdir().expect("a folder"),
            what: format!("{} {}", profile.name, fixture.core),
        };
        let memory = both.file("memory.json");
        let dump: Vec<&str> = both.dump.iter().map(String::as_str).collect();
        said(&[&["snapshot", "save", &memory][..], &dump].concat());
        both.change(&memory, dialect);
        both
    }

    fn file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("a name").to_owned()
    }

    /// Tables that differ: of Linux another process's, of NuttX with an unwritten page.
    fn change(&self, memory: &str, dialect: &str) {
        let other = self.file("other.json");
        match self.dump[1].starts_with("linux") {
            true => {
                let satp = ["--satp", "0x800000000008feee", "--dialect", dialect];
                let input = ["--from", &self.dump[1]];
                said(&[&["snapshot", "save", &other][..], &input, &satp].concat());
            }
            false => {
                let tables = fs::read_to_string(memory).expect("a snapshot");
                let changed = tables.replace("0x202898d7", "0x20289857");
                assert!(changed != tables);
                fs::write(other, changed).expect("a file");
            }
        }
    }

    /// Runs a command on the probe or on the dump; what it draws is behind what it says. `FROM` in
    /// it names the tables, `MEMORY` too where an option is not wanted, `OTHER` those that differ.
    fn run(&self, words: &[&str], is_probe: bool, more: &[&str]) -> Run {
        let (other, memory) = (self.file("other.json"), self.file("memory.json"));
        let mut all: Vec<&str> = Vec::new();
        for word in words {
            match *word {
                "FROM" if is_probe => all.extend(["--from", &self.probe]),
                "FROM" => all.extend(self.dump.iter().map(String::as_str)),
                "MEMORY" if is_probe => all.push(&self.probe),
                "MEMORY" => all.push(&memory),
                "OTHER" => all.push(&other),
                word => all.push(word),
            }
        }
        let picture = self.file("picture.svg");
        if words[0] == "chart" {
            all.extend(["-o", &picture]);
        }
        all.extend(more);
        let mut run = pagewalk(&all, "");
        if words[0] == "chart" {
            run.stdout += &fs::read_to_string(&picture).expect(&run.stderr);
        }
        run
    }

    /// Both say the same, and something. Lint has an exit code for what it found.
    #[track_caller]
    fn same(&self, words: &[&str]) {
        let name = |run: Run, origin: &str| {
            let stdout = run.stdout.replace(origin, "ORIGIN");
            (stdout, run.stderr, run.code)
        };
        let mut probed = name(self.run(words, true, &[]), &self.probe);
        if let Some((remark, rest)) = probed.1.split_once('\n') {
            assert!(remark.starts_with(UNKNOWN_RAM), "{words:?}: {remark}");
            // A picture of differences, or `diff`, may be of the probe twice.
            probed.1 = rest
                .lines()
                .filter(|it| !it.starts_with(UNKNOWN_RAM))
                .map(|it| format!("{it}\n"))
                .collect();
        }
        let origin = match words.contains(&"MEMORY") {
            true => "memory.json",
            false => "pagetables.core",
        };
        let mut dumped = name(self.run(words, false, &[]), origin);
        // The file says that it holds a part; a probe reads the memory itself.
        let said = dumped.1.lines().filter(|it| !it.contains(PARTIAL));
        dumped.1 = said.map(|it| format!("{it}\n")).collect();
        assert!(
            probed == dumped,
            "{} {words:?}\n{probed:?}\n{dumped:?}",
            self.what
        );
        let may_judge = words[0] == "lint" && probed.1.ends_with("more than information\n");
        assert!(probed.2 == 0 || may_judge, "{words:?}: {}", probed.1);
        assert!(!probed.0.is_empty(), "{words:?}");
    }
}

#[track_caller]
fn said(words: &[&str]) -> String {
    let run = pagewalk(words, "");
    assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
    run.stdout
}

/// Puts commands to both; the hart and its memory stay as they were.
fn compare(profile: Profile, fixture: &Fixture, commands: &[&[&str]]) {
    let both = Both::new(profile, fixture);
    let before = hart(&both.tap);
    for command in commands {
        both.same(command);
    }
    assert_eq!(before, hart(&both.tap), "{}", both.what);
    assert!(lock(&both.tap).module.ram.is_untouched(), "{}", both.what);
}

/// A load of an address that is not mapped.
const TRAP: [&str; 7] = [
    "explain",
    "--scause",
    "0xd",
    "--sepc",
    "0x80200040",
    "--stval",
    "0x10",
];

#[test]
fn every_command_on_nuttx_says_what_it_says_of_the_dump() {
    let explain = [&TRAP[..], &["FROM"]].concat();
    let plain: [&[&str]; 9] = [
        &["walk", "0xc0801000", "FROM"],
        &["map", "FROM"],
        &["find", "0x80a26000", "FROM"],
        &[
            "find",
            "--pattern",
            "d7982820",
            "--range",
            "0x80a24000+4K",
            "FROM",
        ],
        &["diff", "OTHER", "MEMORY"],
        &["diff", "MEMORY", "OTHER"],
        &["lint", "FROM"],
        &["stats", "FROM"],
        &["ws", "FROM"],
    ];
    let mut commands: Vec<Vec<&str>> = Vec::new();
    for form in FORMS {
        commands.extend(plain.map(|words| [words, &["--format", form]].concat()));
    }
    commands.extend([
        vec!["map", "--merge", "none", "--user", "FROM"],
        vec!["map", "--merge", "va", "FROM"],
        vec!["find", "0x80a00000+2M", "--user", "FROM"],
        vec!["ws", "--user", "--write", "FROM"],
        vec!["diff", "MEMORY", "MEMORY"],
        [&explain[..], &["--json"]].concat(),
        explain,
    ]);
    commands.extend(PICTURES.map(<[&str]>::to_vec));
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    for profile in Profile::ALL {
        compare(profile, &FIXTURES[1], &commands);
    }
}

/// Each command in one form: a map of Linux is 458 tables, bit by bit.
fn on_linux(profile: Profile) {
    let explain = [&TRAP[..], &["FROM"]].concat();
    let commands: [&[&str]; 9] = [
        &["walk", "0xffffffd600000000", "--format", "csv", "FROM"],
        &["find", "0x80200000+2M", "--format", "json", "FROM"],
        &["diff", "MEMORY", "OTHER"],
        &["lint", "FROM"],
        &["stats", "FROM"],
        &["ws", "--format", "csv", "FROM"],
        &["chart", "ws", "FROM"],
        &["chart", "levels", "FROM"],
        &explain,
    ];
    compare(profile, &FIXTURES[0], &commands);
}

#[test]
fn every_command_on_linux_says_what_it_says_of_the_dump() {
    on_linux(Profile::FULL);
}

#[test]
fn every_command_on_linux_says_the_same_by_a_program_buffer() {
    on_linux(Profile::PROGRAM);
}

#[test]
fn every_command_on_linux_says_the_same_of_a_c906() {
    on_linux(Profile::C906);
}

#[test]
fn the_trap_that_a_hart_came_to_last_is_explained() {
    for (fixture, stval) in FIXTURES
        .iter()
        .zip([0xffff_ffd6_0000_0000_u64, 0xc080_1000])
    {
        let both = Both::new(Profile::PROGRAM, fixture);
        let (sp, ra) = {
            let hart = &mut lock(&both.tap).module.harts[0];
            hart.csr
                .extend([(0x142, 15), (0x141, 0x8020_0040), (0x143, stval)]);
            (hart.gpr[2], hart.gpr[1])
        };
        let before = hart(&both.tap);
        let live = both.run(&["explain", "FROM"], true, &[]);
        assert_eq!(live.code, 0, "{}", live.stderr);
        let stval = format!("{stval:#x}");
        let given = [
            "explain", "--scause", "f", "--sepc", "80200040", "--stval", &stval, "FROM",
        ];
        let dumped = both.run(&given, false, &[]);
        let split = |text: &str| {
            let (trap, walk) = text.split_once("\n\n").expect("a trap and a walk");
            (trap.to_owned(), walk.to_owned())
        };
        let ((trap, walk), (told, walked)) = (split(&live.stdout), split(&dumped.stdout));
        assert_eq!(walk, walked);
        let bits = before.xlen.bits() as usize;
        let digits = bits / 4 + 2;
        let mut rest = trap.lines().filter(|line| !told.contains(line));
        for (name, value) in [("ra", ra), ("sp", sp), ("satp", fixture.satp)] {
            let value = value & (u64::MAX >> (64 - bits));
            let line = rest.next().expect(name);
            let mut cells = line.split_whitespace();
            assert_eq!(cells.next(), Some(name));
            assert_eq!(cells.next(), Some(&*format!("{value:#0digits$x}")));
        }
        assert_eq!(before, hart(&both.tap));
    }
}

/// Its zeros were explained as a jump to nowhere, with a walk of address 0.
#[test]
fn a_hart_that_has_taken_no_trap_yet_says_so() {
    for fixture in &FIXTURES {
        let both = Both::new(Profile::PROGRAM, fixture);
        let trap = [(0x142, 0), (0x141, 0), (0x143, 0)];
        lock(&both.tap).module.harts[0].csr.extend(trap);
        let told = both.run(&["explain", "FROM"], true, &[]);
        assert_eq!(told.code, 0, "{}", told.stderr);
        assert!(told.stdout.starts_with("No trap yet\n"), "{}", told.stdout);
        assert!(
            told.stdout
                .ends_with("has taken no trap in supervisor mode\n")
        );
        for wrong in ["nowhere", "null pointer", "misaligned", "->"] {
            assert!(!told.stdout.contains(wrong), "{wrong}: {}", told.stdout);
        }
    }
}

#[test]
fn tables_by_a_bus_that_may_be_wrong_are_marked_by_every_command() {
    let both = Both::new(Profile::C906, &FIXTURES[1]);
    let commands: [&[&str]; 9] = [
        &["walk", "0xc0801000", "FROM"],
        &["map", "FROM"],
        &["map", "FROM", "--satp", "0x80080a1f,0x80080a1f"],
        &["find", "0x80a26000", "FROM"],
        &["diff", "MEMORY", "OTHER"],
        &["diff", "OTHER", "MEMORY"],
        &["lint", "FROM"],
        &["stats", "FROM"],
        &["ws", "FROM"],
    ];
    let marked = |words: &[&str], mark: &str| {
        let by_hart = both.run(words, true, &[]).stdout;
        assert!(!by_hart.contains("stale"), "{words:?}: {by_hart}");
        let by_bus = both.run(words, true, &["--by", "bus"]).stdout;
        assert!(by_bus.contains(mark), "{words:?}: {by_bus}");
    };
    for command in commands {
        let all = |form| [command, &["--format", form]].concat();
        marked(&all("table"), "possibly stale: read through the system bus");
        marked(&all("json"), "\"possibly_stale\": true");
        marked(&all("csv"), ",possibly_stale\n");
    }
    for picture in PICTURES {
        marked(picture, ", possibly stale");
    }
    marked(&[&TRAP[..], &["FROM"]].concat(), "possibly stale: ");
}

#[test]
fn a_snapshot_of_tables_that_may_be_stale_says_so_when_it_is_read() {
    let both = Both::new(Profile::C906, &FIXTURES[1]);
    let taken = |name: &str, more: &[&str]| {
        let file = both.file(name);
        let save = ["snapshot", "save", &file, "--from", &both.probe];
        (said(&[&save, more].concat()), file)
    };
    let (told, by_hart) = taken("by-hart.json", &[]);
    assert!(told.ends_with(" of 1 root\n"), "{told}");
    let (told, by_bus) = taken("by-bus.json", &["--by", "bus"]);
    assert!(told.ends_with(" of 1 root, possibly stale\n"), "{told}");
    let tables = |file: &str| {
        let text = fs::read_to_string(file).expect("a snapshot");
        let (_, tables) = text.split_once("\"roots\"").expect("roots");
        tables.to_owned()
    };
    assert_eq!(tables(&by_hart), tables(&both.file("memory.json")));
    assert_eq!(tables(&by_bus), tables(&by_hart));
    for (form, mark) in
        FORMS
            .into_iter()
            .zip(["possibly stale", "\"possibly_stale\": true", ",true\n"])
    {
        let map = |file: &str| said(&["map", "--from", file, "--format", form]);
        assert!(map(&by_bus).contains(mark), "{form}");
        assert!(!map(&by_hart).contains("stale"), "{form}");
    }
}

#[test]
fn each_look_at_a_working_set_says_whether_it_may_be_stale() {
    let both = Both::new(Profile::C906, &FIXTURES[1]);
    let looks = |form: &str, more: &[&str]| {
        let watch = [
            "ws",
            "FROM",
            "--watch",
            "0",
            "--samples",
            "2",
            "--format",
            form,
        ];
        let run = both.run(&watch, true, more);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let by_bus = ["--by", "bus"];
    let ends = |text: &str, end: &str| text.lines().skip(1).filter(|it| it.ends_with(end)).count();
    assert_eq!(ends(&looks("csv", &[]), ",false"), 2);
    let samples = looks("csv", &by_bus);
    assert_eq!(ends(&samples, ",true"), 2);
    assert_eq!(
        looks("json", &by_bus)
            .matches("\"possibly_stale\": true")
            .count(),
        2
    );
    assert!(!looks("json", &[]).contains("stale"));
    assert_eq!(looks("table", &by_bus).matches("possibly stale").count(), 1);
    assert!(!looks("table", &[]).contains("stale"));
    for (samples, is_stale) in [(samples, true), (looks("csv", &[]), false)] {
        let file = both.file("samples.csv");
        fs::write(&file, samples).expect("a file");
        let drawn = both.run(&["chart", "timeline", &file], true, &[]);
        assert_eq!(drawn.code, 0, "{}", drawn.stderr);
        assert_eq!(
            drawn.stdout.contains("samples.csv, possibly stale"),
            is_stale
        );
    }
}

#[test]
fn ctrl_c_between_two_looks_ends_the_command_at_once() {
    let both = Both::new(Profile::PROGRAM, &FIXTURES[1]);
    let before = hart(&both.tap);
    let mut child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["ws", "--from", &both.probe, "--watch", "3600"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    let stdout = child.stdout.take().expect("a pipe");
    // The heading, and the first look: the hart is let go by then.
    for line in BufReader::new(stdout).lines().take(2) {
        line.expect("text");
    }
    assert_eq!(before, hart(&both.tap));
    let number = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &number]).status();
    assert!(sent.expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(before, hart(&both.tap));
}

#[test]
fn what_is_memory_may_be_said_and_nothing_else_is_read() {
    let both = Both::new(Profile::FULL, &FIXTURES[1]);
    let all = both.run(&["map", "FROM"], false, &[]).stdout;
    let within = |ram: &str| both.run(&["map", "FROM", "--ram", ram], true, &[]);
    let told = both.run(&["map", "FROM"], true, &[]);
    assert!(told.stderr.starts_with(UNKNOWN_RAM), "{}", told.stderr);
    let known = within("0x80600000+6M");
    assert_eq!((&known.stdout, &*known.stderr), (&all, ""));
    let reads = lock(&both.tap).module.ram.reads();
    let elsewhere = within("0x40000000+2M");
    assert_eq!(elsewhere.code, 1, "{}", elsewhere.stdout);
    let why = "the root table at 0x80a1f000 is not in the memory given";
    assert!(elsewhere.stderr.contains(why), "{}", elsewhere.stderr);
    // XLEN and satp are registers.
    assert_eq!(lock(&both.tap).module.ram.reads(), reads);
}
