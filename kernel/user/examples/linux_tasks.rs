//! Tasks of a Linux guest and what Linux itself says of them: the first process of a guest that is read from outside.
//!
//! Linked as our programs are, but it speaks Linux's system calls. It starts processes with names of their own, then
//! prints what /proc has of each task: what its mappings are, and which frame is behind each of their pages. A reader of
//! the guest's memory compares with that. Lines:
//!
//! ```text
//! linux: task PID COMM
//! linux: map PID START-END PERMS OFFSET DEVICE INODE NAME
//! linux: page PID ADDRESS FRAME
//! linux: ready
//! ```
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::fmt::{self, Write as _};
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use user::{Arguments, raw_call, read_at, write_at};

user::main!(run);

const PAGE: usize = 4096;

/// Numbers of Linux's system calls, from its `asm-generic/unistd.h`.
mod call {
    pub const MKDIRAT: usize = 34;
    pub const MOUNT: usize = 40;
    pub const OPENAT: usize = 56;
    pub const CLOSE: usize = 57;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PREAD: usize = 67;
    pub const EXIT: usize = 93;
    pub const NANOSLEEP: usize = 101;
    pub const PRCTL: usize = 167;
    pub const CLONE: usize = 220;
    pub const MMAP: usize = 222;
}

/// The working directory, as a directory's number: -100.
const HERE: usize = 100_usize.wrapping_neg();
const SIGCHLD: usize = 17;
const SET_NAME: usize = 15;

fn run(_: Arguments) -> u8 {
    let (proc, kind) = (c"/proc".as_ptr() as usize, c"proc".as_ptr() as usize);
    raw_call(call::MKDIRAT, [HERE, proc, 0o755, 0, 0]);
    raw_call(call::MOUNT, [kind, proc, kind, 0, 0]);
    let mut pids = [1; 5];
    for (pid, (name, pages)) in pids[1..].iter_mut().zip([
        (c"reader", 3),
        (c"writer", 40),
        (c"two words", 600),
        (c"gone", 0),
    ]) {
        *pid = fork();
        if *pid == 0 {
            child(name.as_ptr() as usize, pages);
        }
    }
    // Children get time to take their names and to map what they map.
    sleep(1);
    pids.iter().for_each(|pid| describe(*pid));
    let _ = writeln!(LinuxConsole, "linux: ready");
    loop {
        sleep(1000);
    }
}

/// A process with memory of its own and a file, that waits; without pages, one that has ended and is not waited for.
fn child(name: usize, pages: usize) -> ! {
    raw_call(call::PRCTL, [SET_NAME, name, 0, 0, 0]);
    if pages == 0 {
        raw_call(call::EXIT, [0; 5]);
    }
    const READ_WRITE: usize = 3;
    const PRIVATE: usize = 2;
    const ANONYMOUS: usize = 0x20;
    let own = raw_call(
        call::MMAP,
        [0, pages * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, usize::MAX],
    );
    // Each second page stays untouched: a mapping is more than what is resident.
    (0..pages)
        .step_by(2)
        .for_each(|page| write_at(own + page * PAGE, 1));
    let file = open(c"/data".as_ptr() as usize);
    let data = raw_call(call::MMAP, [0, 8 * PAGE, 1, PRIVATE, file]);
    black_box(read_at(data));
    loop {
        sleep(1000);
    }
}

/// What /proc has of a task.
fn describe(pid: usize) {
    let mut text = [0; 1 << 14];
    let comm = read(Path::of(pid, "comm"), &mut text);
    let _ = writeln!(LinuxConsole, "linux: task {pid} {}", comm.trim_end());
    let maps = read(Path::of(pid, "maps"), &mut text);
    let frames = open(Path::of(pid, "pagemap").at());
    for line in maps.lines() {
        let _ = writeln!(LinuxConsole, "linux: map {pid} {line}");
        let ends = line.split(' ').next().and_then(|it| it.split_once('-'));
        let Some((from, end)) = ends else { continue };
        let number = |digits| usize::from_str_radix(digits, 16).unwrap_or(0);
        (number(from)..number(end))
            .step_by(PAGE)
            .for_each(|at| page(pid, frames, at));
    }
    raw_call(call::CLOSE, [frames, 0, 0, 0, 0]);
}

/// The frame of one page, if it is resident: Linux, Documentation/admin-guide/mm/pagemap.rst.
fn page(pid: usize, frames: usize, at: usize) {
    let entry = AtomicU64::new(0);
    let into = entry.as_ptr() as usize;
    raw_call(call::PREAD, [frames, into, 8, at / PAGE * 8, 0]);
    let entry = entry.load(Ordering::Relaxed);
    if entry >> 63 == 1 {
        let frame = entry & ((1 << 55) - 1);
        let _ = writeln!(LinuxConsole, "linux: page {pid} {at:x} {frame:x}");
    }
}

/// A path in /proc, with its end.
struct Path {
    text: [u8; 64],
    bytes: usize,
}

impl Path {
    fn of(pid: usize, name: &str) -> Path {
        let mut path = Path {
            text: [0; 64],
            bytes: 0,
        };
        // Longer than any of them.
        let _ = write!(path, "/proc/{pid}/{name}\0");
        path
    }

    fn at(&self) -> usize {
        self.text.as_ptr() as usize
    }
}

impl fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.text.get_mut(self.bytes..self.bytes + text.len());
        room.ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.bytes += text.len();
        Ok(())
    }
}

fn open(path: usize) -> usize {
    raw_call(call::OPENAT, [HERE, path, 0, 0, 0])
}

/// A whole text of /proc: it is given a piece at a time.
fn read(path: Path, into: &mut [u8]) -> &str {
    let file = open(path.at());
    let mut bytes = 0;
    while bytes < into.len() {
        let at = into[bytes..].as_mut_ptr() as usize;
        match raw_call(call::READ, [file, at, into.len() - bytes, 0, 0]) {
            0 => break,
            some if some > into.len() => break,
            some => bytes += some,
        }
    }
    raw_call(call::CLOSE, [file, 0, 0, 0, 0]);
    core::str::from_utf8(&into[..bytes]).unwrap_or_default()
}

fn fork() -> usize {
    raw_call(call::CLONE, [SIGCHLD, 0, 0, 0, 0])
}

fn sleep(seconds: u64) {
    let time = [AtomicU64::new(seconds), AtomicU64::new(0)];
    raw_call(call::NANOSLEEP, [time.as_ptr() as usize, 0, 0, 0, 0]);
}

struct LinuxConsole;

impl fmt::Write for LinuxConsole {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const STDOUT: usize = 1;
        let (at, bytes) = (text.as_ptr() as usize, text.len());
        raw_call(call::WRITE, [STDOUT, at, bytes, 0, 0]);
        Ok(())
    }
}
