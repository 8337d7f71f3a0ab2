//! Memory management: regions are the truth, page tables a cache of them.
//!
//! Pure and safe: the machine is given (`Machine`), so all of it runs on the desk.

mod bootram;
mod frame;
mod heap;
mod machine;
mod pager;
mod peek;
mod region;
mod space;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;
mod usercopy;

pub use bootram::BootRam;
pub use frame::{Counts, Frame, Frames, Owner};
pub use machine::Machine;
pub use pager::{Refused, Resolution, resolve};
pub use peek::{peek, poke, source};
pub use region::{Kind, Object, Prot, Region};
pub use space::{Space, user_end};
pub use table::TableFrames;
pub use usercopy::UserMemory;

pub use pagetable::PAGE_BYTES;
