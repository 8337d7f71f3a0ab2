//! Values of a snapshot on their way: written one after the other, or read in the same order.
//!
//! Each part of the machine has one function, `carry`, which writes its fields or replaces them by those that were
//! written; so the two ways cannot differ.

use std::collections::VecDeque;

use thiserror::Error;

/// Counts up with every change of what is written.
pub(crate) const VERSION: u64 = 1;

/// The latest clock of a snapshot, some thousand years: time is added to it.
pub(crate) const LATEST: u64 = 1 << 62;

/// Why bytes are no snapshot.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SnapshotError {
    #[error("no snapshot of an Ox64: it does not begin as one")]
    Magic,
    #[error("a snapshot of version {0}; this program reads version {VERSION}")]
    Version(u64),
    #[error("the snapshot of a board with other RAM")]
    Board,
    #[error("the snapshot ends early: it was not written whole")]
    Ends,
    #[error("the snapshot is damaged: no {0}")]
    Value(&'static str),
}

/// Bytes that are written, or read from the begin.
pub(crate) struct Carrier {
    bytes: Vec<u8>,
    /// How many were read; `None` if they are written.
    read: Option<usize>,
}

impl Carrier {
    /// Writes behind these bytes.
    pub fn after(bytes: &[u8]) -> Carrier {
        Carrier {
            bytes: bytes.to_vec(),
            read: None,
        }
    }

    /// Reads from the begin of these bytes.
    pub fn of(bytes: &[u8]) -> Carrier {
        Carrier {
            bytes: bytes.to_vec(),
            read: Some(0),
        }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn reads(&self) -> bool {
        self.read.is_some()
    }

    fn take(&mut self, count: usize) -> Result<&[u8], SnapshotError> {
        let at = self.read.unwrap_or_default();
        let end = at.checked_add(count).ok_or(SnapshotError::Ends)?;
        self.read = Some(end);
        self.bytes.get(at..end).ok_or(SnapshotError::Ends)
    }

    /// Bytes of a length that is known.
    pub fn raw(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotError> {
        if self.reads() {
            bytes.copy_from_slice(self.take(bytes.len())?);
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(())
    }

    pub fn word(&mut self, value: &mut u64) -> Result<(), SnapshotError> {
        let mut bytes = value.to_le_bytes();
        self.raw(&mut bytes)?;
        *value = u64::from_le_bytes(bytes);
        Ok(())
    }

    pub fn words(&mut self, values: &mut [u64]) -> Result<(), SnapshotError> {
        values.iter_mut().try_for_each(|value| self.word(value))
    }

    /// A number of fewer bits.
    pub fn number<T>(&mut self, value: &mut T) -> Result<(), SnapshotError>
    where
        T: Copy + TryFrom<u64>,
        u64: From<T>,
    {
        let mut word = u64::from(*value);
        self.word(&mut word)?;
        *value = T::try_from(word).map_err(|_| SnapshotError::Value("such number"))?;
        Ok(())
    }

    pub fn numbers<T>(&mut self, values: &mut [T]) -> Result<(), SnapshotError>
    where
        T: Copy + TryFrom<u64>,
        u64: From<T>,
    {
        values.iter_mut().try_for_each(|value| self.number(value))
    }

    pub fn flag(&mut self, value: &mut bool) -> Result<(), SnapshotError> {
        let mut byte = u8::from(*value);
        self.number(&mut byte)?;
        *value = byte != 0;
        Ok(())
    }

    pub fn option(&mut self, value: &mut Option<u64>) -> Result<(), SnapshotError> {
        let mut is_some = value.is_some();
        let mut word = value.unwrap_or_default();
        self.flag(&mut is_some)?;
        self.word(&mut word)?;
        *value = is_some.then_some(word);
        Ok(())
    }

    /// A list of `N` words each. Its length is checked against the bytes that are left.
    pub fn list<const N: usize>(&mut self, list: &mut Vec<[u64; N]>) -> Result<(), SnapshotError> {
        let mut count = list.len() as u64;
        self.word(&mut count)?;
        if let Some(read) = self.read {
            let left = self.bytes.len().saturating_sub(read) as u64;
            if count.saturating_mul(8 * N as u64) > left {
                return Err(SnapshotError::Ends);
            }
            list.clear();
            list.resize(count as usize, [0; N]);
        }
        list.iter_mut().try_for_each(|words| self.words(words))
    }

    pub fn queue(&mut self, queue: &mut VecDeque<u8>) -> Result<(), SnapshotError> {
        let mut list = queue.iter().map(|&byte| [u64::from(byte)]).collect();
        self.list(&mut list)?;
        if self.reads() {
            *queue = list.iter().map(|&[byte]| byte as u8).collect();
        }
        Ok(())
    }

    pub fn text(&mut self, bytes: &mut Vec<u8>) -> Result<(), SnapshotError> {
        let mut queue = VecDeque::from(std::mem::take(bytes));
        let carried = self.queue(&mut queue);
        *bytes = queue.into();
        carried
    }
}
