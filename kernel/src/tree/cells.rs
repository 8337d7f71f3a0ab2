//! How wide addresses and lengths are below a node.

use super::error::TreeError;
use super::key::PropertyKey;
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

    pub(super) fn take_property(
        &mut self,
        key: PropertyKey,
        value: &[u8],
    ) -> Result<(), TreeError> {
        let cells = match key {
            PropertyKey::AddressCells => &mut self.address,
            PropertyKey::SizeCells => &mut self.size,
            _ => return Ok(()),
        };
        *cells = number32(value).ok_or(TreeError::Malformed)?;
        Ok(())
    }
}
