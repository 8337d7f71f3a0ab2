//! Whatever ends a command: the machine that it started ends too, and the terminal is as it was.
//!
//! QEMU is a script here that notes its number and waits. What is tried is who ends whom, and that
//! is the same for any program.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use tempfile::TempDir;

/// Nothing here takes time: this is for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(5);

/// Every verb that starts a machine. `QEMU` and `FILE` stand for what is made for each run.
const VERBS: &[&str] = &[
    "monitor QEMU",
    "dash QEMU",
    "dash QEMU --web --port 0",
    "record QEMU FILE",
    "connect QEMU --gdb-port 0 --port 0",
    "ps --from QEMU",
    "faults --from QEMU",
    "satp --from QEMU",
    "map --from QEMU",
    "walk 0x1000 --from QEMU",
    "find 0x80000000 --from QEMU",
    "lint --from QEMU",
    "stats --from QEMU",
    "ws --from QEMU",
    "chart map --from QEMU -o SVG",
    "snapshot save --from QEMU FILE",
    "dump --from QEMU -o FILE",
    "roots --from QEMU",
    "chart levels --from QEMU -o SVG",
    "doctor QEMU",
];

/// Those that draw in a terminal, or pass its keys on.
const IN_A_TERMINAL: &[&str] = &["monitor QEMU", "dash QEMU"];

const SIGNALS: &[Signal] = &[Signal::TERM, Signal::HUP, Signal::INT, Signal::KILL];

/// Waits until something is there.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not in time");
        thread::sleep(LOOK);
    }
}

/// Whether a process runs: neither gone nor a zombie.
fn is_running(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Behind the name, which may have blanks and parentheses in it.
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

/// A terminal: our end, and the program's.
struct Terminal {
    ours: File,
    theirs: File,
}

impl Terminal {
    fn new() -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("a terminal");
        unlockpt(&ours).expect("a terminal");
        let name = ptsname(&ours, Vec::new()).expect("a name");
        let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("a terminal");
        Terminal {
            ours: File::from(ours),
            theirs: File::from(theirs),
        }
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.theirs).expect("modes")
    }

    fn is_raw(&self) -> bool {
        !self.modes().local_modes.contains(LocalModes::ICANON)
    }

    fn end(&self) -> Stdio {
        Stdio::from(self.theirs.try_clone().expect("a descriptor"))
    }
}

/// A run of the program with a machine that waits.
struct Run {
    program: Child,
    folder: TempDir,
    terminal: Option<Terminal>,
}

impl Run {
    #[track_caller]
    fn of(verb: &str, terminal: Option<Terminal>) -> Run {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let script = at("qemu-system-riscv64");
        let note =
            "#!/bin/sh\necho $$ > \"$NOTE.part\"\nmv \"$NOTE.part\" \"$NOTE\"\nexec sleep 10000\n";
        fs::write(&script, note).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a script");
        fs::write(at("Image"), "no kernel").expect("an image");
        let word = |word: &str| match word {
            "QEMU" => format!("qemu:{}", at("Image").display()),
            "FILE" => at("file.pwlog").display().to_string(),
            "SVG" => at("map.svg").display().to_string(),
            word => word.to_owned(),
        };
        let path = std::env::var("PATH").unwrap_or_default();
        let end = || terminal.as_ref().map(Terminal::end);
        let program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(verb.split(' ').map(word))
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .env("NOTE", at("process"))
            .env("TERM", "xterm-256color")
            .stdin(end().unwrap_or_else(Stdio::piped))
            .stdout(end().unwrap_or_else(Stdio::piped))
            .stderr(end().unwrap_or_else(Stdio::piped))
            .spawn()
            .expect("pagewalk starts");
        let run = Run {
            program,
            folder,
            terminal,
        };
        run.drain();
        run
    }

