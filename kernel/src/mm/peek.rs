//! A debugger's eyes and hands: looking installs nothing, writing makes a copy of its own.

use abi::{Access, Error, Outcome};
use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::region::{Object, Region};
use super::{
    Backing, Frames, Machine, PAGE_BYTES, Space, Unresolved, cow, object, page_in, resolve, table,
};

/// What stays of an entry whose page is exchanged.
const KEPT: u64 =
    Pte::VALID | Pte::READ | Pte::WRITE | Pte::EXEC | Pte::USER | Pte::ACCESSED | Pte::DIRTY;

/// Reads a program's memory as it would find it itself, without bringing a page in: what is
/// not there yet reads as what a fault would put there. How many bytes could be read.
pub fn peek<M: Machine>(
    space: &Space,
    backing: &Backing,
    machine: &M,
    va: VirtAddr,
    into: &mut [u8],
) -> usize {
    let mut done = 0;
    while done < into.len() {
        let Some(at) = va.raw().checked_add(done as u64).map(VirtAddr::new) else {
            break;
        };
        let bytes = to_page_end(at).min(into.len() - done);
        if !peek_page(space, backing, machine, at, &mut into[done..done + bytes]) {
            break;
        }
        done += bytes;
    }
    done
}

/// The same within one page.
fn peek_page<M: Machine>(
    space: &Space,
    backing: &Backing,
    machine: &M,
    va: VirtAddr,
    into: &mut [u8],
) -> bool {
    let Some(region) = region_of(space, va) else {
        return false;
    };
    // To read a device's register may change what it says.
    if matches!(region.object, Object::Phys { .. }) {
        return false;
    }
    let stop = table::walk(machine, space.root(), va);
    let there = table::page_of::<M>(stop.entry, stop.level).map(|page| {
        let within = va.offset(M::MODE.leaf_bytes(stop.level));
        page.wrapping_add(within)
    });
    let lent = || {
        let page = table::lent_page::<M>(stop.entry).filter(|_| stop.level == 0)?;
        Some(page.wrapping_add(va.raw() % PAGE_BYTES))
    };
    let shared = || {
        let frame = object::frame_at(machine, &region, va)?;
        Some(frame.wrapping_add(va.raw() % PAGE_BYTES))
    };
    if let Some(at) = there.or_else(lent).or_else(shared) {
        machine.read_bytes(at, into);
        return true;
    }
    let slot = table::slot_of(stop.entry).or_else(|| object::slot_at(machine, &region, va));
    if let Some(slot) = slot {
        let from = (va.raw() % PAGE_BYTES) as usize;
        return backing.peek(machine, slot, from, into).is_ok();
    }
    into.fill(0);
    if let Object::Image { at, bytes } | Object::Stored { at, bytes } = region.object {
        let offset = va.raw() - region.base.raw();
        let there = u64::from(bytes)
            .saturating_sub(offset)
            .min(into.len() as u64) as usize;
        machine.read_bytes(PhysAddr::new(at.raw() + offset), &mut into[..there]);
    }
    true
}

/// Where the initrd holds the byte at `va`, if that is where it comes from.
pub fn source(space: &Space, va: VirtAddr) -> Option<PhysAddr> {
    let region = region_of(space, va)?;
    let offset = va.raw() - region.base.raw();
    match region.object {
        Object::Image { at, bytes } | Object::Stored { at, bytes } if offset < u64::from(bytes) => {
            Some(PhysAddr::new(at.raw() + offset))
        }
        _ => None,
    }
}

/// Writes a program's memory, its text too. A page that others share, as text that is mapped
/// in place, is copied first. On an error some of it may have been written.
pub fn poke<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    from: &[u8],
) -> Result<(), Error> {
    let mut done = 0;
    while done < from.len() {
        let at = VirtAddr::new(va.raw().checked_add(done as u64).ok_or(Error::BadAddress)?);
        let bytes = to_page_end(at).min(from.len() - done);
        let frame = own_page(space, frames, machine, at)?;
        let place = frame.wrapping_add(at.raw() % PAGE_BYTES);
        machine.write_bytes(place, &from[done..done + bytes]);
        done += bytes;
    }
    machine.fence_code();
    Ok(())
}

/// The frame of the page that `va` lies in, which is this space's alone afterwards.
fn own_page<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
) -> Result<PhysAddr, Error> {
    let region = region_of(space, va).ok_or(Error::BadAddress)?;
    if matches!(region.object, Object::Phys { .. }) {
        return Err(Error::BadAddress);
    }
    let access = if region.prot.write() {
        Access::Write
    } else if region.prot.read() {
        Access::Read
    } else {
        Access::Execute
    };
    let mut resolved = resolve(space, frames, machine, va, access);
    if let Err(Unresolved::Wait(request)) = resolved {
        // The kernel stands still for gdb: it waits for the store itself.
        page_in(space, frames, machine, request).map_err(|_| Error::OutOfMemory)?;
        resolved = resolve(space, frames, machine, va, access);
    }
    let frame = match resolved {
        Ok(resolution) => resolution.frame,
        Err(Unresolved::Refused(refused)) if refused.outcome == Outcome::OutOfMemory => {
            return Err(Error::OutOfMemory);
        }
        Err(_) => return Err(Error::BadAddress),
    };
    let id = space.id();
    if cow::is_own(frames, id, &region, frame) {
        let stop = table::walk(machine, space.root(), va);
        machine.write_entry(stop.at, stop.entry | Pte::DIRTY);
        return Ok(frame);
    }
    let own = cow::own(frames, machine, id, va, frame);
    let (_, copy) = own.ok_or(Error::OutOfMemory)?;
    if copy == frame {
        return Ok(frame);
    }
    let stop = table::walk(machine, space.root(), va);
    let memory = machine.dialect().bits(MemoryType::Ram);
    // Written, even where the program may not write: a page without D is as it was at first, and can be dropped.
    let flags = stop.entry & KEPT | memory | Pte::DIRTY;
    machine.write_entry(stop.at, Pte::leaf(M::MODE, copy, flags).raw());
    machine.fence_page(va);
    Ok(copy)
}

fn region_of(space: &Space, va: VirtAddr) -> Option<Region> {
    let region = space.regions()[space.place_of(va)?];
    let usable = region.prot.read() || region.prot.write() || region.prot.execute();
    usable.then_some(region)
}

fn to_page_end(va: VirtAddr) -> usize {
    (PAGE_BYTES - va.raw() % PAGE_BYTES) as usize
}
