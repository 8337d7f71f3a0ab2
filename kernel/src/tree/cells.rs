//! How wide addresses and lengths are below a node.

use super::error::Error;
use super::key::Key;
use super::walk::number32;

/// How many cells an address and a length in `reg` have, below a node.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    pub(super) address: u32,
    pub(super) size: u32,
}

impl Cells {
    /// Of a node that does not say: Devicetree Specification 0.4, 2.3.5.
    pub(super) const DEFAULT: Cells = Cells {
        address: 2,
        size: 1,
    };

    pub(super) fn take_property(&mut self, key: Key, value: &[u8]) -> Result<(), Error> {
        let cells = match key {
            Key::AddressCells => &mut self.address,
            Key::SizeCells => &mut self.size,
            _ => return Ok(()),
        };
        *cells = number32(value).ok_or(Error::Malformed)?;
        Ok(())
    }
}
