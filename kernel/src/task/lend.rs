//! `SendMemory`: a message takes pages along.
//!
//! They go when the message is sent, before a thread receives it. No other hart has either space by then, so a fence on this one
//! is enough: entries of the sender's go, and in the receiver's tables may be linked and taken back.

use abi::Error;
use abi::message::{MessageKind, TRY, WAIT};
use pagetable::{PAGE_BYTES, VirtAddr};

use super::call_result::CallResult;
use super::context::Context;
use super::message::{self, deliver};
use super::message_number::{next_number, number};
use super::slot::Slot;
use super::state::SchedState;
use crate::mm::{Lend, Prot, Transfer, Unreached};
use crate::platform::Platform;
use crate::system::System;

/// `SendMemory(connection | flags, kind, addr, len, word, word)`.
pub(super) fn send<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
) -> Result<CallResult, Unreached> {
    let [to, kind, at, bytes, first, second] = core::array::from_fn(|n| context.argument(n));
    let kind = MessageKind::decode(kind).ok_or(Error::BadArgument)?;
    if matches!(kind, MessageKind::Scalar | MessageKind::Blocking) {
        return Err(Error::BadArgument.into());
    }
    let transfer = Transfer::new(at, bytes, kind)?;
    let slot = system.local.schedule.current();
    let server = message::connected(system, slot, to & !(TRY | WAIT))?;
    let is_lent = kind != MessageKind::Move;
    if is_lent && !system.tasks.lends.has_room() {
        return Err(Error::LimitExceeded.into());
    }
    if !message::has_room(system, slot, server) {
        if to & TRY != 0 {
            return Err(Error::Busy.into());
        }
        // The call is made again when there is room.
        return Ok(CallResult::Wait(SchedState::AwaitingRoom { server, kind }));
    }
    let (space, frames, platform) = system.memory();
    space.prepare_transfer(&transfer, frames, platform)?;
    let owner = system.tasks.servers.at(server).map(|it| it.owner());
    let borrower = owner.ok_or(Error::NotFound)?;
    let receiver = system.tasks.find_process(borrower);
    let receiver = receiver.ok_or(Error::NotFound)?;
    // Its child is to have what it had when it began to fork.
    if system.tasks.process(receiver).forking.is_some() {
        return Err(Error::Busy.into());
    }
    system.shoot_down(receiver);
    let window = {
        let (space, frames, platform) = system.memory_at(receiver);
        space.open_window(&transfer, frames, platform)?
    };
    move_pages(system, (slot, receiver), &transfer, window);
    if is_lent {
        let number = next_number(system, slot);
        system.tasks.lends.add(Lend {
            message: number,
            lender: system.tasks.process(slot).pid,
            borrower,
            server,
            received: false,
            waits: to & WAIT != 0,
            pages: transfer.pages,
            from: transfer.va,
            to: window,
        });
    }
    let words = [window.raw() as usize, bytes, first, second, 0];
    let result = deliver(system, context, server, kind, words)?;
    if let CallResult::Wait(SchedState::AwaitingReturn { .. }) = result {
        let number = number(system, slot);
        system.tasks.lends.set_received(number);
    }
    Ok(result)
}

/// The pages go; all that can fail has been done.
fn move_pages<P: Platform>(
    system: &mut System<P>,
    (slot, receiver): (Slot, Slot),
    transfer: &Transfer,
    window: VirtAddr,
) {
    let lend = transfer.kind != MessageKind::Move;
    let prot = match transfer.kind {
        MessageKind::Borrow => Prot::READ,
        _ => Prot::DATA,
    };
    for page in 0..u64::from(transfer.pages) {
        let offset = page * PAGE_BYTES;
        let (space, frames, platform) = system.memory_at(slot);
        let Some(frame) = space.give_page(transfer.va.wrapping_add(offset), lend, frames, platform)
        else {
            continue;
        };
        let (space, frames, platform) = system.memory_at(receiver);
        space.take_page(window.wrapping_add(offset), prot, frame, frames, platform);
    }
    if !lend {
        let (space, frames, platform) = system.memory_at(slot);
        space.close_window(transfer.va, transfer.pages, frames, platform);
    }
}
