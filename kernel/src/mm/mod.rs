//! Memory management: regions are the truth, page tables a cache of them.
//!
//! Pure and safe: the machine is given (`Machine`), so all of it runs on the host.
//!
//! What is to come has its place, and no code yet. Eviction: callers of `resolve` that get
//! `Refused` for want of memory, which has changed nothing, free frames and resolve again; only pages
//! (`Owner::Page`) may be taken. A backing store: entries that are not valid and not empty, of which
//! `table::page_of` finds those that hide a page. Other objects: `region::Object`, filled in
//! `pager::populate`. Sharing a frame until it is written: `cow`.

mod advise;
mod audit;
pub mod bootmap;
mod bootram;
mod budget;
mod cow;
mod fast;
mod fast_window;
mod frame;
mod gap;
mod heap;
mod job;
pub mod layout;
mod leaf;
mod machine;
mod magazine;
mod object;
mod pager;
mod peek;
mod protect;
mod range;
mod region;
mod sbrk;
mod space;
mod space_id;
mod store;
mod survey;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;
mod unmap;
mod usercopy;
mod zap;

#[cfg(test)]
pub use audit::audit;
pub use audit::{Audit, AuditFinding, Auditor};
pub use bootram::BootRam;
pub use budget::{BUDGET_PAGES, Budget};
pub use fast::Fast;
pub use frame::{Arena, Counts, FrameDescriptor, Frames, Owner, RunSearch};
pub use gap::{MapRequest, Placement};
pub use job::{Job, JobProgress};
pub use machine::{Machine, Run};
pub use object::Objects;
pub use pager::{
    FirstLook, PageRequest, Refused, Resolution, Unresolved, first_look, page_in, resolve,
    resolve_present,
};
pub use peek::{peek, poke, source};
pub use region::{Object, Prot, Region, RegionKind};
pub use space::Space;
pub use store::Store;
pub use survey::{FrameCounts, PageCounts, Survey, SurveyCount, Surveyed};
pub use table::TableFrames;
pub use usercopy::{Unreached, UserMemory};

pub use pagetable::PAGE_BYTES;
