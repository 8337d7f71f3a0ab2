//! What tests of servers and messages say of a kernel: who runs, and calls that name a server.

use abi::{Call, Error};
use pagetable::VirtAddr;

use super::kernel::{DATA, Kernel};
use crate::mm::tests::machine::TestMachine;
use crate::task::Slot;

pub(super) fn running<M: TestMachine>(kernel: &Kernel<M>) -> Slot {
    kernel.system.local.schedule.current()
}

/// The running thread makes a call, once.
pub(super) fn ask<M: TestMachine>(kernel: &mut Kernel<M>, call: Call, arguments: [u64; 5]) {
    kernel.begin(call, arguments);
    kernel.enter_call();
}

pub(super) fn answer<M: TestMachine>(kernel: &Kernel<M>) -> Result<usize, Error> {
    Error::result(kernel.context.x[10])
}

/// Puts a name into the running task's memory.
pub(super) fn name<M: TestMachine>(kernel: &mut Kernel<M>, name: &str) -> [u64; 5] {
    let slot = running(kernel);
    let at = VirtAddr::new(DATA);
    let written = kernel.system.memory_of(slot).write(at, name.as_bytes());
    written.expect("its variables");
    [DATA, name.len() as u64, 0, 0, 0]
}

#[track_caller]
pub(super) fn serve<M: TestMachine>(kernel: &mut Kernel<M>, of: &str) -> u64 {
    let arguments = name(kernel, of);
    let made = kernel.call(Call::ServerCreate, arguments).result;
    made.expect("a server") as u64
}

#[track_caller]
pub(super) fn connect<M: TestMachine>(kernel: &mut Kernel<M>, to: &str) -> u64 {
    let arguments = name(kernel, to);
    let made = kernel.call(Call::Connect, arguments).result;
    made.expect("a connection") as u64
}

/// Another task has its turn.
#[track_caller]
pub(super) fn switch_to<M: TestMachine>(kernel: &mut Kernel<M>, slot: Slot) {
    for _ in 0..100 {
        if running(kernel) == slot {
            return;
        }
        ask(kernel, Call::Yield, [0; 5]);
    }
    panic!(
        "it is never its turn: {:?}",
        kernel.system.tasks.at(slot).state()
    );
}
