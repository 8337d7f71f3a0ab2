//! The flattened tree, token by token, in one pass.
//!
//! Format: Devicetree Specification 0.4, chapter 5. Libraries check the whole structure first and
//! then pass over it once for each look, which at boot is most of what reading costs; here every
//! step checks itself.

use super::error::TreeError;

const MAGIC: u32 = 0xd00d_feed;
/// The oldest version that this reads, and the newest that a tree may demand.
const VERSIONS: (u32, u32) = (16, 17);
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// What comes next in the structure block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A node begins; its name with the unit address.
    Begin(&'a [u8]),
    /// A property of the node that began last.
    Property {
        /// Where its name stands: [`TokenWalk::property_name`].
        name: NameAt,
        /// The property's value, big endian as in the tree.
        value: &'a [u8],
    },
    /// The node that began last and has not ended, ends.
    End,
}

/// Where a property's name stands among the strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAt(u32);

impl NameAt {
    /// Nowhere: no string lies there.
    pub const NONE: NameAt = NameAt(u32::MAX);

    /// A number that differs where places differ, mostly.
    pub fn hash(self) -> usize {
        (self.0 ^ self.0 >> 6) as usize
    }
}

/// A place in a tree.
#[derive(Clone, Debug)]
pub struct TokenWalk<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
    reservations: &'a [u8],
    at: usize,
    depth: usize,
    begun: bool,
}

impl<'a> TokenWalk<'a> {
    /// At the beginning of the tree in `bytes`, which may be longer.
    pub fn new(bytes: &'a [u8]) -> Result<TokenWalk<'a>, TreeError> {
        let field = |at: usize| word(bytes, at).ok_or(TreeError::Malformed);
        let place = |at: usize| field(at).map(|offset| offset as usize);
        if field(0)? != MAGIC {
            return Err(TreeError::Malformed);
        }
        let bytes = bytes.get(..place(4)?).ok_or(TreeError::Malformed)?;
        let (version, demanded) = (field(20)?, field(24)?);
        if version < VERSIONS.0 || demanded > VERSIONS.1 {
            return Err(TreeError::Malformed);
        }
        let block = |from: usize, bytes_of: Option<usize>| {
            let rest = bytes.get(from..)?;
            bytes_of.map_or(Some(rest), |length| rest.get(..length))
        };
        // Version 16 does not say how long the structure is.
        let length = if version > VERSIONS.0 {
            Some(place(36)?)
        } else {
            None
        };
        Ok(TokenWalk {
            structure: block(place(8)?, length).ok_or(TreeError::Malformed)?,
            strings: block(place(12)?, Some(place(32)?)).ok_or(TreeError::Malformed)?,
            reservations: block(place(16)?, None).ok_or(TreeError::Malformed)?,
            at: 0,
            depth: 0,
            begun: false,
        })
    }

    /// Shows every entry of the reservation block: address and length in bytes.
    pub fn reservations(
        &self,
        mut see: impl FnMut(u64, u64) -> Result<(), TreeError>,
    ) -> Result<(), TreeError> {
        for entry in self.reservations.chunks(16) {
            let base = number(entry.get(..8).ok_or(TreeError::Malformed)?);
            let length = number(entry.get(8..).ok_or(TreeError::Malformed)?);
            match (base, length) {
                (Some(0), Some(0)) => return Ok(()),
                (Some(base), Some(length)) => see(base, length)?,
                _ => return Err(TreeError::Malformed),
            }
        }
        Err(TreeError::Malformed)
    }

    /// The name at that offset of the strings block, without its zero.
    pub fn property_name(&self, at: NameAt) -> Result<&'a [u8], TreeError> {
        let name = self.strings.get(at.0 as usize..).and_then(text);
        name.ok_or(TreeError::Malformed)
    }

    /// The next token; `None` at the tree's end. After an error there is nothing to go on with.
    // Part of its caller: called, it keeps more registers than it uses, and a tree has hundreds of tokens.
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, TreeError> {
        self.step().ok_or(TreeError::Malformed)
    }

    /// `None` for a damaged tree.
    #[inline(always)]
    fn step(&mut self) -> Option<Option<Token<'a>>> {
        loop {
            let token = word(self.structure, self.at)?;
            self.at += 4;
            // One root, and nothing beside it.
            if self.depth == 0 && (self.begun || token != BEGIN_NODE) && token != NOP {
                return (self.begun && token == END).then_some(None);
            }
            match token {
                NOP => {}
                BEGIN_NODE => {
                    let name = text(self.structure.get(self.at..)?)?;
                    self.skip(name.len() + 1);
                    self.depth += 1;
                    self.begun = true;
                    return Some(Some(Token::Begin(name)));
                }
                END_NODE => {
                    self.depth -= 1;
                    return Some(Some(Token::End));
                }
                PROPERTY => {
                    let length = word(self.structure, self.at)? as usize;
                    let name = NameAt(word(self.structure, self.at + 4)?);
                    let value = self.structure.get(self.at + 8..)?.get(..length)?;
                    self.skip(8 + length);
                    return Some(Some(Token::Property { name, value }));
                }
                _ => return None,
            }
        }
    }

    /// Goes past so many bytes that lie in the structure, and to the next word.
    fn skip(&mut self, bytes: usize) {
        self.at = (self.at + bytes).next_multiple_of(4);
    }
}

/// The bytes before the first zero.
pub fn text(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some(&bytes[..end])
}

/// A big-endian number of one or two cells, or of none.
pub fn number(cells: &[u8]) -> Option<u64> {
    match cells.len() {
        0 => Some(0),
        4 => word(cells, 0).map(u64::from),
        8 => cells.try_into().ok().map(u64::from_be_bytes),
        _ => None,
    }
}

/// A big-endian number of one cell.
pub fn number32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}
