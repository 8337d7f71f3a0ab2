//! What Linux takes for the same work: the first and only process of a Linux that `just bench` boots.
//!
//! Linked as our programs are, but it speaks Linux's system calls, and never returns: when it has measured it switches
//! the machine off. Under `-icount shift=0` one instruction is one nanosecond, so a span of Linux's clock is a count;
//! a thousand and more repetitions make its 100 ns steps small. A line for each: `linux: NAME INSTRUCTIONS`.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::fmt::{self, Write as _};
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use user::{Arguments, raw_call, read_at, write_at};

user::main!(run);

const PAGE: usize = 4096;
const PAGES: usize = 4096;

/// Numbers of Linux's system calls, from its `asm-generic/unistd.h`.
mod call {
    pub const OPENAT: usize = 56;
    pub const WRITE: usize = 64;
    pub const EXIT: usize = 93;
    pub const NANOSLEEP: usize = 101;
    pub const CLOCK_GETTIME: usize = 113;
    pub const SCHED_YIELD: usize = 124;
    pub const REBOOT: usize = 142;
    pub const GETPID: usize = 172;
    pub const MUNMAP: usize = 215;
    pub const CLONE: usize = 220;
    pub const MMAP: usize = 222;
    pub const MADVISE: usize = 233;
    pub const WAIT4: usize = 260;
}

const READ: usize = 1;
const READ_WRITE: usize = 3;
const SHARED: usize = 1;
const PRIVATE: usize = 2;
const ANONYMOUS: usize = 0x20;
const NO_FILE: usize = usize::MAX;
const DONT_NEED: usize = 4;
const NO_HUGE_PAGES: usize = 15;
const SIGCHLD: usize = 17;
/// The working directory, as a directory's number: -100.
const HERE: usize = 100_usize.wrapping_neg();

fn run(_: Arguments) -> u8 {
    // Linux still has work left over from its start, which would be counted as ours: it gets time for that, and what
    // the second round says is what holds.
    for _ in 0..2 {
        sleep(2);
        calls();
        memory();
        processes();
        files();
    }
    // The two magic numbers, and "power off".
    raw_call(call::REBOOT, [0xfee1_dead, 672_274_793, 0x4321_fedc, 0, 0]);
    1
}

fn calls() {
    repeat("getpid", 10_000, || {
        raw_call(call::GETPID, [0; 5]);
    });
    repeat("yield", 10_000, || {
        raw_call(call::SCHED_YIELD, [0; 5]);
    });
}

fn memory() {
    let bytes = PAGES * PAGE;
    let at = zeros(bytes);
    pages("zero", at, |page| write_at(page, 1));
    raw_call(call::MADVISE, [at, bytes, DONT_NEED, 0, 0]);
    pages("read", at, look);
    raw_call(call::MUNMAP, [at, bytes, 0, 0, 0]);
    repeat("mmap.1gib", 1000, || {
        let at = map(1 << 30, READ_WRITE, PRIVATE | ANONYMOUS, NO_FILE);
        raw_call(call::MUNMAP, [at, 1 << 30, 0, 0, 0]);
    });
    repeat("mmap.touch", 1000, || {
        let at = map(PAGE, READ_WRITE, PRIVATE | ANONYMOUS, NO_FILE);
        write_at(at, 1);
        raw_call(call::MUNMAP, [at, PAGE, 0, 0, 0]);
    });
}

/// Started, ended and waited for; without a program of their own, which only makes it less.
fn processes() {
    repeat("fork.wait", 100, || {
        if fork() == 0 {
            raw_call(call::EXIT, [0; 5]);
        }
        wait();
    });
}

/// Pages of a file in memory: where they are, sixteen to a fault, and copied.
fn files() {
    let path = c"/data".as_ptr() as usize;
    let file = raw_call(call::OPENAT, [HERE, path, 0, 0, 0]);
    let shared = map(PAGES * PAGE, READ, SHARED, file);
    pages("file.in_place", shared, look);
    let copied = map(PAGES * PAGE, READ_WRITE, PRIVATE, file);
    pages("file.copied", copied, |page| write_at(page, 1));
    for at in [shared, copied] {
        raw_call(call::MUNMAP, [at, PAGES * PAGE, 0, 0, 0]);
    }
}

fn map(bytes: usize, rights: usize, flags: usize, file: usize) -> usize {
    raw_call(call::MMAP, [0, bytes, rights, flags, file])
}

fn zeros(bytes: usize) -> usize {
    let at = map(bytes, READ_WRITE, PRIVATE | ANONYMOUS, NO_FILE);
    raw_call(call::MADVISE, [at, bytes, NO_HUGE_PAGES, 0, 0]);
    at
}

fn fork() -> usize {
    raw_call(call::CLONE, [SIGCHLD, 0, 0, 0, 0])
}

fn wait() {
    raw_call(call::WAIT4, [usize::MAX, 0, 0, 0, 0]);
}

fn sleep(seconds: u64) {
    let time = [AtomicU64::new(seconds), AtomicU64::new(0)];
    raw_call(call::NANOSLEEP, [time.as_ptr() as usize, 0, 0, 0, 0]);
}

fn look(at: usize) {
    black_box(read_at(at));
}

fn touch_all(at: usize, touch: fn(usize)) {
    (0..PAGES).for_each(|page| touch(at + page * PAGE));
}

/// What one round of many takes.
fn repeat(name: &str, rounds: usize, mut round: impl FnMut()) {
    let start = now();
    (0..rounds).for_each(|_| round());
    say(name, (now() - start) / rounds as u64);
}

/// What one page of [`PAGES`] takes.
fn pages(name: &str, at: usize, touch: fn(usize)) {
    let start = now();
    touch_all(at, touch);
    say(name, (now() - start) / PAGES as u64);
}

fn say(name: &str, count: u64) {
    // The console takes whatever comes; a line that it does not take is missed by who reads it.
    let _ = writeln!(LinuxConsole, "linux: {name} {count}");
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

fn now() -> u64 {
    const MONOTONIC: usize = 1;
    let time = [const { AtomicU64::new(0) }; 2];
    raw_call(
        call::CLOCK_GETTIME,
        [MONOTONIC, time.as_ptr() as usize, 0, 0, 0],
    );
    let [seconds, nanoseconds] = time.each_ref().map(|word| word.load(Ordering::Relaxed));
    seconds * 1_000_000_000 + nanoseconds
}
