//! The names of properties that mean something here.
//!
//! A tree has each name once, and every property points to it. So a name is read where it is met
//! first, and afterwards known by where it stands: at boot, that is most of what reading a tree saves.

use super::error::TreeError;
use super::walk::{NameAt, TokenWalk};

/// A property that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PropertyKey {
    AddressCells,
    Bootargs,
    CbozBlockSize,
    Compatible,
    InterruptController,
    InterruptParent,
    Interrupts,
    InterruptsExtended,
    Isa,
    IsaExtensions,
    MmuType,
    Phandle,
    Ranges,
    Reg,
    RegIoWidth,
    RegShift,
    SizeCells,
    Status,
    StdoutPath,
    TimebaseFrequency,
    Other,
}

impl PropertyKey {
    fn named(name: &[u8]) -> PropertyKey {
        match name {
            b"#address-cells" => PropertyKey::AddressCells,
            b"#size-cells" => PropertyKey::SizeCells,
            b"bootargs" => PropertyKey::Bootargs,
            b"compatible" => PropertyKey::Compatible,
            b"interrupt-controller" => PropertyKey::InterruptController,
            b"interrupt-parent" => PropertyKey::InterruptParent,
            b"interrupts" => PropertyKey::Interrupts,
            b"interrupts-extended" => PropertyKey::InterruptsExtended,
            b"mmu-type" => PropertyKey::MmuType,
            b"phandle" => PropertyKey::Phandle,
            b"ranges" => PropertyKey::Ranges,
            b"reg" => PropertyKey::Reg,
            b"reg-io-width" => PropertyKey::RegIoWidth,
            b"reg-shift" => PropertyKey::RegShift,
            b"riscv,cboz-block-size" => PropertyKey::CbozBlockSize,
            b"riscv,isa" => PropertyKey::Isa,
            b"riscv,isa-extensions" => PropertyKey::IsaExtensions,
            b"status" => PropertyKey::Status,
            b"stdout-path" => PropertyKey::StdoutPath,
            b"timebase-frequency" => PropertyKey::TimebaseFrequency,
            _ => PropertyKey::Other,
        }
    }
}

const PLACES: usize = 64;

/// Names that were read, by where they stand.
pub(super) struct Keys([(NameAt, PropertyKey); PLACES]);

impl Keys {
    pub(super) fn new() -> Keys {
        Keys([(NameAt::NONE, PropertyKey::Other); PLACES])
    }

    /// The key of the property name at that offset; it is compared again only if another took its place here.
    pub(super) fn at(&mut self, at: NameAt, walk: &TokenWalk) -> Result<PropertyKey, TreeError> {
        let place = &mut self.0[at.hash() % PLACES];
        if place.0 != at {
            *place = (at, PropertyKey::named(walk.property_name(at)?));
        }
        Ok(place.1)
    }
}
