//! Locks, conditions and counts that threads wait for: words, and two system calls.
//!
//! A thread that need not wait makes no system call.

use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use abi::thread::NO_TIMEOUT;

use crate::call;
use crate::sys::Shared;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and perhaps a thread waits.
const AWAITED: u32 = 2;

fn address(word: &AtomicU32) -> usize {
    word.as_ptr() as usize
}

/// Waits while the word holds `value`. Returns early now and then: the caller looks again.
fn wait(word: &AtomicU32, value: u32) {
    let _ = call::wait_on_address(address(word), value, NO_TIMEOUT);
}

/// A value that one thread at a time has.
pub struct Mutex<T> {
    word: AtomicU32,
    value: Shared<T>,
}

impl<T> Mutex<T> {
    /// Held by no thread.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            word: AtomicU32::new(FREE),
            value: Shared::new(value),
        }
    }

    /// Waits until no other thread has the value; it is the caller's until the guard goes.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let free = self
            .word
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() {
            while self.word.swap(AWAITED, Ordering::Acquire) != FREE {
                wait(&self.word, AWAITED);
            }
        }
        MutexGuard(self)
    }
}

/// The value of a [`Mutex`], for as long as it lives.
pub struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.value.get()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.value.get_mut()
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.0.word.swap(FREE, Ordering::Release) == AWAITED {
            let _ = call::wake_address(address(&self.0.word), 1);
        }
    }
}

/// An event that threads wait for without the lock that guards what it is about.
pub struct Condvar {
    /// Counts the events.
    word: AtomicU32,
}

impl Condvar {
    /// No thread waits.
    pub const fn new() -> Condvar {
        Condvar {
            word: AtomicU32::new(0),
        }
    }

    /// Gives the lock back, waits for an event, and takes the lock again. Returns early now and then: the caller looks
    /// whether it has what it waits for.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let events = self.word.load(Ordering::Relaxed);
        let mutex = guard.0;
        drop(guard);
        wait(&self.word, events);
        mutex.lock()
    }

    /// Wakes the thread that has waited longest.
    pub fn notify_one(&self) {
        self.word.fetch_add(1, Ordering::Relaxed);
        let _ = call::wake_address(address(&self.word), 1);
    }

    /// Wakes every thread that waits.
    pub fn notify_all(&self) {
        self.word.fetch_add(1, Ordering::Relaxed);
        let _ = call::wake_address(address(&self.word), usize::MAX);
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

/// A count that threads take from, and wait for while it is 0.
pub struct Semaphore {
    word: AtomicU32,
}

impl Semaphore {
    /// With so many to be taken.
    pub const fn new(count: u32) -> Semaphore {
        Semaphore {
            word: AtomicU32::new(count),
        }
    }

    /// Takes one; waits while there is none.
    pub fn acquire(&self) {
        loop {
            let count = self.word.load(Ordering::Relaxed);
            if count == 0 {
                wait(&self.word, 0);
                continue;
            }
            let taken = self.word.compare_exchange_weak(
                count,
                count - 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                return;
            }
        }
    }

    /// Gives one back, or one more.
    pub fn release(&self) {
        self.word.fetch_add(1, Ordering::Release);
        let _ = call::wake_address(address(&self.word), 1);
    }
}
