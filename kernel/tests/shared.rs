//! The words that harts share, in every interleaving that RISC-V's memory model permits: loom plays them.
//!
//! The file under test is the kernel's own, with loom's atomics in the place of the hart's.

#[path = "../src/arch/shared.rs"]
#[expect(dead_code, reason = "the kernel asks for more than this test")]
mod shared;

/// What `shared.rs` is made of.
mod atomic {
    pub use loom::hint::spin_loop as spin_hint;
    pub use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
}

use atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::Arc;
use loom::thread;
use shared::{LastWord, Requests, TicketLock};

/// What a lock is for: a word that is read and written in two steps. Two at once would lose one, and so would a
/// holder that does not see what the one before wrote.
struct Kernel {
    lock: TicketLock,
    word: AtomicU32,
}

fn lock() -> TicketLock {
    TicketLock {
        next: AtomicU32::new(u32::MAX),
        serving: AtomicU32::new(u32::MAX),
        contended: AtomicU32::new(0),
        sleepers: AtomicU32::new(0),
    }
}

fn add_one(kernel: &Kernel) {
    let ticket = kernel.lock.take(|_, _| {});
    let word = kernel.word.load(Ordering::Relaxed);
    kernel.word.store(word + 1, Ordering::Relaxed);
    kernel.lock.give(ticket);
}

#[test]
fn one_hart_at_a_time_has_the_kernel_and_sees_what_the_one_before_wrote() {
    loom::model(|| {
        let kernel = Arc::new(Kernel {
            lock: lock(),
            word: AtomicU32::new(0),
        });
        let other = {
            let kernel = kernel.clone();
            thread::spawn(move || add_one(&kernel))
        };
        add_one(&kernel);
        other.join().expect("it ends");
        let ticket = kernel.lock.take(|_, _| {});
        assert_eq!(kernel.word.load(Ordering::Relaxed), 2);
        assert!(kernel.lock.is_held_with(ticket));
        kernel.lock.give(ticket);
        assert!(!kernel.lock.is_held());
        // Numbers wrap: the first ticket was the last number there is.
        let (taken, contended) = kernel.lock.counts();
        assert_eq!(taken, 2);
        assert!(contended <= 1, "{contended}");
    });
}

#[test]
fn who_sees_that_a_hart_has_crashed_sees_what_it_crashed_with() {
    loom::model(|| {
        let words = Arc::new((
            LastWord {
                has_crashed: AtomicBool::new(false),
            },
            AtomicU32::new(0),
        ));
        let crashing = {
            let words = words.clone();
            thread::spawn(move || {
                words.1.store(7, Ordering::Relaxed);
                words.0.set();
            })
        };
        if words.0.is_set() {
            assert_eq!(words.1.load(Ordering::Relaxed), 7);
        }
        crashing.join().expect("it ends");
    });
}

#[test]
fn a_hart_that_sleeps_for_the_lock_is_woken_when_it_is_its_turn() {
    loom::model(|| {
        let lock = Arc::new(lock());
        let holder = lock.take(|_, _| {});
        let sleeper = {
            let lock = lock.clone();
            thread::spawn(move || {
                let mut slept = false;
                let ticket = lock.take(|ticket, round| {
                    if round == 0 {
                        slept = lock.falls_asleep(ticket, 2);
                    }
                });
                lock.give(ticket);
                slept
            })
        };
        let woken = lock.give_and_wake(holder);
        let slept = sleeper.join().expect("it ends");
        assert!(!slept || woken == 2, "it would sleep without end");
    });
}

/// A hart in a program that writes a page; the holder of the lock takes the page, and copies what is in it.
#[test]
fn what_a_program_wrote_before_its_hart_answered_is_there_for_who_takes_the_page() {
    const BIT: u32 = 1 << 3;
    loom::model(|| {
        let requests = Requests {
            asked: AtomicU32::new(0),
        };
        let shared = Arc::new((requests, AtomicU32::new(0)));
        let program = {
            let shared = shared.clone();
            thread::spawn(move || {
                let (requests, page) = &*shared;
                page.store(1, Ordering::Relaxed);
                while !requests.is_asked(BIT) {
                    thread::yield_now();
                }
                page.store(2, Ordering::Relaxed);
                requests.answer(BIT);
            })
        };
        let (requests, page) = &*shared;
        requests.ask(BIT);
        while !requests.have_answered(BIT) {
            thread::yield_now();
        }
        assert_eq!(page.load(Ordering::Relaxed), 2);
        program.join().expect("it ends");
    });
}
