//! The page fault: from an address and an access to a page that is there, or to a reason.
//!
//! One resolver serves the program's own faults and the kernel's copies on its behalf.

use abi::{Access, Class, Fault, Outcome};
use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::region::{Kind, Object, Region};
use super::table::{self, Stop};
use super::{Frames, Machine, Owner, PAGE_BYTES, Space, user_end};

/// How a fault was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// What was done.
    pub outcome: Outcome,
    /// What kind of region it was in.
    pub class: Class,
    /// The level at which translation had stopped.
    pub level: u8,
    /// The entry there, as it was.
    pub entry: u64,
    /// The frame that is mapped now.
    pub frame: PhysAddr,
}

impl Resolution {
    /// A fault record with what is known here; the rest is empty.
    #[inline]
    pub fn record(&self) -> Fault {
        Fault {
            entry: self.entry,
            frame: self.frame.frame() as u32,
            level: self.level,
            class: self.class.number(),
            outcome: self.outcome.number(),
            ..Fault::EMPTY
        }
    }
}

/// Why a fault was not resolved. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason.
    pub outcome: Outcome,
    /// What kind of region it was in.
    pub class: Class,
    /// The level at which translation had stopped.
    pub level: u8,
    /// The entry there.
    pub entry: u64,
}

/// Makes `access` to `va` possible, or says why it is not.
#[inline]
pub fn resolve<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    access: Access,
) -> Result<Resolution, Refused> {
    if va >= user_end(M::MODE) {
        return Err(Refused {
            outcome: Outcome::NotUser,
            class: Class::Kernel,
            level: Fault::NO_LEVEL,
            entry: 0,
        });
    }
    let region = space.region_at(va);
    let stop = table::walk(machine, space.root(), va);
    let class = region.map_or(Class::None, |region| region.kind.class());
    let refuse = |outcome| Refused {
        outcome,
        class,
        level: stop.level,
        entry: stop.entry,
    };
    let region = region.ok_or(refuse(Outcome::NoRegion))?;
    if region.kind == Kind::Guard {
        return Err(refuse(Outcome::GuardPage));
    }
    if !region.prot.permits(access) {
        return Err(refuse(Outcome::Permission));
    }
    let page = VirtAddr::new(va.raw() & !(PAGE_BYTES - 1));
    let (outcome, frame) = if Pte::new(stop.entry).is_valid() {
        present(machine, page, access, stop)
    } else {
        absent(space, frames, machine, &region, page, access, stop)
            .ok_or(refuse(Outcome::OutOfMemory))?
    };
    Ok(Resolution {
        outcome,
        class,
        level: stop.level,
        entry: stop.entry,
        frame,
    })
}

/// The leaf is there and permits: A or D is missing where the hart does not set them
/// (Svade, the C906), or the hart had not seen the leaf yet.
fn present<M: Machine>(
    machine: &mut M,
    page: VirtAddr,
    access: Access,
    stop: Stop,
) -> (Outcome, PhysAddr) {
    let wanted = stop.entry | accessed(access);
    let outcome = if wanted == stop.entry {
        Outcome::Spurious
    } else {
        machine.write_entry(stop.at, wanted);
        Outcome::AccessBits
    };
    machine.fence_page(page);
    (outcome, Pte::new(wanted).target(M::MODE))
}

/// Nothing is there: fill the page from its object and enter the leaf. `None` without memory.
#[inline]
fn absent<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    region: &Region,
    page: VirtAddr,
    access: Access,
    stop: Stop,
) -> Option<(Outcome, PhysAddr)> {
    let at = if stop.level == 0 {
        stop.at
    } else {
        table::make_below(machine, &mut space.tables(frames), stop, page, 0).ok()?
    };
    let Some((outcome, frame)) = fill(space, frames, machine, region, page) else {
        if stop.level > 0 {
            table::undo(machine, &mut space.tables(frames), stop.at);
        }
        return None;
    };
    let flags = Pte::VALID | Pte::USER | region.prot.bits() | accessed(access);
    let memory = machine.dialect().bits(MemoryType::Ram);
    machine.write_entry(at, Pte::leaf(M::MODE, frame, flags | memory).raw());
    machine.fence_page(page);
    if region.prot.execute {
        // Whoever touched it first: a page filled by a load may be fetched from next.
        machine.fence_code();
    }
    space.resident += 1;
    Some((outcome, frame))
}

/// A frame with what `page` holds at first.
#[inline]
fn fill<M: Machine>(
    space: &Space,
    frames: &mut Frames,
    machine: &mut M,
    region: &Region,
    page: VirtAddr,
) -> Option<(Outcome, PhysAddr)> {
    let offset = page.raw() - region.base.raw();
    let (from, left) = match region.object {
        Object::Image { at, bytes } if offset < bytes => {
            (PhysAddr::new(at.raw() + offset), bytes - offset)
        }
        _ => (PhysAddr::new(0), 0),
    };
    let whole = left >= PAGE_BYTES && from.raw() % PAGE_BYTES == 0;
    if whole && !region.prot.write {
        return Some((Outcome::ImageInPlace, from));
    }
    let vpn = (page.raw() / PAGE_BYTES) as u32;
    let frame = frames.alloc(Owner::Page {
        space: space.id(),
        vpn,
    })?;
    if left == 0 {
        machine.zero_frame(frame);
        let outcome = if region.kind == Kind::Stack {
            Outcome::StackGrown
        } else {
            Outcome::Zeroed
        };
        return Some((outcome, frame));
    }
    if whole {
        machine.copy_frame(from, frame);
    } else {
        machine.zero_frame(frame);
        copy(machine, from, frame, left.min(PAGE_BYTES));
    }
    Some((Outcome::ImageCopied, frame))
}

/// Copies less than a page, or from an address that is not a page's.
fn copy<M: Machine>(machine: &mut M, from: PhysAddr, to: PhysAddr, bytes: u64) {
    let mut piece = [0; 256];
    let mut done = 0;
    while done < bytes {
        let piece = &mut piece[..(bytes - done).min(256) as usize];
        machine.read_bytes(PhysAddr::new(from.raw() + done), piece);
        machine.write_bytes(PhysAddr::new(to.raw() + done), piece);
        done += piece.len() as u64;
    }
}

/// A, and D for a store: set when a leaf is entered, so that the access does not fault again
/// where the hart leaves them to us.
#[inline]
fn accessed(access: Access) -> u64 {
    match access {
        Access::Write => Pte::ACCESSED | Pte::DIRTY,
        _ => Pte::ACCESSED,
    }
}
