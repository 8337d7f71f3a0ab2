//! Virtual addresses of the kernel, by paging mode.
//!
//! ```text
//! RV64 ffff_ffff_8000_0000  the Image as linked: text RX · rodata R · data, BSS, stack RW · guard –
//! RV32           be00_0000
//! RV64 ffff_ffc0_0000_0000  physmap: all RAM RW in the largest leaves, the Image's text, constants
//! RV32           8000_0000  and initrd R; firmware's memory left out
//! RV64 (in the physmap)     device pages RW, I/O typed
//! RV32           bf00_0000
//! RV64 ffff_ffff_a000_0000  stacks of harts besides the boot hart: an empty page, stack, block, RW
//! RV32           be80_0000
//! ```

use pagetable::{Mode, PhysAddr};

use crate::Range;

/// Number of the console among the devices.
pub const CONSOLE: usize = 0;
/// Number of the interrupt controller among the devices.
pub const PLIC: usize = 1;

/// Where a paging mode's kernel sees what.
#[derive(Clone, Copy, Debug)]
pub struct VirtualLayout {
    /// Where it is linked (`build.rs` passes it to the linker).
    pub link: u64,
    /// Where physical address 0 appears, or would, if it were RAM.
    pub physmap: u64,
    /// Physical memory that the physmap shows.
    pub reach: Range,
    devices: Devices,
    /// Where the stacks of other harts than the boot hart begin, each with an empty page below.
    stacks: u64,
}

/// Bytes from the stack of one hart to that of the next.
const STACK_STRIDE: u64 = 0x1_0000;

/// Where device registers appear.
#[derive(Clone, Copy, Debug)]
enum Devices {
    /// As RAM does.
    Physmap,
    /// From an address on, each device with so many bytes.
    Apart { base: u64, each: u64 },
}

impl VirtualLayout {
    /// The physmap has 254 GiB.
    pub const SV39: VirtualLayout = VirtualLayout {
        link: 0xffff_ffff_8000_0000,
        physmap: 0xffff_ffc0_0000_0000,
        reach: Range {
            base: 0,
            bytes: 254 << 30,
        },
        devices: Devices::Physmap,
        stacks: 0xffff_ffff_a000_0000,
    };

    /// RAM appears at its own addresses, 992 MiB of it; what RAM there is elsewhere is not used.
    /// Each device has room for a PLIC with 511 contexts. Below and above is the programs'.
    pub const SV32: VirtualLayout = VirtualLayout {
        link: 0xbe00_0000,
        physmap: 0,
        reach: Range {
            base: 0x8000_0000,
            bytes: 992 << 20,
        },
        devices: Devices::Apart {
            base: 0xbf00_0000,
            each: 4 << 20,
        },
        stacks: 0xbe80_0000,
    };

    /// Those of a mode that the kernel runs in.
    #[inline]
    pub const fn of(mode: Mode) -> VirtualLayout {
        match mode {
            Mode::Sv32 => VirtualLayout::SV32,
            _ => VirtualLayout::SV39,
        }
    }

    /// Where the kernel sees physical address `at`, which lies in `reach`.
    #[inline]
    pub const fn phys_to_virt(&self, at: PhysAddr) -> u64 {
        self.physmap.wrapping_add(at.raw())
    }

    /// The first byte of the stack of the hart with that index, from 1.
    pub const fn stack(&self, index: usize) -> u64 {
        self.stacks + index as u64 * STACK_STRIDE
    }

    /// Where the kernel sees byte `at` of device number `slot`, whose registers begin at `base`.
    pub const fn device(&self, slot: usize, base: u64, at: u64) -> u64 {
        match self.devices {
            Devices::Physmap => self.physmap + at,
            Devices::Apart { base: first, each } => first + slot as u64 * each + (at - base),
        }
    }
}
