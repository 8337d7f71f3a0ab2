//! No call keeps the kernel for longer than its budget, whatever range it names: the machine is
//! asked what it was made to do in each entry. What the calls come to is as if done at once.

use abi::{Advice, Call, Error, map, prot};
use pagetable::{PAGE_BYTES, PhysAddr};
use sim::Quirks;

use super::hart::Work;
use super::kernel::{Kernel, Returned};
use crate::mm::tests::both;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::mm::{BUDGET_PAGES, Owner};
use crate::task::SchedState;

both! {
    no_call_on_a_range_does_more_than_its_budget_at_once
    pages_go_come_and_are_pinned_in_pieces
    a_pin_for_which_there_are_no_frames_ends_and_holds_nothing
    ctrl_c_ends_a_task_in_the_middle_of_a_call
    a_call_that_was_interrupted_has_each_effect_once
    what_a_task_leaves_is_given_back_in_pieces_and_others_run_between
    shared_memory_is_given_back_in_pieces
    frames_in_a_row_are_looked_for_in_pieces_in_eight_gibibytes
}

const POPULATE: u64 = map::POPULATE as u64;
const WIRED: u64 = map::WIRED as u64;
const READ: u64 = prot::READ as u64;
/// More pages than twelve budgets, and frames for them and their tables.
const PAGES: u64 = 12 * BUDGET_PAGES as u64 + 17;
const POOL: usize = 2 * PAGES as usize;

#[track_caller]
fn must_be_bounded(what: &str, work: Work) {
    let pages = u64::from(BUDGET_PAGES);
    // A large leaf is one piece, of at most 1,024 pages; a table has as many entries.
    let most = Work {
        frames: pages + 8,
        writes: 2 * pages + 1100,
        reads: 100 * pages,
    };
    assert_eq!(work.or(most), most, "{what} at once");
}

#[track_caller]
fn good(what: &str, answer: Returned) -> u64 {
    must_be_bounded(what, answer.most);
    answer
        .result
        .unwrap_or_else(|error| panic!("{what}: {error}")) as u64
}

fn no_call_on_a_range_does_more_than_its_budget_at_once<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let before = kernel.system.frames.counts().free();
    let bytes = PAGES * PAGE_BYTES;
    let advise = |advice: Advice| advice.number() as u64;
    // Half of what programs can have at all, and all of the pool.
    let huge =
        M::MODE.leaf_bytes(M::MODE.levels() - 1) * 64 / if M::MODE.levels() == 2 { 1 } else { 2 };
    let at = good("mmap", kernel.call(Call::Mmap, [huge, 0, 0, 0, 0]));
    for (call, arguments) in [
        (Call::Protect, [at, huge, READ, 0, 0]),
        (Call::Protect, [at, huge, 0, 0, 0]),
        (Call::Protect, [at, huge, READ | prot::WRITE as u64, 0, 0]),
        (Call::Advise, [at, huge, advise(Advice::WillNeed), 0, 0]),
        (Call::Advise, [at, huge, advise(Advice::Random), 0, 0]),
        (Call::Protect, [at, huge, READ, 0, 0]),
        (Call::Advise, [at, huge, advise(Advice::DontNeed), 0, 0]),
    ] {
        good(
            &format!("{call:?} {arguments:x?}"),
            kernel.call(call, arguments),
        );
        kernel.must_be_sound(&format!("{call:?}"));
    }
    good("munmap", kernel.call(Call::Munmap, [at, huge, 0, 0, 0]));
    let at = good(
        "populate",
        kernel.call(Call::Mmap, [bytes, 0, POPULATE, 0, 0]),
    );
    assert_eq!(kernel.resident(), PAGES as u32);
    good("munmap", kernel.call(Call::Munmap, [at, bytes, 0, 0, 0]));
    let at = good("wired", kernel.call(Call::Mmap, [bytes, 0, WIRED, 0, 0]));
    let answer = kernel.call(Call::Protect, [at, bytes, READ, 0, 0]);
    good("protect wired", answer);
    good(
        "munmap wired",
        kernel.call(Call::Munmap, [at, bytes, 0, 0, 0]),
    );
    let limit = [abi::Set::HeapLimit.number() as u64, bytes, 0, 0, 0];
    good("limit", kernel.call(Call::Set, limit));
    let heap = good("sbrk", kernel.call(Call::Sbrk, [bytes, 0, 0, 0, 0]));
    let need = [heap, bytes, advise(Advice::WillNeed), 0, 0];
    good("need heap", kernel.call(Call::Advise, need));
    good(
        "shrink",
        kernel.call(Call::Sbrk, [bytes.wrapping_neg() + 1, 0, 0, 0, 0]),
    );
    assert_eq!(good("end", kernel.call(Call::Sbrk, [0; 5])), heap + 1);
    good(
        "shrink",
        kernel.call(Call::Sbrk, [1_u64.wrapping_neg(), 0, 0, 0, 0]),
    );
    // A device of 64 MiB, in the largest leaves.
    let flash = good(
        "device",
        kernel.call(Call::MapDevice, [0x2_0000, 64 << 20, 0, 0, 0]),
    );
    let need = [flash, 64 << 20, advise(Advice::WillNeed), 0, 0];
    good("need device", kernel.call(Call::Advise, need));
    good(
        "unmap device",
        kernel.call(Call::Munmap, [flash, 64 << 20, 0, 0, 0]),
    );
    kernel.must_be_sound("all");
    assert_eq!(kernel.system.frames.counts().free(), before);
    let wired = kernel.call(Call::Mmap, [(POOL as u64) * PAGE_BYTES * 2, 0, WIRED, 0, 0]);
    assert_eq!(wired.result, Err(Error::OutOfMemory));
}

