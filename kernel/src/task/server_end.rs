//! The end of a server: with its process, or before.

use abi::Error;

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
            | SchedState::Sending { server }
            | SchedState::AwaitingReturn { server } => server == place,
            _ => false,
        };
        if waits {
            let context = &mut system.tasks.at_mut(slot).context;
            context.answer(Error::NotFound.to_a0(), None);
            system.tasks.set_state(slot, SchedState::Ready);
        }
    }
    system.tasks.servers.remove(place);
    system.local.schedule.request_resched();
}
