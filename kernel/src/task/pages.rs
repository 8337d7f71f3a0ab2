//! System calls that take pages out of memory, bring them in and hold them there.
//!
//! Each goes on after as many pages as one entry is for. Pages that have to come wait for frames, in exchange for others, and
//! for their store; where they can not come, the call fails and nothing of the range is pinned.

use abi::{Error, Source};
use pagetable::{PhysAddr, VirtAddr};

use super::call_result::CallResult;
use super::lent;
use super::unfinished::{CallKey, Rest, Unfinished};
use crate::mm::{Budget, Frames, Job, NotEvicted, Owner, PAGE_BYTES, Space, Unreached};
use crate::platform::Platform;
use crate::system::System;

/// `PageOut(addr, len)`.
pub fn page_out<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    lent::refuse_lent(system, at, bytes)?;
    let slot = system.local.schedule.current();
    let (task, process) = system.tasks.parts_mut(slot);
    let left = task.unfinished.take().filter(|left| left.key == key);
    let mut range = match left {
        Some(Unfinished {
            rest: Rest::PageOut(range),
            ..
        }) => range,
        _ => {
            let va = VirtAddr::new(at as u64);
            process.space.begin_page_out(va, bytes as u64)?
        }
    };
    if !system.frames.backing.is_there() {
        return Err(Error::Unsupported.into());
    }
    if system.page_out_some(slot, &mut range, &mut Budget::of_an_entry())? {
        return Ok(CallResult::One(0));
    }
    let rest = Rest::PageOut(range);
    system.tasks.at_mut(slot).unfinished = Some(Unfinished { key, rest });
    Ok(CallResult::Again)
}

/// The same as advice: without room for it, it stays.
pub fn advise_page_out<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    match page_out(system, key, at, bytes) {
        Err(Unreached::Refused(Error::Unsupported | Error::StoreFull | Error::Busy)) => {
            Ok(CallResult::One(0))
        }
        answer => answer,
    }
}

/// `PageIn(addr, len)`.
pub fn page_in<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    let va = VirtAddr::new(at as u64);
    let begin = |space: &mut Space, _: &mut Frames| space.begin_page_in(va, bytes as u64);
    require(system, key, (at, bytes), begin).map_err(|(error, _)| error.into())
}

/// `Pin(addr, len)`.
pub fn pin<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    let va = VirtAddr::new(at as u64);
    let begin = |space: &mut Space, frames: &mut Frames| space.begin_pin(va, bytes as u64, frames);
    match require(system, key, (at, bytes), begin) {
        Ok(answer) => Ok(answer),
        Err((error, false)) => Err(error.into()),
        Err((error, true)) => {
            // Where no region can be split any more, some of it stays pinned.
            let _ = system.memory().0.unpin(va, bytes as u64);
            // The answer itself: a refusal for want of frames would be tried again with those of the pages just unpinned, without limit.
            Ok(CallResult::One(error.to_a0()))
        }
    }
}

/// `Unpin(addr, len)`.
pub fn unpin<P: Platform>(
    system: &mut System<P>,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Error> {
    let (space, ..) = system.memory();
    space.unpin(VirtAddr::new(at as u64), bytes as u64)?;
    Ok(CallResult::One(0))
}

/// All pages of a range come, or the call fails; whether it had begun by then.
fn require<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    (at, bytes): (usize, usize),
    begin: impl FnOnce(&mut Space, &mut Frames) -> Result<Job, Error>,
) -> Result<CallResult, (Error, bool)> {
    lent::refuse_lent(system, at, bytes).map_err(|error| (error, false))?;
    let answer = system.go_on(key, |space, frames, _| Ok((0, Some(begin(space, frames)?))));
    let error = match answer {
        Ok(answer) => return Ok(answer),
        Err(Unreached::Refused(Error::OutOfMemory)) if system.reclaim_for_call() => {
            return Ok(CallResult::Again);
        }
        Err(Unreached::Refused(error)) => error,
        Err(Unreached::Wait(request)) => match system.await_page(request, Source::Kernel) {
            Ok(()) => return Ok(CallResult::Again),
            Err(error) => error,
        },
    };
    // Else the same call would go on there, with pages before that may have gone.
    let slot = system.local.schedule.current();
    let left = system.tasks.at_mut(slot).unfinished.take();
    Err((error, left.is_some()))
}

/// `EvictFrame(frame)`.
pub fn evict_frame<P: Platform>(system: &mut System<P>, frame: usize) -> Result<CallResult, Error> {
    let at = (frame as u64).checked_mul(PAGE_BYTES);
    let at = PhysAddr::new(at.ok_or(Error::BadAddress)?);
    match system.frames.owner(at) {
        Owner::Free => return Ok(CallResult::One(0)),
        Owner::Boot => return Err(Error::BadAddress),
        _ if !system.frames.backing.is_there() => return Err(Error::Unsupported),
        _ => {}
    }
    match system.evict_frame(at) {
        Ok(()) => Ok(CallResult::One(0)),
        Err(NotEvicted::Fixed) => Err(Error::AccessDenied),
        Err(NotEvicted::Busy) => Err(Error::Busy),
        Err(NotEvicted::Full) => Err(Error::StoreFull),
    }
}