/// Out and in through a store that has room for all, and twice as much memory as a process may pin.
fn pages_go_come_and_are_pinned_in_pieces<M: TestMachine>(quirks: Quirks) {
    let bench = Bench::<M>::with_store(quirks, POOL, POOL);
    let mut kernel = Kernel::on(bench);
    let bytes = PAGES * PAGE_BYTES;
    let some = POOL as u64 / 5 * PAGE_BYTES;
    let populated = kernel.call(Call::Mmap, [bytes, 0, POPULATE, 0, 0]);
    let at = good("populate", populated);
    let free = kernel.system.frames.counts().free();
    let out = |kernel: &mut Kernel<M>, what: &str| {
        let answer = kernel.call(Call::PageOut, [at, bytes, 0, 0, 0]);
        assert!(answer.entries > 4, "{what}: {} entries", answer.entries);
        good(what, answer);
        assert_eq!(kernel.resident(), 0, "{what}");
        assert_eq!(kernel.system.frames.counts().free(), free + PAGES as u32);
        kernel.must_be_sound(what);
    };
    out(&mut kernel, "page out");
    let call = |kernel: &mut Kernel<M>, call: Call, bytes: u64| {
        let answer = kernel.call(call, [at, bytes, 0, 0, 0]);
        kernel.must_be_sound(&format!("{call:?}"));
        answer
    };
    good("page in", call(&mut kernel, Call::PageIn, bytes));
    assert_eq!(kernel.resident(), PAGES as u32);
    out(&mut kernel, "page out again");
    good("pin", call(&mut kernel, Call::Pin, some));
    let answer = call(&mut kernel, Call::Pin, bytes);
    assert_eq!(answer.result, Err(Error::LimitExceeded));
    assert_eq!(u64::from(kernel.resident()) * PAGE_BYTES, some);
    let answer = call(&mut kernel, Call::PageOut, bytes);
    assert_eq!(answer.result, Err(Error::AccessDenied));
    good("unpin", call(&mut kernel, Call::Unpin, bytes));
    out(&mut kernel, "page out at last");
    let free = [at, bytes, Advice::Free.number() as u64, 0, 0];
    good("free", kernel.call(Call::Advise, free));
    assert_eq!(kernel.system.frames.backing.slots().used(), 0);
    kernel.must_be_sound("free");
}

