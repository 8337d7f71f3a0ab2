//! The kernel's state, behind its one lock.

use spin::Mutex;

use super::Riscv;
use crate::system::System;

/// The kernel's state. Empty until boot has put it together.
pub(super) static SYSTEM: Mutex<Option<System<Riscv>>> = Mutex::new(None);