    /// What is drawn must not fill the terminal: a program that waits for room does not end.
    fn drain(&self) {
        if let Some(terminal) = &self.terminal {
            let mut ours = terminal.ours.try_clone().expect("a descriptor");
            thread::spawn(move || while matches!(ours.read(&mut [0; 4096]), Ok(1..)) {});
        }
    }

    /// The machine's number, once it runs.
    #[track_caller]
    fn machine(&mut self, what: &str) -> i32 {
        let note = self.folder.path().join("process");
        until(what, || {
            if let Some(status) = self.program.try_wait().expect("a program") {
                let mut said = String::new();
                if let Some(stderr) = &mut self.program.stderr {
                    stderr.read_to_string(&mut said).expect("text");
                }
                panic!("{what}: {status}: {said}");
            }
            fs::read_to_string(&note).ok()?.trim().parse().ok()
        })
    }

    #[track_caller]
    fn send(&self, signal: Signal) {
        let process = Pid::from_child(&self.program);
        kill_process(process, signal).expect("it runs");
    }

    #[track_caller]
    fn end(&mut self, what: &str) -> ExitStatus {
        until(what, || self.program.try_wait().expect("a program"))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
        // What is tried here may not hold.
        let note = self.folder.path().join("process");
        let machine = fs::read_to_string(note).ok();
        let machine = machine.and_then(|text| Pid::from_raw(text.trim().parse().ok()?));
        if let Some(machine) = machine {
            let _ = kill_process(machine, Signal::KILL);
        }
    }
}

#[track_caller]
fn ends_with_its_machine(verb: &str, signal: Signal) {
    let what = format!("{verb}, {signal:?}");
    let mut run = Run::of(verb, None);
    let machine = run.machine(&what);
    assert!(is_running(machine), "{what}");
    run.send(signal);
    let status = run.end(&what);
    // By the signal, or in its own way; a panic is neither.
    assert_ne!(status.code(), Some(101), "{what}");
    if signal == Signal::KILL {
        assert_eq!(status.signal(), Some(signal.as_raw()), "{what}");
    }
    until(&what, || (!is_running(machine)).then_some(()));
}

#[test]
fn no_machine_is_left_whatever_ends_the_command_that_started_it() {
    thread::scope(|scope| {
        for verb in VERBS {
            scope.spawn(|| {
                for signal in SIGNALS {
                    ends_with_its_machine(verb, *signal);
                }
            });
        }
    });
}

#[test]
fn no_terminal_is_left_raw_and_no_machine_in_it() {
    for verb in IN_A_TERMINAL {
        for signal in SIGNALS {
            let what = format!("{verb} in a terminal, {signal:?}");
            let terminal = Terminal::new();
            let before = format!("{:?}", terminal.modes());
            let mut run = Run::of(verb, Some(terminal));
            let machine = run.machine(&what);
            let is_raw = |run: &Run| run.terminal.as_ref().is_some_and(Terminal::is_raw);
            until(&what, || is_raw(&run).then_some(()));
            run.send(*signal);
            let status = run.end(&what);
            assert_ne!(status.code(), Some(101), "{what}");
            until(&what, || (!is_running(machine)).then_some(()));
            // SIGKILL leaves no time to put anything right.
            if *signal != Signal::KILL {
                let after = run.terminal.as_ref().map(|it| format!("{:?}", it.modes()));
                assert_eq!(after.as_ref(), Some(&before), "{what}");
            }
        }
    }
}

/// The last word of each line of its output, for so many lines.
fn last_words(program: &mut Child, lines: usize) -> Vec<String> {
    let mut said = String::new();
    let stdout = program.stdout.as_mut().expect("stdout was piped");
    while said.matches('\n').count() < lines {
        let mut byte = [0];
        stdout.read_exact(&mut byte).expect("it says where it is");
        said.push(byte[0].into());
    }
    let word = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
    said.lines().map(word).collect()
}