/// All frames but some are wired, and a store has room: each page that is pinned takes one away, and none comes back.
fn a_pin_for_which_there_are_no_frames_ends_and_holds_nothing<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::on(Bench::<M>::with_store(quirks, POOL, POOL));
    let wanted = POOL as u64 / 5;
    let spare = wanted / 2;
    let bytes = wanted * PAGE_BYTES;
    let at = good("mmap", kernel.call(Call::Mmap, [bytes, 0, 0, 0, 0]));
    // In pieces: one run of all might have to begin at a border of a large leaf.
    const PIECE: u64 = 64;
    while u64::from(kernel.system.frames.counts().free()) > spare + PIECE {
        let wired = [PIECE * PAGE_BYTES, 0, WIRED, 0, 0];
        good("wired", kernel.call(Call::Mmap, wired));
    }
    let answer = kernel.call(Call::Pin, [at, bytes, 0, 0, 0]);
    assert_eq!(answer.result, Err(Error::OutOfMemory));
    kernel.must_be_sound("pin");
    good("page out", kernel.call(Call::PageOut, [at, bytes, 0, 0, 0]));
}

fn ctrl_c_ends_a_task_in_the_middle_of_a_call<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let before = kernel.system.frames.counts().free();
    let shell = kernel.system.shell;
    let child = kernel.task(shell, "spin");
    let pid = kernel.system.tasks.at(child).tid;
    kernel.begin(Call::Wait, [pid.into(), 0, 0, 0, 0]);
    kernel.enter_call();
    assert_eq!(kernel.system.local.schedule.current(), child);
    kernel.begin(Call::Mmap, [PAGES * PAGE_BYTES, 0, POPULATE, 0, 0]);
    kernel.enter_call();
    kernel.enter_call();
    assert_eq!(kernel.resident(), 2 * BUDGET_PAGES, "it is in the middle");
    kernel.press(0x03);
    must_be_bounded("the key", kernel.take_interrupts());
    // The shell goes on once all of it is freed, and learns how it ended.
    assert_ne!(kernel.system.local.schedule.current(), child);
    kernel.enter_call();
    assert_eq!(
        (kernel.context.x[10], kernel.context.x[11]),
        (pid.into(), 255)
    );
    kernel.must_be_sound("the end");
    assert_eq!(kernel.system.frames.counts().free(), before);
}

fn a_call_that_was_interrupted_has_each_effect_once<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let other = kernel.task(1, "other");
    let first = kernel.system.local.schedule.current();
    let regions = kernel.system.tasks.space(first).regions().len();
    let pc = kernel.begin(Call::Mmap, [PAGES * PAGE_BYTES, 0, POPULATE, 0, 0]);
    kernel.enter_call();
    assert_eq!(kernel.context.pc, pc, "it is left at its ecall");
    // The other has a turn between any two pieces.
    let mut turns = 0;
    while kernel.context.pc == pc {
        kernel.system.local.platform.now += 10_000;
        kernel.take_timer();
        assert_eq!(kernel.system.local.schedule.current(), other);
        turns += 1;
        kernel.system.local.platform.now += 10_000;
        kernel.take_timer();
        assert_eq!(kernel.system.local.schedule.current(), first);
        kernel.enter_call();
    }
    assert!(turns >= 12, "{turns}");
    let space = kernel.system.tasks.space(first);
    assert_eq!(space.regions().len(), regions + 1, "mapped once");
    assert_eq!(space.resident(), PAGES as u32);
    kernel.must_be_sound("populated");
    // The same call again is another one.
    let again = kernel.call(Call::Mmap, [PAGE_BYTES, 0, POPULATE, 0, 0]);
    assert!(again.result.is_ok());
    assert_eq!(
        kernel.system.tasks.space(first).regions().len(),
        regions + 2
    );
}

fn what_a_task_leaves_is_given_back_in_pieces_and_others_run_between<M: TestMachine>(
    quirks: Quirks,
) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let before = kernel.system.frames.counts().free();
    let parent = kernel.system.shell;
    let child = kernel.task(parent, "big");
    let pid = kernel.system.tasks.at(child).tid;
    kernel.begin(Call::Yield, [0; 5]);
    kernel.enter_call();
    assert_eq!(kernel.system.local.schedule.current(), child);
    good(
        "populate",
        kernel.call(Call::Mmap, [PAGES * PAGE_BYTES, 0, POPULATE, 0, 0]),
    );
    kernel.press(b'x');
    kernel.begin(Call::Exit, [7, 0, 0, 0, 0]);
    must_be_bounded("exit", kernel.enter_call());
    kernel.take_interrupts();
    assert!(kernel.has_input(), "the key got through");
    assert_ne!(kernel.system.local.schedule.current(), child);
    let left = kernel.system.tasks.at(child);
    assert!(matches!(left.state(), SchedState::Ending { status: 7 }));
    assert!(
        kernel.system.tasks.space(child).resident() > BUDGET_PAGES,
        "not all at once"
    );
    kernel.must_be_sound("half of it");
    assert_eq!(
        kernel.call(Call::Kill, [pid.into(), 0, 0, 0, 0]).result,
        Err(Error::NoSuchTask)
    );
    kernel.begin(Call::Wait, [pid.into(), 0, 0, 0, 0]);
    kernel.enter_call();
    // It waits until the last page is free, and gets the status. An interrupt that comes meanwhile
    // is dealt with between two pieces.
    kernel.enter_call();
    assert_eq!(
        (kernel.context.x[10], kernel.context.x[11]),
        (pid.into(), 7)
    );
    kernel.must_be_sound("all of it");
    assert_eq!(kernel.system.frames.counts().free(), before);
}

