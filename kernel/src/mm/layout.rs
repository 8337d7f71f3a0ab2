//! Where a program may have memory, and where it is looked for: the windows of each preset.
//!
//! An ELF file's own addresses decide where text and data lie. What grows or is mapped later
//! goes where the program's preset says; a program names its preset in a note (see
//! `user/link.ld`), and has the first one otherwise.

use pagetable::{Mode, VirtAddr};

/// The lowest address a program may have; below it a null pointer is caught.
const USER_START: u64 = 0x1_0000;
/// Xous' four special return addresses lie on these pages: a jump there must fault.
const SPECIAL: UserRange = UserRange::new(0xff80_0000, 0xff81_0000);

/// Addresses `start` to `end`, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRange {
    /// First address, a multiple of 4096.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
}

impl UserRange {
    const fn new(start: u64, end: u64) -> UserRange {
        UserRange { start, end }
    }

    /// Does `va` lie in it?
    #[inline]
    pub fn contains(self, va: u64) -> bool {
        self.start <= va && va < self.end
    }

    /// Do both have an address in common?
    #[inline]
    pub fn meets(self, other: UserRange) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The programs' part of Sv32: the kernel's 1 GiB lies in it.
static SV32: [UserRange; 3] = [
    UserRange::new(USER_START, 0x8000_0000),
    UserRange::new(0xc000_0000, SPECIAL.start),
    UserRange::new(SPECIAL.end, 0xffff_f000),
];
static SV39: [UserRange; 2] = [
    UserRange::new(USER_START, SPECIAL.start),
    UserRange::new(SPECIAL.end, 0x40_0000_0000),
];

/// What programs may have; the kernel has the rest.
#[inline]
pub fn user_ranges(mode: Mode) -> &'static [UserRange] {
    match mode {
        Mode::Sv32 => &SV32,
        _ => &SV39,
    }
}

/// Entries of a root table that are the kernel's: the same in every space.
pub const fn kernel_entries(mode: Mode) -> core::ops::Range<usize> {
    match mode {
        Mode::Sv32 => 512..768,
        _ => mode.entries() / 2..mode.entries(),
    }
}

/// Can a program ever have memory at `va`?
#[inline]
pub fn is_user(mode: Mode, va: VirtAddr) -> bool {
    match mode {
        Mode::Sv32 => !(0x8000_0000..0xc000_0000).contains(&va.raw()),
        _ => va.raw() < 0x40_0000_0000,
    }
}

/// The first address that is the kernel's.
pub const fn kernel_start(mode: Mode) -> VirtAddr {
    VirtAddr::new(match mode {
        Mode::Sv32 => 0x8000_0000,
        _ => 0x40_0000_0000,
    })
}

/// Do all addresses from `start` to `end` (exclusive) lie in one window of the programs'?
pub fn is_user_range(mode: Mode, start: u64, end: u64) -> bool {
    user_ranges(mode)
        .iter()
        .any(|window| window.start <= start && end <= window.end)
}

/// Where a program's memory is looked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its name, as a program's note says it.
    pub name: &'static str,
    /// The heap; where it starts behind the program's last segment, from address 0 on.
    pub heap: UserRange,
    /// What `mmap` finds room in.
    pub map: UserRange,
    /// Kept free of all but messages.
    pub message: UserRange,
    /// One past the highest address of the stack.
    pub stack_end: u64,
}

