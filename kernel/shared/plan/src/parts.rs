//! The three lists of a kernel's map: the Image, RAM, device pages.
//!
//! Each function calls `put` once for a range; a range of no bytes is possible, and maps nothing. The order is that
//! in which the kernel takes its tables, so it decides where they lie.

use pagetable::{MemoryType, PAGE_BYTES, PhysAddr, Pte};

use crate::{CONSOLE, PLIC, Range, VirtualLayout};

const READ: u64 = Pte::READ;
const WRITE: u64 = Pte::WRITE;
const EXEC: u64 = Pte::EXEC;

/// Where the parts of the Image lie, as distances in bytes from its first byte.
#[derive(Clone, Copy, Debug)]
pub struct ImageSections {
    /// Physical address of the first byte.
    pub base: PhysAddr,
    /// End of the instructions.
    pub text_end: u64,
    /// End of the constants.
    pub rodata_end: u64,
    /// The page below the boot stack, never mapped.
    pub guard: u64,
    /// End of everything that is the kernel's.
    pub end: u64,
    /// The pool of boot tables.
    pub tables: u64,
}

/// A range to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// Virtual address of the first byte.
    pub va: u64,
    /// Physical address of the first byte.
    pub pa: u64,
    /// Length in bytes; 0 maps nothing.
    pub bytes: u64,
    /// `Pte::READ`, `WRITE` and `EXEC`, as far as they are granted.
    pub rights: u64,
    /// The type of memory that the leaves state.
    pub memory: MemoryType,
}

/// The registers of an interrupt controller that the kernel uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlicPages {
    /// Physical address of source 0's priority.
    pub base: u64,
    /// Context of the boot hart in S-mode.
    pub context: u32,
}

/// A page of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePage {
    /// [`CONSOLE`] or [`PLIC`].
    pub device: usize,
    /// Physical address at which the device's registers begin.
    pub base: u64,
    /// Physical address of the page.
    pub page: u64,
}

/// The Image where it was linked.
#[inline(always)]
pub fn image<E>(
    seen: &VirtualLayout,
    parts: &ImageSections,
    mut put: impl FnMut(Put) -> Result<(), E>,
) -> Result<(), E> {
    let base = parts.base.raw();
    let ranges = [
        (0, parts.text_end, READ | EXEC),
        (parts.text_end, parts.rodata_end, READ),
        (parts.rodata_end, parts.guard, READ | WRITE),
        (parts.guard + PAGE_BYTES, parts.end, READ | WRITE),
    ];
    for (from, to, rights) in ranges {
        put(Put {
            va: seen.link + from,
            pa: base + from,
            bytes: to - from,
            rights,
            memory: MemoryType::Ram,
        })?;
    }
    Ok(())
}

/// The parts of the Image that are never written, `image_bytes` being its length with pad and initrd: what runs, the
/// constants, and the initrd.
#[inline(always)]
pub fn read_only(parts: &ImageSections, image_bytes: u64) -> [Range; 2] {
    let base = parts.base.raw();
    [
        Range {
            base,
            bytes: parts.rodata_end,
        },
        Range {
            base: base + parts.end,
            bytes: image_bytes - parts.end,
        },
    ]
}

/// All RAM but what others hold of it, with `read_only` of it not writable.
#[inline(always)]
pub fn ram<E>(
    seen: &VirtualLayout,
    ram: &[Range],
    held: &[Range],
    read_only: &[Range],
    mut put: impl FnMut(Put) -> Result<(), E>,
) -> Result<(), E> {
    let physmap = |range: Range, rights| Put {
        va: seen.phys_to_virt(PhysAddr::new(range.base)),
        pa: range.base,
        bytes: range.bytes,
        rights,
        memory: MemoryType::Ram,
    };
    for &range in read_only {
        put(physmap(range, READ))?;
    }
    for &range in ram {
        let holes = held.iter().chain(read_only).copied();
        for piece in range.without(holes) {
            put(physmap(piece, READ | WRITE))?;
        }
    }
    Ok(())
}