#[test]
fn the_ports_of_one_that_was_killed_are_free_for_the_next() {
    let port = |word: &str| {
        let word = word.trim_end_matches('/');
        word.rsplit(':').next().expect("a port").to_owned()
    };
    let mut killed = Run::of("connect QEMU --gdb-port 0 --port 0", None);
    killed.machine("connect");
    let words = last_words(&mut killed.program, 3);
    let console = words[1].clone();
    let again = format!(
        "connect QEMU --gdb-port {} --port {}",
        port(&words[0]),
        port(&words[2])
    );
    killed.send(Signal::KILL);
    killed.end("connect");
    assert!(!Path::new(&console).exists(), "{console} is left");
    let mut next = Run::of(&again, None);
    next.machine("connect again");
    assert_eq!(last_words(&mut next.program, 3)[0], words[0]);

    let mut killed = Run::of("dash QEMU --web --port 0", None);
    killed.machine("dash --web");
    let page = last_words(&mut killed.program, 1).remove(0);
    killed.send(Signal::KILL);
    killed.end("dash --web");
    let again = format!("dash QEMU --web --port {}", port(&page));
    let mut next = Run::of(&again, None);
    next.machine("dash --web again");
    assert_eq!(last_words(&mut next.program, 1), [page]);
}

#[test]
fn a_machine_that_is_not_installed_is_said_by_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("Image");
    fs::write(&image, "no kernel").expect("an image");
    let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["monitor", &format!("qemu:{}", image.display())])
        .env("PATH", folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("pagewalk starts");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(
        said.contains("qemu-system-riscv64") && said.contains("./setup"),
        "{said}"
    );
}

#[test]
fn nothing_is_left_of_a_report_or_an_export_that_a_signal_ends() {
    let mut log = String::new();
    for number in 0..20_000 {
        log += &format!(
            "EXCEPTION: Store/AMO page fault. MCAUSE: 000000000000000f, EPC: 0000000080000000, MTVAL: {number:013x}000\n"
        );
    }
    for (verb, output) in [
        ("export line --csv -o out", "out"),
        ("export line --json -o out", "out"),
        ("export line --perfetto -o out", "out"),
        ("export line --folded -o out", "out"),
        ("export line --parquet -o folder", "folder/out"),
        ("report line -o out", "out"),
    ] {
        for &signal in SIGNALS {
            let folder = tempfile::tempdir().expect("a folder");
            fs::create_dir(folder.path().join("folder")).expect("a folder");
            fs::write(folder.path().join(output), "old").expect("a file");
            let line = folder.path().join("line");
            mknodat(CWD, &line, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
            let mut program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
                .args(verb.split(' '))
                .current_dir(&folder)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("pagewalk starts");
            // More than a pipe holds: once it is written, most of it has been read. Open for both, because the program
            // may open it twice, and no reader would be there in between.
            let mut options = File::options();
            options.read(true).write(true);
            let pipe = options.custom_flags(OFlags::NONBLOCK.bits() as i32);
            let mut to = pipe.open(&line).expect("a pipe");
            let mut rest = log.as_bytes();
            until(verb, || {
                while let Ok(count) = to.write(rest) {
                    rest = &rest[count..];
                    if rest.is_empty() {
                        return Some(());
                    }
                }
                None
            });
            kill_process(Pid::from_child(&program), signal).expect("a signal");
            let ended = program.wait().expect("an end");
            assert!(!ended.success(), "{verb}: {signal:?}: {ended}");
            drop(to);
            assert_eq!(
                fs::read(folder.path().join(output)).expect("the old file"),
                b"old",
                "{verb}: {signal:?}"
            );
            let mut left: Vec<String> = files(folder.path());
            left.sort();
            let mut wanted = [output, "line"];
            wanted.sort_unstable();
            assert_eq!(left, wanted, "{verb}: {signal:?}");
        }
    }
}

/// The paths of all files in a folder and its folders.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        match entry.file_type().expect("a type").is_dir() {
            true => found.extend(files(&entry.path()).iter().map(|it| format!("{name}/{it}"))),
            false => found.push(name),
        }
    }
    found
}
