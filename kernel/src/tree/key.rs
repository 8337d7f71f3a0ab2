//! The names of properties that mean something here.
//!
//! A tree has each name once, and every property points to it. So a name is read where it is met
//! first, and afterwards known by where it stands: at boot, that is most of what reading a tree saves.

use super::error::Error;
use super::walk::{NameAt, TokenWalk};

/// A property that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
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

impl Key {
    fn named(name: &[u8]) -> Key {
        match name {
            b"#address-cells" => Key::AddressCells,
            b"#size-cells" => Key::SizeCells,
            b"bootargs" => Key::Bootargs,
            b"compatible" => Key::Compatible,
            b"interrupt-controller" => Key::InterruptController,
            b"interrupt-parent" => Key::InterruptParent,
            b"interrupts" => Key::Interrupts,
            b"interrupts-extended" => Key::InterruptsExtended,
            b"phandle" => Key::Phandle,
            b"ranges" => Key::Ranges,
            b"reg" => Key::Reg,
            b"reg-io-width" => Key::RegIoWidth,
            b"reg-shift" => Key::RegShift,
            b"riscv,cboz-block-size" => Key::CbozBlockSize,
            b"riscv,isa" => Key::Isa,
            b"riscv,isa-extensions" => Key::IsaExtensions,
            b"status" => Key::Status,
            b"stdout-path" => Key::StdoutPath,
            b"timebase-frequency" => Key::TimebaseFrequency,
            _ => Key::Other,
        }
    }
}

const PLACES: usize = 64;

/// Names that were read, by where they stand.
pub(super) struct Keys([(NameAt, Key); PLACES]);

impl Keys {
    pub(super) fn new() -> Keys {
        Keys([(NameAt::NONE, Key::Other); PLACES])
    }

    /// Which one stands there.
    pub(super) fn at(&mut self, at: NameAt, walk: &TokenWalk) -> Result<Key, Error> {
        let place = &mut self.0[at.hash() % PLACES];
        if place.0 != at {
            *place = (at, Key::named(walk.property_name(at)?));
        }
        Ok(place.1)
    }
}
