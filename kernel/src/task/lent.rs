//! Pages that messages have lent: their return, and what becomes of them when either side ends.
//!
//! They come back when the borrower, which runs then, returns the message, or when its process has ended and its space is
//! active nowhere. A lender that has ended gets nothing: its pages are freed when they are returned.

use abi::message::MessageKind;
use abi::{Error, Outcome};
use pagetable::{PAGE_BYTES, VirtAddr};

use super::message_number::sender_slot;
use super::server::Queued;
use super::slot::Slot;
use super::state::SchedState;
use super::waiters::WaitList;
use crate::mm::{Frames, Lend, Refused, Space};
use crate::platform::Platform;
use crate::system::System;

/// Returns what a message has lent to the running process. `ShareViolation` while that has lent it on.
pub(super) fn return_pages<P: Platform>(
    system: &mut System<P>,
    number: usize,
) -> Result<bool, Error> {
    if system.tasks.lends.all().is_empty() {
        return Ok(false);
    }
    let own = system.tasks.process(system.local.schedule.current()).pid;
    let Some(lend) = system.tasks.lends.of_message(number, own) else {
        return Ok(false);
    };
    let bytes = u64::from(lend.pages) * PAGE_BYTES;
    if system.tasks.lends.reach(own, lend.to, bytes).is_some() {
        return Err(Error::ShareViolation);
    }
    give_back(system, &lend);
    Ok(true)
}

/// Pages go back to the lender, or are freed where it has no use for them any more.
fn give_back<P: Platform>(system: &mut System<P>, lend: &Lend) {
    let lender = match lend.lender {
        0 => None,
        pid => system.tasks.find_process(pid),
    };
    let Some(borrower) = system.tasks.find_process(lend.borrower) else {
        return;
    };
    for page in 0..u64::from(lend.pages) {
        let offset = page * PAGE_BYTES;
        let (space, frames, platform) = system.memory_at(borrower);
        let to = lend.to.wrapping_add(offset);
        // One that was lent on is returned by its last borrower.
        let Some(frame) = space.give_page(to, false, frames, platform) else {
            continue;
        };
        let is_back = lender.is_some_and(|lender| {
            let (space, frames, platform) = system.memory_at(lender);
            space.take_back(lend.from.wrapping_add(offset), frame, frames, platform)
        });
        if !is_back {
            system.frames.free(frame);
        }
    }
    let (space, frames, platform) = system.memory_at(borrower);
    space.close_window(lend.to, lend.pages, frames, platform);
    system.tasks.lends.remove(lend.message, lend.borrower);
    pages_are_back(system, lend.message);
    while let Some(slot) = system.tasks.first_waiter(WaitList::Pages) {
        // Each looks whether it was for its page.
        system.tasks.set_state(slot, SchedState::Ready);
        system.local.schedule.request_resched();
    }
}

/// A process has ended, and its space is active nowhere: what it has borrowed goes back, a message at a time; true once
/// all has.
pub(super) fn process_ends<P: Platform>(system: &mut System<P>, first: Slot) -> bool {
    if system.tasks.lends.all().is_empty() {
        return true;
    }
    let pid = system.tasks.process(first).pid;
    system.tasks.lends.lender_ends(pid);
    if let Some(lend) = system.tasks.lends.find(|lend| lend.borrower == pid) {
        give_back(system, &lend);
    }
    let lends = &system.tasks.lends;
    lends.find(|lend| lend.borrower == pid).is_none()
}

/// A server of the running process has ended: what was sent to it goes back. Not for a process that ends, whose space may
/// be active elsewhere.
pub(super) fn server_ends<P: Platform>(system: &mut System<P>, place: u8) {
    let own = system.tasks.process(system.local.schedule.current()).pid;
    let of_server = |lend: &Lend| lend.server == place && lend.borrower == own;
    while let Some(lend) = system.tasks.lends.find(of_server) {
        // What was lent on is returned by its last borrower, to its first lender.
        system.tasks.lends.hand_on(&lend);
        give_back(system, &lend);
    }
}

/// Pages that were moved to a server of the running process go with it, if no thread has received them.
pub(super) fn drop_moved<P: Platform>(system: &mut System<P>, place: u8) {
    let slot = system.local.schedule.current();
    while let Some(message) = system.tasks.servers.at(place).and_then(|it| it.pop()) {
        if let Queued::Words {
            kind: MessageKind::Move,
            words: [at, bytes, ..],
            ..
        } = message
        {
            let (space, frames, platform) = system.memory_at(slot);
            let pages = bytes as u64 / PAGE_BYTES;
            space.close_window(VirtAddr::new(at as u64), pages as u32, frames, platform);
        }
    }
}

