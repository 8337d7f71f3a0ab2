//! System calls on the simulated machine: a whole kernel, with tasks whose programs are the test.

mod addresses;
mod bounded;
mod defects;
mod fork;
mod handlers;
pub(crate) mod hart;
mod harts;
mod inspects;
pub(crate) mod kernel;
mod lends;
mod messages;
mod pressure;
mod servers;
pub(crate) mod smp;
mod smp_history;
mod storm;
mod threads;
mod waits;
