//! The atomics that `shared.rs` is made of; loom puts its own in their place.

pub(super) use core::hint::spin_loop as spin_hint;
pub(super) use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
