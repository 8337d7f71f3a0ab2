//! The part of a history in which memory is short: pages go, of whom does not matter.

use super::{Known, World};
use crate::mm::tests::machine::TestMachine;
use crate::mm::{Policy, ReclaimSpaces, Space, reclaim};

/// The spaces of a history. The second one may be active on another hart.
struct KnownSpaces<'a> {
    spaces: &'a mut [Known],
    is_busy: bool,
}

impl ReclaimSpaces for KnownSpaces<'_> {
    fn get(&mut self, id: u16) -> Option<&mut Space> {
        let mut spaces = self.spaces.iter_mut().enumerate();
        let (place, known) = spaces.find(|(_, known)| known.space.id() == id)?;
        (place == 0 || !self.is_busy).then_some(&mut known.space)
    }

    fn each(&mut self, mut see: impl FnMut(&mut Space, bool)) {
        for (place, known) in self.spaces.iter_mut().enumerate() {
            see(&mut known.space, place > 0 && self.is_busy);
        }
    }
}

impl<M: TestMachine> World<M> {
    pub(super) fn evict(&mut self) {
        let policies = [Policy::Clock, Policy::Nru, Policy::Lru];
        let wanted = 1 + self.chance.below(12) as u32;
        let frames = &mut self.bench.frames;
        frames.evictor.policy = policies[self.chance.below(3) as usize];
        let before = frames.counts().free();
        let busy: Option<(u16, u32)> = self.chance.one_in(2).then(|| {
            let known = &self.spaces[1].space;
            (known.id(), known.resident())
        });
        let mut spaces = KnownSpaces {
            spaces: &mut self.spaces,
            is_busy: busy.is_some(),
        };
        let how = (wanted, self.chance.one_in(4));
        let machine = &mut self.bench.machine;
        let got = reclaim(frames, machine, &mut spaces, &self.objects, how).frames;
        assert_eq!(frames.counts().free(), before + got);
        assert!(got <= wanted);
        assert!(frames.backing.is_there() || got == 0);
        if let Some((id, resident)) = busy {
            let known = &self.spaces[1].space;
            assert_eq!(
                (known.id(), known.resident()),
                (id, resident),
                "busy pages stay"
            );
        }
    }
}
