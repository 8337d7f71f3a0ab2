//! From assembly into Rust.

use core::num::NonZeroUsize;

use pagetable::{Dialect, PhysAddr};

use super::hart::HartBlock;
use super::start::{Entered, layout};
use crate::boot;

/// Called by `entry.S` once, on the boot stack, at the linked addresses.
#[unsafe(no_mangle)]
extern "C" fn enter_rust(
    block: *mut HartBlock,
    id: usize,
    tree: usize,
    image: usize,
    memory_bits: usize,
    started: usize,
) -> ! {
    // SAFETY: `entry.S` passes its own static block, to which there is no other reference.
    let hart = unsafe { HartBlock::write(block, 0, id) };
    let dialect = if memory_bits == 0 {
        Dialect::None
    } else {
        Dialect::THead
    };
    boot::boot(Entered {
        hart,
        tree: PhysAddr::new(tree as u64),
        layout: layout(PhysAddr::new(image as u64)),
        dialect,
        started: NonZeroUsize::new(started),
    })
}