fn shared_memory_is_given_back_in_pieces<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let before = kernel.system.frames.counts().free();
    let bytes = 1024 * PAGE_BYTES;
    let id = good(
        "create",
        kernel.call(Call::ShareCreate, [bytes, 0, 0, 0, 0]),
    );
    let at = good("attach", kernel.call(Call::ShareAttach, [id, 0, 0, 0, 0]));
    let need = [at, bytes, Advice::WillNeed.number() as u64, 0, 0];
    good("need", kernel.call(Call::Advise, need));
    good("detach", kernel.call(Call::ShareDetach, [at, 0, 0, 0, 0]));
    let held = kernel.system.frames.counts().objects;
    assert_eq!(held, 1025);
    good("destroy", kernel.call(Call::ShareDestroy, [id, 0, 0, 0, 0]));
    let left = kernel.system.frames.counts().objects;
    assert!((1..1025).contains(&left), "{left}");
    kernel.must_be_sound("half of it");
    for _ in 0..8 {
        good("pid", kernel.call(Call::Getpid, [0; 5]));
    }
    assert_eq!(kernel.system.frames.counts().free(), before);
    kernel.must_be_sound("all of it");
}

/// Every 512th frame is another's, so that no run is long enough. The free list has two million frames, and each of
/// those is taken out of it.
fn frames_in_a_row_are_looked_for_in_pieces_in_eight_gibibytes<M: TestMachine>(quirks: Quirks) {
    let far_bytes = 8 << 30;
    let mut kernel = Kernel::<M>::on(Bench::with_far_ram(quirks, POOL, far_bytes));
    let pieces = far_bytes / PAGE_BYTES / 512;
    let frames = &mut kernel.system.frames;
    let far = frames.arenas().iter().max_by_key(|arena| arena.first);
    let far = far.unwrap().first * PAGE_BYTES;
    let other = |_| Owner::Object { object: 9, page: 0 };
    let nth = |piece: u64| PhysAddr::new(far + (piece * 512 + 511) * PAGE_BYTES);
    for piece in 0..pieces {
        frames.alloc_at(nth(piece), 1, other).unwrap();
    }
    // The near RAM has no run either.
    let near = frames.arenas().iter().min_by_key(|arena| arena.first);
    let near = near.copied().unwrap();
    for frame in (near.first..near.end).skip(511).step_by(512) {
        let _ = frames.alloc_at(PhysAddr::new(frame * PAGE_BYTES), 1, other);
    }
    let free = kernel.system.frames.counts().free();
    let wanted = [600 * PAGE_BYTES, 0, WIRED, 0, 0];
    let none = kernel.call(Call::Mmap, wanted);
    assert_eq!(none.result, Err(Error::OutOfMemory));
    // 4,096 looks at eight frames each; on Sv32 every other 512 frames begin no run.
    assert!(
        none.entries as u64 > pieces * 512 / 100_000,
        "{}",
        none.entries
    );
    assert_eq!(
        kernel.system.frames.counts().free(),
        free,
        "nothing is held"
    );
    // A key gets through between two pieces.
    let pc = kernel.begin(Call::Mmap, wanted);
    kernel.enter_call();
    assert_eq!(kernel.context.pc, pc, "it is left at its ecall");
    kernel.press(b'x');
    kernel.take_interrupts();
    assert!(kernel.has_input());
}
