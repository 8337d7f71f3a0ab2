//! System calls about memory: `abi::Call` has the contract of each.

use abi::{Advice, Error, map, prot};
use pagetable::{MemoryType, PhysAddr, VirtAddr};

use super::call_result::CallResult;
use super::lent;
use super::pages;
use super::unfinished::CallKey;
use crate::mm::{
    Budget, Frames, Job, MapRequest, Object, PAGE_BYTES, Placement, Prot, RegionKind, Space,
    Unreached, table,
};
use crate::platform::Platform;
use crate::system::System;

const KNOWN: usize = map::AT | map::RESERVE | map::WIRED | map::POPULATE | map::UNINITIALISED;

/// `Mmap(len, prot, flags, at, align)`.
pub fn mmap<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    [bytes, rights, flags, at, align]: [usize; 5],
) -> Result<CallResult, Unreached> {
    let has = |flag: usize| flags & flag != 0;
    if bytes == 0 || flags & !KNOWN != 0 || has(map::RESERVE) && has(map::WIRED | map::POPULATE) {
        return Err(Error::BadArgument.into());
    }
    // What the last owner left is not for the next one's eyes.
    if has(map::UNINITIALISED) {
        return Err(Error::AccessDenied.into());
    }
    let pages = (bytes as u64).div_ceil(PAGE_BYTES);
    let wanted = if has(map::RESERVE) {
        MapRequest {
            prot: Prot::NONE,
            max: Prot::NONE,
            kind: RegionKind::Reserved,
            ..MapRequest::zeros(pages)
        }
    } else {
        MapRequest {
            prot: decode(rights, Prot::DATA)?,
            ..MapRequest::zeros(pages)
        }
    };
    let place = place(has(map::AT), at, align);
    if has(map::WIRED) {
        return system.go_on_wired(key, place, &wanted);
    }
    system.go_on(key, |space, _, _| {
        let base = space.map::<P>(place, &wanted)?;
        let populate = has(map::POPULATE) && wanted.prot != Prot::NONE;
        let job = populate.then(|| Job::bring_in(base, base.wrapping_add(pages * PAGE_BYTES)));
        Ok((base.raw() as usize, job))
    })
}

/// `Munmap(addr, len)`.
pub fn munmap<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    lent::refuse_lent(system, at, bytes)?;
    let answer = system.go_on(key, |space, frames, platform| {
        let va = VirtAddr::new(at as u64);
        Ok((0, space.begin_unmap(va, bytes as u64, frames, platform)?))
    })?;
    if let CallResult::One(_) = answer {
        system.reap_objects();
    }
    Ok(answer)
}

/// `Protect(addr, len, prot)`.
pub fn protect<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
    bytes: usize,
    rights: usize,
) -> Result<CallResult, Unreached> {
    let rights = decode(rights, Prot::NONE)?;
    lent::refuse_lent(system, at, bytes)?;
    let va = VirtAddr::new(at as u64);
    system.go_on(key, |space, frames, platform| {
        let job = space.begin_protect(va, bytes as u64, rights, frames, platform)?;
        Ok((0, Some(job)))
    })
}

/// `Advise(addr, len, advice)`.
pub fn advise<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
    bytes: usize,
    advice: usize,
) -> Result<CallResult, Unreached> {
    let advice = Advice::decode(advice).ok_or(Error::BadArgument)?;
    match advice {
        Advice::DontNeed | Advice::Free => lent::refuse_lent(system, at, bytes)?,
        Advice::PageOut => return pages::advise_page_out(system, key, at, bytes),
        Advice::Normal | Advice::Random | Advice::WillNeed => {}
    }
    let va = VirtAddr::new(at as u64);
    system.go_on(key, |space, _, _| {
        Ok((0, space.begin_advise(va, bytes as u64, advice)?))
    })
}

/// `MapDevice(frame, len, prot)`.
pub fn map_device<P: Platform>(
    system: &mut System<P>,
    frame: usize,
    bytes: usize,
    rights: usize,
) -> Result<CallResult, Error> {
    let prot = decode(rights, Prot::DATA)?;
    let pages = (bytes as u64).div_ceil(PAGE_BYTES);
    if pages == 0 {
        return Err(Error::BadArgument);
    }
    let first = (frame as u64).checked_mul(PAGE_BYTES);
    let first = first.ok_or(Error::BadAddress)?;
    let length = pages * PAGE_BYTES;
    if !system.boot.board.may_map(first, length) {
        return Err(Error::BadAddress);
    }
    // A device has one owner: two drivers would not know of each other.
    let current = system.local.schedule.current();
    let current = system.tasks.process(current).pid;
    let taken = system.tasks.processes().any(|process| {
        // Nothing of one that has ended runs any more, though its memory may still be there.
        process.pid != current
            && system.tasks.at(process.first).is_alive()
            && process.space.regions().iter().any(|region| {
                let Object::Phys { at, .. } = region.object else {
                    return false;
                };
                let end = at.raw() + u64::from(region.pages) * PAGE_BYTES;
                at.raw() < first + length && first < end
            })
    });
    if taken {
        return Err(Error::InUse);
    }
    // Large leaves need both addresses to agree.
    let large = [2, 1].map(|level| P::MODE.leaf_bytes(level.min(P::MODE.levels() - 1)));
    let align = large
        .into_iter()
        .find(|&bytes| length >= bytes && first.is_multiple_of(bytes));
    let wanted = MapRequest {
        pages,
        prot,
        max: Prot::DATA,
        kind: RegionKind::Device,
        object: Object::Phys {
            at: PhysAddr::new(first),
            memory: MemoryType::Device,
        },
    };
    let (space, ..) = system.memory();
    let align = align.unwrap_or(PAGE_BYTES);
    let base = space.map::<P>(Placement::Anywhere { align }, &wanted)?;
    Ok(CallResult::One(base.raw() as usize))
}

