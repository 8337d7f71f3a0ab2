//! A simulated debug module: TAP, module, harts and memory, bit by bit.
//!
//! Probes are tested with it: [`Driver`] is a probe of probe-rs, [`serve`] offers the TAP over
//! `remote_bitbang`. Each [`Profile`] is a kind of module found on boards; an [`InjectedFault`] occurs as
//! planned.

mod bus;
mod debug_module;
mod driver;
mod faults;
mod hart;
mod neighbour;
mod profile;
mod ram;
mod server;
mod tap;

use std::sync::{Arc, Mutex};

pub use debug_module::SimulatedModule;
pub use driver::Driver;
pub use faults::{FaultInjection, InjectedFault};
pub use hart::{SimulatedHart, csr};
pub use neighbour::Neighbour;
pub use profile::Profile;
pub use ram::{LiveMemory, SimulatedRam};
pub use server::{SharedTap, drive, lock, serve};
pub use tap::SimulatedTap;

use crate::memory::MemorySource;

/// A machine with one hart that runs in S-mode on these page tables.
pub fn machine(
    profile: Profile,
    satp: u64,
    memory: impl MemorySource + Send + 'static,
) -> SharedTap {
    let hart = SimulatedHart::new(&profile, 0, satp);
    let module = SimulatedModule::new(profile, vec![hart], SimulatedRam::new(memory));
    Arc::new(Mutex::new(SimulatedTap::new(profile, module)))
}
