//! Physical and virtual addresses as types.

use core::fmt;

/// log2 of the smallest page: 4 KiB in every mode.
pub const PAGE_SHIFT: u32 = 12;
/// Bytes of the smallest page and of every page table.
pub const PAGE_BYTES: u64 = 1 << PAGE_SHIFT;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(u64);

        impl $name {
            /// The address with this numeric value.
            #[inline]
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The numeric value.
            #[inline]
            pub const fn raw(self) -> u64 {
                self.0
            }

            /// The largest multiple of `bytes`, a power of two, not above this address.
            #[inline]
            pub const fn align_down(self, bytes: u64) -> Self {
                Self(self.0 & !(bytes - 1))
            }

            /// The smallest multiple of `bytes`, a power of two, not below this address; `None` on overflow.
            #[inline]
            pub const fn align_up(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes - 1) {
                    Some(raw) => Some(Self(raw & !(bytes - 1))),
                    None => None,
                }
            }

            /// Whether this is a multiple of `bytes`, a power of two.
            #[inline]
            pub const fn is_aligned(self, bytes: u64) -> bool {
                self.0 & (bytes - 1) == 0
            }

            /// The offset within its aligned block of `bytes`, a power of two.
            #[inline]
            pub const fn offset(self, bytes: u64) -> u64 {
                self.0 & (bytes - 1)
            }

            /// The address plus `bytes`; `None` on overflow of 64 bits.
            #[inline]
            pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(raw) => Some(Self(raw)),
                    None => None,
                }
            }

            /// The address plus `bytes`, modulo 2^64.
            #[inline]
            pub const fn wrapping_add(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }
    };
}

address! {
    /// A physical address: 34 bits under Sv32, 56 under the other modes.
    PhysAddr
}

address! {
    /// A virtual address as the hart uses it: 32 bits on RV32, sign-extended to 64 on RV64.
    VirtAddr
}

impl PhysAddr {
    /// The address of page frame `frame`; above 2^52 the top bits are lost.
    #[inline]
    pub const fn from_frame(frame: u64) -> Self {
        Self(frame << PAGE_SHIFT)
    }

    /// The physical page number.
    #[inline]
    pub const fn frame(self) -> u64 {
        self.0 >> PAGE_SHIFT
    }
}

impl VirtAddr {
    /// The virtual page number, sign extension included.
    #[inline]
    pub const fn page(self) -> u64 {
        self.0 >> PAGE_SHIFT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_holds_at_both_ends() {
        assert_eq!(PhysAddr::new(0).align_up(4096), Some(PhysAddr::new(0)));
        assert_eq!(PhysAddr::new(1).align_up(4096), Some(PhysAddr::new(4096)));
        assert_eq!(VirtAddr::new(u64::MAX).align_up(4096), None);
        assert_eq!(VirtAddr::new(u64::MAX).align_down(4096).offset(4096), 0);
        assert_eq!(VirtAddr::new(u64::MAX).offset(4096), 4095);
        assert_eq!(PhysAddr::new(u64::MAX).checked_add(1), None);
    }

    #[test]
    fn frames_and_addresses_are_the_same_thing() {
        assert_eq!(PhysAddr::from_frame(0x50407).raw(), 0x5040_7000);
        assert_eq!(PhysAddr::new(0x5040_7fff).frame(), 0x50407);
    }
}
