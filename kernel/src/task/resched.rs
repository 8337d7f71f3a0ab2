//! When the running thread has to make room: verbs that ask for the next switch, and make none.

use super::schedule::SLICE_MS;
use crate::platform::Platform;
use crate::system::System;

/// The running thread has made others ready: a higher one runs at once, one of its own priority when the slice is over.
pub fn made_ready<P: Platform>(system: &mut System<P>) {
    let current = system.local.schedule.current;
    if system.tasks.higher_ready(current) {
        return system.local.schedule.request_resched();
    }
    let used = system.tasks.at(current).slice_used;
    let schedule = &mut system.local.schedule;
    let at = schedule.since + schedule.slice.saturating_sub(used);
    if at < schedule.armed && system.tasks.others_ready(current) {
        schedule.armed = at;
        system.local.platform.set_timer(at);
    }
}

/// Records wait that are not worth a frame yet. A thread that neither faults again nor ever
/// stops must not keep them from the host.
pub fn report_soon<P: Platform>(system: &mut System<P>) {
    if system.local.schedule.report_at != u64::MAX {
        return;
    }
    let at = system.local.platform.ticks() + system.local.schedule.ticks(SLICE_MS);
    system.local.schedule.report_at = at;
    system.local.schedule.look_at_all();
    if at < system.local.schedule.armed {
        system.local.schedule.armed = at;
        system.local.platform.set_timer(at);
    }
}
