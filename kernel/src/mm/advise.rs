//! Advice: how a range will be used, as [`abi::Advice`] lists it.

use abi::{Access, Error};
use pagetable::VirtAddr;

use super::range::Covered;
use super::region::{Advice, Object, Prot, Region};
use super::{Frames, Machine, PAGE_BYTES, Space, resolve};

impl Space {
    /// Says how a range will be used: see [`abi::Advice`].
    pub fn advise<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        advice: abi::Advice,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let covered = self.covered(va, bytes)?;
        match advice {
            abi::Advice::Normal => self.set_advice(&covered, Advice::Normal),
            abi::Advice::Random => self.set_advice(&covered, Advice::Random),
            abi::Advice::WillNeed => {
                self.bring_in(va, covered.end, frames, machine);
                Ok(())
            }
            abi::Advice::DontNeed => self.forget(&covered, frames, machine),
        }
    }

    fn set_advice(&mut self, covered: &Covered, advice: Advice) -> Result<(), Error> {
        if !self.has_room(self.borders(covered)) {
            return Err(Error::LimitExceeded);
        }
        for region in self.isolate(covered) {
            region.advice = advice;
        }
        self.coalesce(covered.va, covered.end);
        Ok(())
    }

    /// Populates pages until one fails: WillNeed is a hint.
    fn bring_in<M: Machine>(
        &mut self,
        va: VirtAddr,
        end: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        let mut at = va;
        while at < end {
            let prot = self.region_at(at).map_or(Prot::NONE, |region| region.prot);
            let access = match prot {
                prot if prot.write() => Access::Write,
                prot if prot.read() => Access::Read,
                _ => Access::Execute,
            };
            if resolve(self, frames, machine, at, access).is_err() {
                return;
            }
            at = at.wrapping_add(PAGE_BYTES);
        }
    }

    /// Pages go, and are as at first when they are touched again.
    fn forget<M: Machine>(
        &mut self,
        covered: &Covered,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let own = |region: &Region| matches!(region.object, Object::Zero | Object::Image { .. });
        if !self.within(covered).iter().all(own) {
            return Err(Error::AccessDenied);
        }
        // The regions stay: tables at the borders may have pages of theirs.
        self.drop_pages(covered, 0..0, frames, machine);
        Ok(())
    }
}
