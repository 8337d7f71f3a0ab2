//! Memory management: regions are the truth, page tables a cache of them.
//!
//! Pure and safe: the machine is given (`Machine`), so all of it runs on the host.
//!
//! Where frames are short: callers of `resolve` that get `Refused` for want of memory, which has changed nothing, call
//! `reclaim` and resolve again; only pages of programs and of shared objects are ever taken. A page in the backing store
//! has an entry that is not valid and not empty (`table::slot_of`). Other objects: `region::Object`, filled in
//! `pager::populate`. Sharing a frame until it is written: `cow`.

mod advise;
mod audit;
pub mod bootmap;
mod bootram;
mod budget;
mod cow;
mod evict;
mod fast;
mod fast_window;
mod fork;
mod frame;
mod gap;
mod heap;
mod job;
pub mod layout;
mod leaf;
mod machine;
mod magazine;
mod object;
mod page_out;
mod pager;
mod peek;
mod pin;
mod protect;
mod range;
mod reclaim;
mod region;
mod sbrk;
mod space;
mod space_id;
mod store;
mod survey;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;
mod unmap;
mod usercopy;
mod zap;

#[cfg(test)]
pub use audit::audit;
pub use audit::{Audit, AuditFinding, Auditor};
pub use bootram::BootRam;
pub use budget::{BUDGET_PAGES, Budget};
pub use evict::{Evictor, Policy};
pub use fast::Fast;
pub use frame::{Arena, Counts, FrameDescriptor, Frames, Owner, RunSearch};
pub use gap::{MapRequest, Placement};
pub use job::{Job, JobProgress};
pub use machine::{Machine, Run};
pub use object::Objects;
pub use page_out::{PageOut, page_out};
pub use pager::{
    FirstLook, PageRequest, Refused, Resolution, Unresolved, first_look, page_in, resolve,
    resolve_present,
};
pub use peek::{peek, poke, source};
pub use reclaim::{NotEvicted, ReclaimSpaces, Reclaimed, evict_frame, reclaim};
pub use region::{Object, Prot, Region, RegionKind};
pub use space::Space;
pub use store::{Backing, PageInFailed, RamStore, SlowStore, ZipRoom, ZipScratch, ZipStore};
pub use survey::{FrameCounts, PageCounts, Survey, SurveyCount, Surveyed};
pub use table::TableFrames;
pub use transfer::{Lend, Lends, Transfer};
pub use usercopy::{Unreached, UserMemory};

pub use pagetable::PAGE_BYTES;
