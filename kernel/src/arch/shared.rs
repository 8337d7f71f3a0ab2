//! The kernel's state, behind its one lock.

use core::mem::MaybeUninit;

use spin::Mutex;

use super::Riscv;
use crate::system::System;

/// The kernel's state. Empty until boot has put it together.
pub(super) static SYSTEM: Mutex<Place> = Mutex::new(Place::EMPTY);

/// Room for the kernel's state: an `Option` whose `None` is all zeros, which no Image has to carry.
pub(super) struct Place {
    is_filled: bool,
    system: MaybeUninit<System<Riscv>>,
}

impl Place {
    const EMPTY: Place = Place {
        is_filled: false,
        system: MaybeUninit::zeroed(),
    };

    /// Puts the state there.
    pub(super) fn insert(&mut self, system: System<Riscv>) -> &mut System<Riscv> {
        let system = self.system.write(system);
        self.is_filled = true;
        system
    }

    /// The state, if boot has put it there.
    #[inline(always)]
    pub(super) fn as_mut(&mut self) -> Option<&mut System<Riscv>> {
        if !self.is_filled {
            return None;
        }
        // SAFETY: only `insert` sets `is_filled`, after it has written the value, and nothing takes it away.
        Some(unsafe { self.system.assume_init_mut() })
    }
}
