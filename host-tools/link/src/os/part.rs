//! A part of a structure in memory, read at once.

use super::{OsError, Virtual};

/// Most bytes of one part: offsets from debug information may be any number.
const MOST_BYTES: u64 = 1 << 20;

/// The bytes from the first to the last member that is wanted.
pub(super) struct Part {
    first: u64,
    bytes: Vec<u8>,
}

impl Part {
    /// Reads the part of the structure at `at` that has these members: offset and bytes of each.
    pub fn read(
        virt: &mut Virtual,
        what: &'static str,
        at: u64,
        members: &[(u64, u64)],
    ) -> Result<Part, OsError> {
        let first = members.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let ends = members.iter().map(|(at, bytes)| at.saturating_add(*bytes));
        let bytes = ends.max().unwrap_or(first) - first;
        if bytes > MOST_BYTES {
            return Err(OsError::damaged(what, format!("it has {bytes} bytes")));
        }
        let bytes = virt.bytes(what, at.wrapping_add(first), bytes as usize)?;
        Ok(Part { first, bytes })
    }

    /// The bytes of a member that was wanted; zeros for another one.
    pub fn bytes<const N: usize>(&self, at: u64) -> [u8; N] {
        let from = at.wrapping_sub(self.first) as usize;
        let bytes = from
            .checked_add(N)
            .and_then(|end| self.bytes.get(from..end));
        bytes.and_then(|it| it.try_into().ok()).unwrap_or([0; N])
    }

    pub fn word(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    pub fn word32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    /// A number of up to 8 bytes: offset and bytes of the member.
    pub fn number(&self, (at, bytes): (u64, u64)) -> u64 {
        let from = at.wrapping_sub(self.first) as usize;
        let rest = self.bytes.get(from..).unwrap_or_default();
        let own = rest.iter().take(bytes.min(8) as usize).rev();
        own.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// Text up to its zero, of a member that is an array of characters.
    pub fn text(&self, (at, bytes): (u64, u64)) -> String {
        let rest = self.bytes.get(at.wrapping_sub(self.first) as usize..);
        let text = rest.unwrap_or_default();
        let text = &text[..text.len().min(bytes as usize)];
        let end = text.iter().position(|byte| *byte == 0);
        String::from_utf8_lossy(&text[..end.unwrap_or(text.len())]).into_owned()
    }
}
