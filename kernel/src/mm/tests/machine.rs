//! The simulated machine as `mm` sees it, and a bench to put spaces on.

use abi::Outcome;
use pagetable::{Dialect, Mode, PAGE_BYTES, PhysAddr, VirtAddr};
use sim::{Quirks, SimCause, SimRam};

use crate::mm::reclaim::evict_page;
use crate::mm::store::StoreFull;
use crate::mm::{
    Backing, BootRam, Budget, Fast, FrameDescriptor, Frames, Machine, PageInFailed, RamStore,
    Refused, Resolution, Space, Unresolved, ZipRoom, ZipScratch, ZipStore, page_in, resolve, table,
};

/// A simulated machine with a mode in its type.
pub trait TestMachine: Machine + 'static + Sized {
    fn new(machine: sim::SimMachine) -> Self;
    fn hart(&mut self) -> &mut sim::SimMachine;
}

macro_rules! test_machine {
    ($name:ident, $mode:expr) => {
        #[derive(Debug)]
        pub struct $name(sim::SimMachine);

        impl TestMachine for $name {
            fn new(machine: sim::SimMachine) -> Self {
                $name(machine)
            }

            fn hart(&mut self) -> &mut sim::SimMachine {
                &mut self.0
            }
        }

        impl Machine for $name {
            const MODE: Mode = $mode;

            fn dialect(&self) -> Dialect {
                self.0.dialect()
            }

            fn read_entry(&self, at: PhysAddr) -> u64 {
                self.0.read_entry(at)
            }

            fn write_entry(&mut self, at: PhysAddr, value: u64) {
                self.0.write_entry(at, value)
            }

            fn zero_frame(&mut self, frame: PhysAddr) {
                self.0.zero_frame(frame)
            }

            fn copy_frame(&mut self, from: PhysAddr, to: PhysAddr) {
                self.0.copy_frame(from, to)
            }

            fn phys_to_virt(&self, at: PhysAddr) -> usize {
                at.raw() as usize
            }

            fn read_bytes(&self, at: PhysAddr, into: &mut [u8]) {
                self.0.read_bytes(at, into)
            }

            fn write_bytes(&mut self, at: PhysAddr, from: &[u8]) {
                self.0.write_bytes(at, from)
            }

            fn fence_page(&mut self, va: VirtAddr) {
                self.0.fence_page(va)
            }

            fn fence_all(&mut self) {
                self.0.fence_all()
            }

            fn fence_code(&mut self) {
                self.0.fence_code()
            }
        }
    };
}

test_machine!(Sv39, Mode::Sv39);
test_machine!(Sv32, Mode::Sv32);

/// Runs a test on a plain hart, on one that faults once more on a fresh leaf, on one that keeps
/// whatever it found invalid, and on a C906, which leaves A and D to us, without memory types and with them. Sv32 has no such types.
pub fn on_every_hart(test: impl Fn(Quirks)) {
    test(Quirks::default());
    test(Quirks {
        spurious: true,
        ..Quirks::default()
    });
    test(Quirks {
        keeps_holes: true,
        reads_lines: true,
        ..Quirks::default()
    });
    test(Quirks::c906(false));
    test(Quirks::c906(true));
}

pub const RAM_BASE: u64 = 0x8000_0000;
/// Where RAM lies that is only counted.
pub const FAR_RAM: u64 = 0x1_0000_0000;
/// The first frames of RAM play the initrd: byte n of it is `image_byte(n)`.
pub const IMAGE_FRAMES: usize = 8;

/// A byte of the initrd.
pub fn image_byte(at: u64) -> u8 {
    (at % 251) as u8 + 1
}

/// A machine, its frames, and a kernel root that maps nothing.
pub struct Bench<M> {
    pub machine: M,
    pub frames: Frames,
    pub kernel_root: PhysAddr,
}

impl<M: TestMachine> Bench<M> {
    /// So many frames in the pool.
    pub fn new(quirks: Quirks, pool: usize) -> Bench<M> {
        Bench::with_far_ram(quirks, pool, 0)
    }

    /// With a backing store of so many slots in RAM.
    pub fn with_store(quirks: Quirks, pool: usize, slots: usize) -> Bench<M> {
        Bench::with(quirks, pool, slots, 0)
    }

    /// With a backing store of compressed pages: so many slots, and RAM for `room` whole pages.
    pub fn with_zip(quirks: Quirks, pool: usize, slots: usize, room: usize) -> Bench<M> {
        let mut bench = Bench::with(quirks, pool, room, 0);
        let Some(at) = bench.frames.backing.start() else {
            panic!("a store was asked for")
        };
        let noise = |count: usize| vec![0xabad_cafe_u32; count].leak();
        let room = ZipRoom {
            at,
            chunks: noise(ZipRoom::chunks_in(room as u64 * PAGE_BYTES)),
            values: vec![7; slots].leak(),
            lengths: noise(slots),
            sums: noise(slots),
            scratch: Box::leak(Box::new(ZipScratch::empty())),
        };
        bench.frames.backing = Backing::zip(ZipStore::new(room), noise(slots));
        bench
    }

    /// With so many bytes of RAM more, at [`FAR_RAM`], of which there are only the descriptors: no access may touch it.
    pub fn with_far_ram(quirks: Quirks, pool: usize, far: u64) -> Bench<M> {
        Bench::with(quirks, pool, 0, far)
    }

