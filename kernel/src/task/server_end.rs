//! The end of a server: with its process, or before.

use abi::Error;
use abi::message::MessageKind;

use super::message_number::number;
use super::slot::Slot;
use super::state::SchedState;
use crate::platform::Platform;
use crate::system::System;

/// A process ends: so do its servers.
pub(super) fn process_ends<P: Platform>(system: &mut System<P>, slot: Slot) {
    let pid = system.tasks.process(slot).pid;
    while let Some(place) = system.tasks.servers.owned_by(pid) {
        end_server(system, place);
    }
}

/// Who waits for the server, on either side, gets `NotFound`; messages that were not received are lost.
#[cold]
pub(super) fn end_server<P: Platform>(system: &mut System<P>, place: u8) {
    for slot in system.tasks.existing() {
        let waits = match system.tasks.at(slot).state() {
            SchedState::Receiving { server, .. }
            | SchedState::AwaitingRoom { server, .. }
            | SchedState::Sending { server, .. }
            | SchedState::AwaitingReturn { server } => server == place,
            _ => false,
        };
        if waits {
            let number = number(system, slot);
            let (thread, process) = system.tasks.parts_mut(slot);
            // A call that is made again finds out by itself.
            let is_past = match thread.state() {
                SchedState::AwaitingRoom { kind, .. } => {
                    matches!(kind, MessageKind::Scalar | MessageKind::Blocking)
                }
                _ => true,
            };
            if is_past {
                thread.context.answer(Error::NotFound.to_a0(), None);
            }
            // Who has lent pages has them back before it goes on.
            let pid = process.pid;
            let lends = &system.tasks.lends;
            let lent = lends.find(|lend| lend.message == number && lend.lender == pid);
            let state = match lent {
                Some(_) => SchedState::AwaitingEnd,
                None => SchedState::Ready,
            };
            system.tasks.set_state(slot, state);
        }
    }
    system.tasks.servers.remove(place);
    system.local.schedule.request_resched();
}
