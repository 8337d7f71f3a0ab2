//! Memory as a debugger and the host's agent may look at it: RAM only. A device is never read:
//! that alone can change it.

use abi::Error;
use pagetable::{PAGE_BYTES, PhysAddr, Pte, VirtAddr};

use crate::mm::layout::is_user;
use crate::mm::{peek, poke, table};
use crate::platform::Platform;
use crate::system::System;
use crate::task::Slot;

/// Reads physical memory; how many bytes there were.
pub fn read_physical<P: Platform>(system: &System<P>, at: PhysAddr, into: &mut [u8]) -> usize {
    let there = system.boot.ram.there(at, into.len());
    system.local.platform.read_bytes(at, &mut into[..there]);
    there
}

/// Reads at a virtual address, a program's in the lower half and the kernel's in the upper;
/// how many bytes there were. Brings nothing in.
pub fn read<P: Platform>(
    system: &System<P>,
    slot: Option<Slot>,
    va: VirtAddr,
    into: &mut [u8],
) -> usize {
    if is_user(P::MODE, va) {
        return slot.map_or(0, |slot| {
            let (space, backing) = (system.tasks.space(slot), &system.frames.backing);
            peek(space, backing, &system.local.platform, va, into)
        });
    }
    let mut done = 0;
    while done < into.len() {
        let at = va.wrapping_add(done as u64);
        let bytes = ((PAGE_BYTES - at.raw() % PAGE_BYTES) as usize).min(into.len() - done);
        let read = kernel_address(system, at).map_or(0, |physical| {
            read_physical(system, physical, &mut into[done..done + bytes])
        });
        done += read;
        if read < bytes {
            break;
        }
    }
    done
}

/// Writes a program's memory, or the kernel's data.
pub fn write<P: Platform>(
    system: &mut System<P>,
    slot: Option<Slot>,
    va: VirtAddr,
    from: &[u8],
) -> Result<(), Error> {
    if is_user(P::MODE, va) {
        let space = system.tasks.space_mut(slot.ok_or(Error::NoSuchTask)?);
        return poke(
            space,
            &mut system.frames,
            &mut system.local.platform,
            va,
            from,
        );
    }
    // What the kernel itself may not write stays as it is.
    let mut done = 0;
    while done < from.len() {
        let at = va.wrapping_add(done as u64);
        let bytes = ((PAGE_BYTES - at.raw() % PAGE_BYTES) as usize).min(from.len() - done);
        let stop = table::walk(&system.local.platform, system.kernel_root, at);
        let physical = kernel_address(system, at).ok_or(Error::BadAddress)?;
        if !Pte::new(stop.entry).has(Pte::WRITE) {
            return Err(Error::AccessDenied);
        }
        if system.boot.ram.there(physical, bytes) < bytes {
            return Err(Error::BadAddress);
        }
        system
            .local
            .platform
            .write_bytes(physical, &from[done..done + bytes]);
        done += bytes;
    }
    Ok(())
}

/// Where the kernel's own tables lead.
fn kernel_address<P: Platform>(system: &System<P>, va: VirtAddr) -> Option<PhysAddr> {
    let stop = table::walk(&system.local.platform, system.kernel_root, va);
    let pte = Pte::new(stop.entry);
    let page = P::MODE.leaf_bytes(stop.level);
    pte.is_leaf()
        .then(|| pte.target(P::MODE).wrapping_add(va.raw() % page))
}