    fn with(quirks: Quirks, pool: usize, slots: usize, far: u64) -> Bench<M> {
        let frames = IMAGE_FRAMES + 1 + pool + slots;
        let mut ram = SimRam::new(RAM_BASE, frames);
        let image_bytes = IMAGE_FRAMES as u64 * PAGE_BYTES;
        for at in 0..image_bytes {
            ram.get_mut(PhysAddr::new(RAM_BASE + at), 1)[0] = image_byte(at);
        }
        let mut boot = BootRam::new();
        boot.add(RAM_BASE, frames as u64 * PAGE_BYTES).unwrap();
        if far > 0 {
            boot.add(FAR_RAM, far).unwrap();
        }
        boot.reserve(RAM_BASE, image_bytes).unwrap();
        let kernel_root = boot.take(PAGE_BYTES, PAGE_BYTES).unwrap();
        ram.get_mut(kernel_root, PAGE_BYTES as usize).fill(0);
        let backing = match slots {
            0 => Backing::none(),
            _ => {
                let at = boot.take(slots as u64 * PAGE_BYTES, PAGE_BYTES).unwrap();
                // Noise: a row is only meant once its slot was given out.
                Backing::ram(RamStore { at }, vec![0xabad_cafe; slots].leak())
            }
        };
        // Noise: rows are only meant once their frame was given out.
        let noise: Vec<FrameDescriptor> =
            vec![FrameDescriptor::NOISE; Frames::table_bytes(&boot) / size_of::<FrameDescriptor>()];
        let mut frames = Frames::new(
            noise.leak(),
            Box::leak(Box::new(Fast::EMPTY)),
            boot,
            None,
            None,
        );
        frames.backing = backing;
        Bench {
            machine: M::new(sim::SimMachine::new(M::MODE, ram, quirks)),
            frames,
            kernel_root,
        }
    }

    /// A space without regions.
    pub fn space(&mut self, id: u16) -> Space {
        Space::create(id, &mut self.frames, &mut self.machine, self.kernel_root).unwrap()
    }

    /// A child of a space, forked in pieces of a few pages; `None` without memory, and then nothing is left of it.
    pub fn fork(&mut self, space: &Space, id: u16) -> Option<Space> {
        let (frames, machine) = (&mut self.frames, &mut self.machine);
        let mut child = Space::create(id, frames, machine, self.kernel_root).ok()?;
        child.take_regions_of(space);
        let mut from = VirtAddr::new(0);
        loop {
            let mut budget = Budget::of_pages(3);
            match space.share_some(&mut child, from, &mut budget, frames, machine) {
                Ok(Some(next)) => from = next,
                Ok(None) => return Some(child),
                Err(_) => {
                    child.destroy(frames, machine);
                    return None;
                }
            }
        }
    }

    /// Frames given out.
    pub fn used(&self) -> u32 {
        self.frames.counts().used()
    }

    pub fn destroy(&mut self, mut space: Space) {
        space.destroy(&mut self.frames, &mut self.machine);
    }

    /// What a program does: access, fault, resolve, access again. Where the access landed, and
    /// how each fault on the way was resolved.
    pub fn touch(
        &mut self,
        space: &mut Space,
        va: u64,
        access: pagetable::AccessType,
    ) -> Result<(PhysAddr, Vec<Outcome>), Refused> {
        let va = VirtAddr::new(va);
        let mut outcomes = Vec::new();
        for _ in 0..4 {
            match self.machine.hart().access(space.root(), va, access) {
                Ok(at) => return Ok((at, outcomes)),
                Err(fault) => {
                    assert_eq!((fault.va, fault.cause), (va, SimCause::Page));
                    let (frames, machine) = (&mut self.frames, &mut self.machine);
                    match resolve(space, frames, machine, va, wanted(access)) {
                        Ok(Resolution { outcome, .. }) => outcomes.push(outcome),
                        Err(Unresolved::Refused(refused)) => return Err(refused),
                        Err(Unresolved::Wait(request)) => {
                            assert!(frames.backing.is_there(), "{request:?} of no store");
                            match page_in(space, frames, machine, request) {
                                Ok(found) => outcomes.extend(found.map(|it| it.outcome)),
                                Err(why) => return Err(refused(why)),
                            }
                        }
                    }
                }
            }
        }
        panic!("{va:?} faults without end: {outcomes:?}");
    }

    /// Takes a page of the space's own out of memory.
    pub fn evict(&mut self, space: &mut Space, va: VirtAddr) -> Result<(), StoreFull> {
        let stop = table::walk(&self.machine, space.root(), va);
        let page = table::page_of::<M>(stop.entry, stop.level).expect("it is in memory");
        let (frames, machine) = (&mut self.frames, &mut self.machine);
        evict_page(space, frames, machine, (va, page), true)
    }

    /// A program's load of a byte.
    pub fn load(&mut self, space: &mut Space, va: u64) -> Result<u8, Refused> {
        let (at, _) = self.touch(space, va, pagetable::AccessType::Read)?;
        Ok(self.machine.hart().ram.get(at, 1)[0])
    }

    /// A program's store of a byte.
    pub fn store(&mut self, space: &mut Space, va: u64, byte: u8) -> Result<(), Refused> {
        let (at, _) = self.touch(space, va, pagetable::AccessType::Write)?;
        self.machine.hart().ram.get_mut(at, 1)[0] = byte;
        Ok(())
    }
}

/// As a trap ends with a page that cannot come.
fn refused(why: PageInFailed) -> Refused {
    Refused {
        outcome: match why {
            PageInFailed::NoFrame => Outcome::OutOfMemory,
            PageInFailed::Corrupt => Outcome::StoreCorrupt,
        },
        class: abi::Class::None,
        level: 0,
        entry: 0,
    }
}

fn wanted(access: pagetable::AccessType) -> abi::Access {
    match access {
        pagetable::AccessType::Read => abi::Access::Read,
        pagetable::AccessType::Write => abi::Access::Write,
        pagetable::AccessType::Execute => abi::Access::Execute,
    }
}
