//! Copies between the kernel and a program's memory, page by page through the resolver:
//! never through the program's own mapping, so they cannot fault.

use abi::{Access, Error, Outcome};
use pagetable::{PhysAddr, Pte, VirtAddr};

use super::layout::{is_user, user_ranges};
use super::{
    Frames, Machine, Object, PAGE_BYTES, PageRequest, Resolution, Space, Unresolved, resolve, table,
};

/// Why memory of a program cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// The range cannot be accessed: the call fails with this error.
    Refused(Error),
    /// It can when this page has come.
    Wait(PageRequest),
}

impl From<Error> for Unreached {
    fn from(error: Error) -> Unreached {
        Unreached::Refused(error)
    }
}

/// A space whose memory the kernel reads and writes on the program's behalf.
pub struct UserMemory<'a, M, S> {
    /// The space whose memory is copied; it need not be active.
    pub space: &'a mut Space,
    /// Where missing pages come from.
    pub frames: &'a mut Frames,
    /// The machine whose memory the frames lie in.
    pub machine: &'a mut M,
    /// Called for every page that was not there: a fault in all but the trap.
    pub paged_in: S,
}

impl<M: Machine, S: FnMut(&M, VirtAddr, Access, &Resolution)> UserMemory<'_, M, S> {
    /// Reads `into.len()` bytes at `va`. On an error what was read is arbitrary.
    pub fn read(&mut self, va: VirtAddr, into: &mut [u8]) -> Result<(), Unreached> {
        let mut va = checked::<M>(va, into.len())?;
        let mut rest = into;
        while !rest.is_empty() {
            let at = self.reach(va, Access::Read)?;
            let (piece, next) = rest.split_at_mut(to_page_end(va).min(rest.len()));
            self.machine.read_bytes(at, piece);
            va = va.wrapping_add(piece.len() as u64);
            rest = next;
        }
        Ok(())
    }

    /// Writes `from` at `va`. On an error some of it may have been written.
    pub fn write(&mut self, va: VirtAddr, from: &[u8]) -> Result<(), Unreached> {
        let mut va = checked::<M>(va, from.len())?;
        let mut rest = from;
        while !rest.is_empty() {
            let at = self.reach(va, Access::Write)?;
            let (piece, next) = rest.split_at(to_page_end(va).min(rest.len()));
            self.machine.write_bytes(at, piece);
            va = va.wrapping_add(piece.len() as u64);
            rest = next;
        }
        Ok(())
    }

    /// The address of the byte, in a frame of RAM: a device's registers are nothing that the
    /// kernel could see, and nothing that it should read on a program's behalf.
    fn reach(&mut self, va: VirtAddr, access: Access) -> Result<PhysAddr, Unreached> {
        let region = self.space.region_at(va).ok_or(Error::BadAddress)?;
        if matches!(region.object, Object::Phys { .. }) {
            return Err(Error::BadAddress.into());
        }
        match resolve(self.space, self.frames, self.machine, va, access) {
            Ok(resolution) => {
                if resolution.outcome != Outcome::Spurious {
                    (self.paged_in)(self.machine, va, access, &resolution);
                }
                Ok(resolution.frame.wrapping_add(va.raw() % PAGE_BYTES))
            }
            Err(Unresolved::Wait(request)) => Err(Unreached::Wait(request)),
            Err(Unresolved::Refused(refused)) if refused.outcome == Outcome::OutOfMemory => {
                Err(Error::OutOfMemory.into())
            }
            Err(Unresolved::Refused(refused)) if refused.outcome == Outcome::Lent => {
                Err(Error::ShareViolation.into())
            }
            Err(Unresolved::Refused(_)) => Err(Error::BadAddress.into()),
        }
    }
}

/// The whole range must be the program's before a byte of it is touched.
fn checked<M: Machine>(va: VirtAddr, bytes: usize) -> Result<VirtAddr, Error> {
    let end = va
        .raw()
        .checked_add(bytes as u64)
        .ok_or(Error::BadAddress)?;
    let last = VirtAddr::new(end.saturating_sub(1).max(va.raw()));
    // The programs' part may be two, with the kernel between them.
    let apart = user_ranges(M::MODE)
        .windows(2)
        .any(|pair| va.raw() < pair[0].end && last.raw() >= pair[1].start);
    if !is_user(M::MODE, va) || !is_user(M::MODE, last) || apart {
        Err(Error::BadAddress)
    } else {
        Ok(va)
    }
}

fn to_page_end(va: VirtAddr) -> usize {
    (PAGE_BYTES - va.raw() % PAGE_BYTES) as usize
}

/// Zeros bytes of one page, if that page is there, as a store of the program would.
pub(super) fn clear<M: Machine>(space: &Space, machine: &mut M, va: VirtAddr, bytes: usize) {
    const ZEROS: [u8; PAGE_BYTES as usize] = [0; PAGE_BYTES as usize];
    let stop = table::walk(machine, space.root(), va);
    if let Some(page) = table::page_of::<M>(stop.entry, stop.level) {
        let within = va.offset(M::MODE.leaf_bytes(stop.level));
        machine.write_bytes(
            page.wrapping_add(within),
            &ZEROS[..bytes.min(to_page_end(va))],
        );
        // What the backing store has of it is not what it holds any more.
        machine.write_entry(stop.at, stop.entry | Pte::DIRTY);
    }
}