/// As NuttX' `knsh_paging` and `knsh64_paging` have it (`CONFIG_ARCH_TEXT_VBASE` and so on).
const NUTTX: Layout = Layout {
    name: "nuttx",
    heap: UserRange::new(0xc020_0000, 0xc420_0000),
    map: UserRange::new(0xd000_0000, 0xe000_0000),
    message: UserRange::new(0xe000_0000, 0xe040_0000),
    stack_end: 0xf000_0000,
};
/// As Xous has it (`xous-rs`, `arch/riscv`).
const XOUS: Layout = Layout {
    name: "xous",
    heap: UserRange::new(0x2000_0000, 0x4000_0000),
    map: UserRange::new(0x6000_0000, 0x7000_0000),
    message: UserRange::new(0x4000_0000, 0x4040_0000),
    stack_end: 0x8000_0000,
};
/// As NuttX' `ox64:nsh` has it. On Sv32 the kernel lies there.
const OX64: Layout = Layout {
    name: "ox64",
    heap: UserRange::new(0x8020_0000, 0x8420_0000),
    map: UserRange::new(0x1_0000_0000, 0x2_0000_0000),
    message: UserRange::new(0x9000_0000, 0x9040_0000),
    stack_end: 0xc000_0000,
};
static LAYOUTS_SV32: [Layout; 3] = [
    Layout {
        name: "low",
        heap: UserRange::new(0, 0x4000_0000),
        map: UserRange::new(0x4000_0000, 0x7000_0000),
        message: UserRange::new(0x7000_0000, 0x7040_0000),
        stack_end: 0x7fff_f000,
    },
    NUTTX,
    XOUS,
];
static LAYOUTS_SV39: [Layout; 4] = [
    Layout {
        name: "low",
        heap: UserRange::new(0, SPECIAL.start),
        map: UserRange::new(0x20_0000_0000, 0x38_0000_0000),
        message: UserRange::new(0x10_0000_0000, 0x10_4000_0000),
        stack_end: 0x3f_ffff_f000,
    },
    NUTTX,
    XOUS,
    OX64,
];

impl Layout {
    /// The layout of a space that was given none.
    pub fn default_of(mode: Mode) -> &'static Layout {
        &Layout::all(mode)[0]
    }

    /// Every layout of a paging mode.
    pub fn all(mode: Mode) -> &'static [Layout] {
        match mode {
            Mode::Sv32 => &LAYOUTS_SV32,
            _ => &LAYOUTS_SV39,
        }
    }

    /// The layout of that name.
    pub fn named(mode: Mode, name: &[u8]) -> Option<&'static Layout> {
        Layout::all(mode)
            .iter()
            .find(|layout| layout.name.as_bytes() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_is_the_programs_and_no_two_meet() {
        for mode in [Mode::Sv32, Mode::Sv39] {
            for layout in Layout::all(mode) {
                let Layout {
                    name,
                    heap,
                    map,
                    message,
                    stack_end,
                } = layout;
                // What a program can ask for, see `task/program.rs`.
                let stack = UserRange::new(stack_end - (64 << 20), *stack_end);
                let windows = [*heap, *map, *message, stack];
                for (n, window) in windows.iter().enumerate() {
                    let start = window.start.max(USER_START);
                    assert!(
                        is_user_range(mode, start, window.end),
                        "{name} {window:x?} in {mode:?}"
                    );
                    for other in &windows[n + 1..] {
                        assert!(!window.meets(*other), "{name}: {window:x?} {other:x?}");
                    }
                }
                assert_eq!(Layout::named(mode, name.as_bytes()), Some(layout));
            }
        }
        assert_eq!(Layout::named(Mode::Sv32, b"ox64"), None);
    }

    #[test]
    fn what_is_no_programs_is_the_kernels() {
        for va in [0x8000_0000, 0xbfff_ffff] {
            assert!(!is_user(Mode::Sv32, VirtAddr::new(va)));
        }
        for va in [0, 0x7fff_ffff, 0xc000_0000, 0xffff_ffff] {
            assert!(is_user(Mode::Sv32, VirtAddr::new(va)));
        }
        assert!(!is_user(Mode::Sv39, VirtAddr::new(0x40_0000_0000)));
        assert!(!is_user_range(Mode::Sv32, 0x7fff_f000, 0xc000_1000));
        assert!(!is_user_range(Mode::Sv39, 0, 0x2000), "the first pages");
        assert!(!is_user_range(Mode::Sv39, 0xff80_2000, 0xff80_3000));
        assert_eq!(kernel_entries(Mode::Sv39), 256..512);
    }
}