/// `ShareCreate(len)`.
pub fn share_create<P: Platform>(
    system: &mut System<P>,
    bytes: usize,
) -> Result<CallResult, Error> {
    let pages = (bytes as u64).div_ceil(PAGE_BYTES);
    let task = system.tasks.process(system.local.schedule.current()).pid;
    system
        .objects
        .create(pages, task, &mut system.frames, &mut system.local.platform)
        .map(CallResult::One)
}

/// `ShareAttach(id, prot, at)`.
pub fn share_attach<P: Platform>(
    system: &mut System<P>,
    id: usize,
    rights: usize,
    at: usize,
) -> Result<CallResult, Error> {
    let prot = decode(rights, Prot::DATA)?;
    let (object, pages) = system.objects.attach(id)?;
    let wanted = MapRequest {
        prot,
        // Who attached it to read may not write to it later.
        max: prot,
        kind: RegionKind::Shared,
        object,
        ..MapRequest::zeros(pages.into())
    };
    let (space, ..) = system.memory();
    let base = space.map::<P>(place(at != 0, at, 0), &wanted)?;
    Ok(CallResult::One(base.raw() as usize))
}

/// `ShareDetach(addr)`.
pub fn share_detach<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    at: usize,
) -> Result<CallResult, Unreached> {
    let answer = system.go_on(key, |space, frames, platform| {
        let va = VirtAddr::new(at as u64);
        let region = space.region_at(va).ok_or(Error::NotFound)?;
        if region.kind != RegionKind::Shared || region.base != va {
            return Err(Error::NotFound);
        }
        let bytes = u64::from(region.pages) * PAGE_BYTES;
        Ok((0, space.begin_unmap(va, bytes, frames, platform)?))
    })?;
    if let CallResult::One(_) = answer {
        system.reap_objects();
    }
    Ok(answer)
}

/// `ShareDestroy(id)`.
pub fn share_destroy<P: Platform>(system: &mut System<P>, id: usize) -> Result<CallResult, Error> {
    let task = system.tasks.process(system.local.schedule.current()).pid;
    system.objects.end(id, task)?;
    system.reap_objects();
    Ok(CallResult::One(0))
}

/// `Translate(addr)`.
pub fn translate<P: Platform>(system: &mut System<P>, at: usize) -> Result<CallResult, Error> {
    let (space, _, platform) = system.memory();
    let va = VirtAddr::new(at as u64);
    if space.region_at(va).is_none() {
        return Err(Error::BadAddress);
    }
    let stop = table::walk(platform, space.root(), va);
    let page = table::page_of::<P>(stop.entry, stop.level).ok_or(Error::NotFound)?;
    let within = va.offset(P::MODE.leaf_bytes(stop.level));
    let frame = page.wrapping_add(within).frame();
    Ok(CallResult::Two(frame as usize, stop.entry as usize & 0x3ff))
}

/// Rights as a program says them; `otherwise` where it says none.
fn decode(rights: usize, otherwise: Prot) -> Result<Prot, Error> {
    if rights & !(prot::READ | prot::WRITE | prot::EXECUTE) != 0 {
        return Err(Error::BadArgument);
    }
    if rights == 0 {
        return Ok(otherwise);
    }
    let prot = Prot::new(
        rights & prot::READ != 0,
        rights & prot::WRITE != 0,
        rights & prot::EXECUTE != 0,
    );
    prot.is_allowed().then_some(prot).ok_or(Error::AccessDenied)
}

fn place(fixed: bool, at: usize, align: usize) -> Placement {
    match (fixed, align) {
        (true, _) => Placement::At(VirtAddr::new(at as u64)),
        (false, 0) => Placement::ANYWHERE,
        (false, align) => Placement::Anywhere {
            align: align as u64,
        },
    }
}

impl<P: Platform> System<P> {
    /// The running task's space, and what it is made of.
    pub fn memory(&mut self) -> (&mut Space, &mut Frames, &mut P) {
        let space = self.tasks.space_mut(self.local.schedule.current());
        (space, &mut self.frames, &mut self.local.platform)
    }

    /// A task has lost regions: shared objects that were its alone may have no user now. What one
    /// entry is not enough for goes when the tasks change turns.
    pub fn reap_objects(&mut self) {
        let spaces = self.tasks.spaces();
        let mut budget = Budget::of_an_entry();
        let (frames, platform) = (&mut self.frames, &mut self.local.platform);
        self.objects.reap(spaces, &mut budget, frames, platform);
        if self.objects.owes_frames() {
            self.local.schedule.request_resched();
        }
    }

    /// Does every frame have one owner, and does all add up? In one go, for tests.
    #[cfg(test)]
    pub fn audit(&mut self) -> crate::mm::Audit {
        let spaces = self.tasks.spaces();
        let (frames, platform) = (&mut self.frames, &self.local.platform);
        crate::mm::audit(frames, platform, spaces, &self.objects)
    }
}
