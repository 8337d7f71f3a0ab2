//! Figures of the kernel, in instructions, exact and the same on every run.

use super::answers::{fault_log, number_after};
use super::qemu::{Board, Qemu};

/// Around a store that does not fault the counter moves by two.
const AROUND: u64 = 2;

/// What was measured on harts with one instruction a nanosecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Bits of a register: 64 with Sv39, 32 with Sv32.
    pub bits: u32,
    /// From the kernel's first instruction to the prompt's first byte.
    pub boot: u64,
    /// A fault in zeros on the fast path, a zeroed frame being ready.
    pub fast: u64,
    /// The same when the frame has to be zeroed there and then.
    pub zero: u64,
    /// The same with `cbo.zero`, 64 bytes at a time.
    pub cboz: u64,
    /// A fault in zeros on the general path, without what zeroing itself takes.
    pub general: u64,
    /// A page of the program's file, mapped where it lies, without its neighbours.
    pub in_place: u64,
    /// The same with the seven neighbours that come along.
    pub in_place_around: u64,
    /// A page of the program's file, copied.
    pub copied: u64,
    /// The call that maps 1 GiB (Sv32: 512 MiB).
    pub mmap: u64,
    /// A page mapped, written to and unmapped, a zeroed frame being ready.
    pub mmap_touch: u64,
    /// A process that only ends: started, run, and waited for.
    pub spawn: u64,
    /// A yield when no other task is ready.
    pub yield_alone: u64,
    /// `getpid`.
    pub call: u64,
    /// From one process that yields to another, and back, halved: neither has written to a float register.
    pub switch: u64,
    /// The same when both have written to one.
    pub switch_floats: u64,
    /// A thread that only ends: made with a stack of a page, run, and joined.
    pub thread: u64,
    /// The call that wakes one thread that waits on an address.
    pub wake: u64,
    /// Five words to a server in another process, and its answer.
    pub ipc_scalar: u64,
    /// The same with a page that is lent and returned.
    pub ipc_lend: u64,
    /// A fault that the program's handler skips.
    pub handler: u64,
    /// A fork of a process with 1,024 pages of its own and its program.
    pub fork: u64,
    /// A store to a page that another process has too: copied.
    pub cow: u64,
    /// A store to a page that another process had too: in place.
    pub cow_last: u64,
    /// The largest difference between what a program felt and what its fault's record says.
    pub unrecorded: u64,
}