/// The registers of the board's console and interrupt controller.
#[inline(always)]
pub fn devices<E>(
    seen: &VirtualLayout,
    pages: impl Iterator<Item = DevicePage>,
    mut put: impl FnMut(Put) -> Result<(), E>,
) -> Result<(), E> {
    for DevicePage { device, base, page } in pages {
        put(Put {
            va: seen.device(device, base, page),
            pa: page,
            bytes: PAGE_BYTES,
            rights: READ | WRITE,
            memory: MemoryType::Device,
        })?;
    }
    Ok(())
}

/// The pages of device registers that the kernel touches: the console's at `console`, and of the PLIC the
/// priorities, this context's enables, and its threshold and claim.
pub fn device_pages(console: u64, plic: Option<PlicPages>) -> impl Iterator<Item = DevicePage> {
    let plic = plic.into_iter().flat_map(|plic| {
        let context = u64::from(plic.context);
        [0, 0x2000 + 0x80 * context, 0x20_0000 + 0x1000 * context]
            .map(|offset| (PLIC, plic.base, plic.base + offset))
    });
    core::iter::once((CONSOLE, console, console))
        .chain(plic)
        .map(|(device, base, at)| DevicePage {
            device,
            base,
            page: at / PAGE_BYTES * PAGE_BYTES,
        })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use pagetable::Mode;
    use std::vec::Vec;

    fn collect(
        fill: impl FnOnce(&mut dyn FnMut(Put) -> Result<(), ()>) -> Result<(), ()>,
    ) -> Vec<Put> {
        let mut all = Vec::new();
        let mut put = |it: Put| {
            all.push(it);
            Ok(())
        };
        fill(&mut put).unwrap();
        all
    }

    #[test]
    fn ram_is_seen_once_and_the_constants_are_not_writable() {
        let seen = VirtualLayout::of(Mode::Sv39);
        let parts = ImageSections {
            base: PhysAddr::new(0x8020_0000),
            text_end: 0x1_0000,
            rodata_end: 0x2_0000,
            guard: 0x3_0000,
            end: 0x4_0000,
            tables: 0x2_8000,
        };
        let range = |base, bytes| Range { base, bytes };
        let all = [range(0x8000_0000, 0x100_0000)];
        let held = [range(0x8000_0000, 0x8_0000)];
        let constant = read_only(&parts, 0x6_0000);
        let puts = collect(|put| ram(&seen, &all, &held, &constant, put));
        let listed: Vec<_> = puts.iter().map(|it| (it.pa, it.bytes, it.rights)).collect();
        assert_eq!(
            listed,
            [
                (0x8020_0000, 0x2_0000, READ),
                (0x8024_0000, 0x2_0000, READ),
                (0x8008_0000, 0x18_0000, READ | WRITE),
                (0x8022_0000, 0x2_0000, READ | WRITE),
                (0x8026_0000, 0xda_0000, READ | WRITE),
            ]
        );
        assert!(puts.iter().all(|it| it.va == seen.physmap + it.pa));
        let image: Vec<_> = collect(|put| image(&seen, &parts, put));
        assert_eq!(image.iter().map(|it| it.bytes).sum::<u64>(), 0x3_f000);
    }

    #[test]
    fn sv32_keeps_devices_apart_from_ram() {
        let seen = VirtualLayout::of(Mode::Sv32);
        let plic = PlicPages {
            base: 0xc00_0000,
            context: 1,
        };
        let puts = collect(|put| devices(&seen, device_pages(0x1000_0000, Some(plic)), put));
        let listed: Vec<_> = puts.iter().map(|it| (it.va, it.pa)).collect();
        assert_eq!(
            listed,
            [
                (0xbf00_0000, 0x1000_0000),
                (0xbf40_0000, 0xc00_0000),
                (0xbf40_2000, 0xc00_2000),
                (0xbf60_1000, 0xc20_1000),
            ]
        );
    }
}
