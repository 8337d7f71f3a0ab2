//! REMEMBER: faults, address spaces, layouts; no input or output.

#![warn(missing_docs)]

pub mod crash;
pub mod csr;
pub mod entries;
pub mod faults;
pub mod layout;
pub mod live;
pub mod probe;
pub mod space;
pub mod tasks;

pub use crash::{Crash, Why};
pub use entries::Entries;
pub use faults::Faults;
pub use layout::Layout;
pub use live::Live;
pub use space::Space;
pub use tasks::{Task, Tasks};