/// A lender has ended, and its space is gone: pages of a message that was not received are freed at once, and not when
/// the borrower next asks for one. A message at a time; false when there is none.
pub(super) fn drop_unreceived<P: Platform>(system: &mut System<P>) -> bool {
    let orphan = match system.tasks.lends.all().is_empty() {
        true => None,
        false => orphan(system),
    };
    if let Some(lend) = &orphan {
        give_back(system, lend);
    }
    orphan.is_some()
}

/// Pages of a sender that ended before its message was received, in a process whose space no other hart has.
fn orphan<P: Platform>(system: &System<P>) -> Option<Lend> {
    system.tasks.lends.find(|lend| {
        let is_orphan = lend.lender == 0 && !lend.received;
        let borrower = system
            .tasks
            .find_process(lend.borrower)
            .filter(|_| is_orphan);
        borrower.is_some_and(|borrower| !system.is_active_elsewhere(borrower))
    })
}

/// A sender that ended before its message was received, while another hart had this space, has left pages in the running
/// process: they are freed.
pub(super) fn drop_orphan<P: Platform>(system: &mut System<P>) {
    if system.tasks.lends.all().is_empty() {
        return;
    }
    let own = system.tasks.process(system.local.schedule.current()).pid;
    let is_orphan = |lend: &Lend| lend.borrower == own && lend.lender == 0 && !lend.received;
    if let Some(lend) = system.tasks.lends.find(is_orphan) {
        give_back(system, &lend);
    }
}

/// Does the running thread wait for a page that is lent? Then it makes the same access again.
pub fn waits_for_page<P: Platform>(
    system: &mut System<P>,
    va: VirtAddr,
    refused: &Refused,
) -> bool {
    if refused.outcome != Outcome::Lent {
        return false;
    }
    let slot = system.local.schedule.current();
    let pid = system.tasks.process(slot).pid;
    let page = va.align_down(PAGE_BYTES);
    let waits = system.tasks.lends.reach(pid, page, PAGE_BYTES);
    let waits = waits.is_some_and(|lend| lend.waits);
    if waits {
        system.tasks.set_state(slot, SchedState::AwaitingPages);
        system.local.schedule.request_resched();
    }
    waits
}

/// `ShareViolation` where the running process has lent or borrowed a page.
pub(super) fn refuse_any<P: Platform>(system: &System<P>) -> Result<(), Error> {
    let pid = system.tasks.process(system.local.schedule.current()).pid;
    let is_its = |lend: &Lend| lend.lender == pid || lend.borrower == pid;
    match system.tasks.lends.find(is_its) {
        Some(_) => Err(Error::ShareViolation),
        None => Ok(()),
    }
}

/// `ShareViolation` where the running process has lent a page of the range: what is lent stays as it is.
#[inline(always)]
pub(super) fn refuse_lent<P: Platform>(
    system: &System<P>,
    at: usize,
    bytes: usize,
) -> Result<(), Error> {
    match system.tasks.lends.all().is_empty() {
        true => Ok(()),
        false => refuse_if_lent(system, at, bytes),
    }
}

#[cold]
#[inline(never)]
fn refuse_if_lent<P: Platform>(system: &System<P>, at: usize, bytes: usize) -> Result<(), Error> {
    let lends = &system.tasks.lends;
    let pid = system.tasks.process(system.local.schedule.current()).pid;
    match lends.reach(pid, VirtAddr::new(at as u64), bytes as u64) {
        Some(_) => Err(Error::ShareViolation),
        None => Ok(()),
    }
}

/// What a message had lent is back, or was freed: a sender whose server has ended goes on.
fn pages_are_back<P: Platform>(system: &mut System<P>, message: usize) {
    let Some(slot) = sender_slot(system, message) else {
        return;
    };
    if system.tasks.at(slot).state() == SchedState::AwaitingEnd {
        system.tasks.set_state(slot, SchedState::Ready);
        system.local.schedule.request_resched();
    }
}

impl<P: Platform> System<P> {
    /// The space of a thread's process, and what it is made of.
    pub(super) fn memory_at(&mut self, slot: Slot) -> (&mut Space, &mut Frames, &mut P) {
        let space = self.tasks.space_mut(slot);
        (space, &mut self.frames, &mut self.local.platform)
    }
}
