//! Copies between the kernel and a program's memory, page by page through the resolver:
//! never through the program's own mapping, so they cannot fault.

use abi::{Access, Error, Outcome, Source};
use pagetable::{PhysAddr, VirtAddr};

use super::{Frames, Machine, PAGE_BYTES, Space, resolve, user_end};

/// Reads `into.len()` bytes of the space at `va`. On an error what was read is arbitrary.
pub fn copy_in<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    into: &mut [u8],
) -> Result<(), Error> {
    let mut va = checked::<M>(va, into.len())?;
    let mut rest = into;
    while !rest.is_empty() {
        let at = reach(space, frames, machine, va, Access::Read)?;
        let (piece, next) = rest.split_at_mut(to_page_end(va).min(rest.len()));
        machine.read_bytes(at, piece);
        va = VirtAddr::new(va.raw() + piece.len() as u64);
        rest = next;
    }
    Ok(())
}

/// Writes `from` to the space at `va`. On an error some of it may have been written.
pub fn copy_out<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    from: &[u8],
) -> Result<(), Error> {
    let mut va = checked::<M>(va, from.len())?;
    let mut rest = from;
    while !rest.is_empty() {
        let at = reach(space, frames, machine, va, Access::Write)?;
        let (piece, next) = rest.split_at(to_page_end(va).min(rest.len()));
        machine.write_bytes(at, piece);
        va = VirtAddr::new(va.raw() + piece.len() as u64);
        rest = next;
    }
    Ok(())
}

/// The whole range must be the program's before a byte of it is touched.
fn checked<M: Machine>(va: VirtAddr, bytes: usize) -> Result<VirtAddr, Error> {
    let end = va
        .raw()
        .checked_add(bytes as u64)
        .ok_or(Error::BadAddress)?;
    if end > user_end(M::MODE).raw() {
        Err(Error::BadAddress)
    } else {
        Ok(va)
    }
}

fn to_page_end(va: VirtAddr) -> usize {
    (PAGE_BYTES - va.raw() % PAGE_BYTES) as usize
}

fn reach<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    access: Access,
) -> Result<PhysAddr, Error> {
    match resolve(space, frames, machine, va, access, Source::Kernel) {
        Ok(resolution) => Ok(PhysAddr::new(
            resolution.frame.raw() + va.raw() % PAGE_BYTES,
        )),
        Err(refused) if refused.outcome == Outcome::OutOfMemory => Err(Error::OutOfMemory),
        Err(_) => Err(Error::BadAddress),
    }
}
