//! The part of a history that several spaces share.

use std::collections::BTreeMap;

use pagetable::{PAGE_BYTES, VirtAddr};

use super::World;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::mm::{Budget, MapRequest, Object, Placement, RegionKind};

impl<M: TestMachine> World<M> {
    pub(super) fn share(&mut self) {
        let known = &mut self.spaces[0];
        let task = known.space.id();
        let Bench {
            frames, machine, ..
        } = &mut self.bench;
        let ids: Vec<usize> = self.shared.keys().copied().collect();
        let some = ids.get(self.chance.below(ids.len().max(1) as u64) as usize);
        match (self.chance.below(4), some) {
            (0, _) | (_, None) => {
                let pages = 1 + self.chance.below(4);
                if let Ok(id) = self.objects.create(pages, task, frames, machine) {
                    assert!(self.shared.insert(id, BTreeMap::new()).is_none());
                }
            }
            (1, Some(&id)) => {
                let _ = self.objects.end(id, task);
                self.reap();
            }
            (_, Some(&id)) => {
                let Ok((object, pages)) = self.objects.attach(id) else {
                    return;
                };
                let wanted = MapRequest {
                    kind: RegionKind::Shared,
                    object,
                    ..MapRequest::zeros(pages.into())
                };
                if let Ok(base) = known.space.map::<M>(Placement::ANYWHERE, &wanted) {
                    known.attached.push((base.raw(), id));
                }
            }
        }
    }

    pub(super) fn reap(&mut self) {
        let spaces = self.spaces.iter().map(|known| &known.space);
        self.objects.reap(
            spaces,
            &mut Budget::of_an_entry(),
            &mut self.bench.frames,
            &self.bench.machine,
        );
        let live = |id: usize| {
            let attached = self.spaces.iter().flat_map(|known| &known.attached);
            self.objects.attach(id).is_ok() || attached.into_iter().any(|&(_, other)| other == id)
        };
        let ended: Vec<usize> = self
            .shared
            .keys()
            .copied()
            .filter(|&id| !live(id))
            .collect();
        for id in ended {
            self.shared.remove(&id);
        }
    }

    /// The region of a shared object that `va` lies in: its id, and the place within.
    pub(super) fn of_shared(&self, va: u64) -> Option<(usize, u64)> {
        let known = &self.spaces[0];
        let mut regions = known.space.regions().iter();
        let region = regions.find(|region| region.contains(VirtAddr::new(va)))?;
        let Object::Shared { object, page, .. } = region.object else {
            return None;
        };
        let within = va - region.base.raw() + u64::from(page) * PAGE_BYTES;
        let ids = self.shared.keys();
        let id = ids
            .copied()
            .find(|id| id % crate::mm::object::MAX_OBJECTS == usize::from(object))?;
        Some((id, within))
    }
}