impl Figures {
    /// What each counts, how much it is, and how much it may be: what `just test` gates, and `just bench` shows.
    ///
    /// A limit is what was reached and a little, so that a change that costs something is noticed.
    pub fn rows(&self) -> [(&'static str, u64, u64); 23] {
        let of = |rv64, rv32| if self.bits == 64 { rv64 } else { rv32 };
        [
            ("boot", self.boot, of(175_000, 270_000)),
            ("fault.fast", self.fast, of(90, 96)),
            ("fault.zero", self.zero, of(640, 1_190)),
            ("fault.zero.cboz", self.cboz, of(225, 240)),
            ("fault.general", self.general, of(430, 430)),
            ("fault.image.in_place", self.in_place, of(450, 450)),
            ("fault.image.around", self.in_place_around, of(470, 475)),
            ("fault.image.copied", self.copied, of(1_550, 2_600)),
            ("mmap", self.mmap, of(1_000, 1_300)),
            ("mmap.touch", self.mmap_touch, of(2_800, 3_100)),
            ("spawn.wait", self.spawn, of(21_500, 25_000)),
            ("yield", self.yield_alone, of(175, 175)),
            ("call.null", self.call, of(165, 165)),
            ("switch.process", self.switch, of(315, 350)),
            ("switch.process.floats", self.switch_floats, of(430, 350)),
            ("thread.create_join", self.thread, of(3_800, 4_500)),
            ("wake.address", self.wake, of(500, 500)),
            ("ipc.scalar", self.ipc_scalar, of(910, 1_000)),
            ("ipc.lend", self.ipc_lend, of(5_200, 6_000)),
            ("handler", self.handler, of(1_550, 1_520)),
            // 30 a page, 650 a table, 6,000 for a process: 1,024 pages and the few of the program; tables of the pages,
            // the program and the stack, and those above.
            (
                "fork.page",
                self.fork,
                of(30 * 1_035 + 650 * 8 + 6_000, 60_000),
            ),
            ("cow", self.cow, of(1_600, 2_750)),
            ("cow.last", self.cow_last, of(430, 440)),
        ]
    }
}

/// A machine to be measured on, with these boot arguments. `cboz` says whether it has Zicboz.
fn machine(bits: u32, cboz: bool, append: &str) -> Board {
    let machine = if bits == 32 {
        Qemu::with_image_of_32_bits()
    } else {
        Qemu::with_image()
    };
    let zicboz = if cboz { "on" } else { "off" };
    machine
        .cpu(&format!("rv{bits},zicboz={zicboz}"))
        .append(append)
        .counting()
        .boot()
}

/// The cheapest of so many touches as the program feels it, and what its record says.
fn cheapest(board: &mut Board, pages: u32) -> (u64, u64) {
    let said = board.run(&format!("touch_test {pages}"));
    let felt = number_after(&said, " min ") - AROUND;
    let (_, log) = fault_log(&board.run("faults"));
    let zeroed = log.iter().rev().filter(|fault| fault.outcome == "zeroed");
    let recorded = zeroed.take(pages as usize).map(|fault| fault.cost).min();
    (felt, recorded.expect("every touch is a fault"))
}

/// Boots the built Image of that width and measures.
#[track_caller]
pub fn measure(bits: u32) -> Figures {
    // What zeroing takes: a store for each word, and of each 512 bytes an addition and a branch;
    // two instructions before.
    let words = 4096 / (u64::from(bits) / 8);
    let zeroing = words + 2 * 8 + 2;

    let mut board = machine(bits, false, "");
    let boot = number_after(&board.run("boot"), "prompt ");
    let said = board.run("image_test");
    let line = |how: &str, which: &str| {
        let line = said.lines().find(|line| line.contains(how));
        number_after(line.unwrap_or_else(|| panic!("{said}")), which) - AROUND
    };
    let in_place = line("each alone", " min ");
    // Whole blocks are entered at once; one that is cut off takes more.
    let around = line("pages in place:", " min ");
    let copied = line("pages copied:", " min ");
    let mmap = number_after(&board.run("map_test budget"), "mapped in ");
    // While a program sleeps, the hart has nothing to do but to get frames ready; keys that are
    // typed may come before it has any.
    board.run("alloc_test 128 1 20");
    let fast = cheapest(&mut board, 8);
    board.run("alloc_test 128 1 20");
    let said = board.run("cost_test");
    let cost = |of: &str| number_after(&said, &format!("{of} min ")) - AROUND;
    let zero = cheapest(&mut machine(bits, false, "zeroed=off"), 64);
    let cboz = cheapest(&mut machine(bits, true, "zeroed=off"), 64);
    let general = cheapest(&mut machine(bits, false, "fast=off zeroed=off"), 64);
    let all = [fast, zero, cboz, general];
    let unrecorded = all.iter().map(|(felt, said)| felt.abs_diff(*said)).max();
    Figures {
        bits,
        boot,
        fast: fast.0,
        zero: zero.0,
        cboz: cboz.0,
        general: general.0 - zeroing,
        in_place,
        in_place_around: around,
        copied,
        mmap,
        mmap_touch: cost("mmap.touch"),
        spawn: cost("spawn.wait"),
        yield_alone: cost("yield"),
        call: cost("call.null"),
        switch: cost("switch.process") / 2,
        switch_floats: cost("switch.process.floats") / 2,
        thread: cost("thread.create_join"),
        wake: cost("wake.address"),
        ipc_scalar: cost("ipc.scalar"),
        ipc_lend: cost("ipc.lend"),
        handler: cost("handler"),
        fork: cost("fork.page"),
        cow: cost("cow"),
        cow_last: cost("cow.last"),
        unrecorded: unrecorded.unwrap_or(0),
    }
}
