//! Raw dumps: a file, and the address of its first byte.

use std::path::PathBuf;
use std::str::FromStr;

use pagetable::PhysAddr;
use thiserror::Error;

use super::files::{self, FilePiece, Files};
use super::{OpenError, text::address};

/// `FILE@ADDR` from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSpec {
    /// Path of the file.
    pub path: PathBuf,
    /// Physical address of its first byte.
    pub at: PhysAddr,
    /// Whether it is known to be raw: `mem:FILE@ADDR`. Else a file of text is read as such.
    pub is_sure: bool,
}

/// Why a text is not a `FILE@ADDR`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RawSpecError {
    /// There is no `@`, or nothing before it.
    #[error("`{0}` has no address; write {0}@0x80000000")]
    NoAddress(String),
    /// The text after the `@` is not a number.
    #[error("`{0}` is not an address")]
    NotANumber(String),
}

impl FromStr for RawSpec {
    type Err = RawSpecError;

    fn from_str(given: &str) -> Result<RawSpec, RawSpecError> {
        match given.rsplit_once('@') {
            None | Some(("", _)) => Err(RawSpecError::NoAddress(given.to_owned())),
            Some((path, at)) => match address(at) {
                Some(at) => Ok(RawSpec {
                    path: PathBuf::from(path),
                    at: PhysAddr::new(at),
                    is_sure: false,
                }),
                None => Err(RawSpecError::NotANumber(at.to_owned())),
            },
        }
    }
}

/// Opens raw dumps, each at its address.
pub fn open(places: &[RawSpec]) -> Result<Files, OpenError> {
    let (mut files, mut pieces) = (Vec::new(), Vec::new());
    for place in places {
        let (file, bytes) = files::open(&place.path)?;
        if bytes == 0 {
            return Err(OpenError::Empty(place.path.clone()));
        }
        let end = place.at.checked_add(bytes);
        let end = end.ok_or_else(|| OpenError::TooHigh(place.path.clone()))?;
        pieces.push(FilePiece {
            start: place.at.raw(),
            end: end.raw(),
            offset: 0,
            in_file: bytes,
            file: files.len(),
        });
        files.push((place.path.clone(), file));
    }
    Ok(Files::new(files, pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_and_an_address() {
        let place: RawSpec = "a@b.bin@0x8000_0000".parse().unwrap();
        assert_eq!(place.path, PathBuf::from("a@b.bin"));
        assert_eq!(place.at, PhysAddr::new(0x8000_0000));
        assert!(matches!(
            "ram.bin".parse::<RawSpec>(),
            Err(RawSpecError::NoAddress(_))
        ));
        assert!(matches!(
            "@0x10".parse::<RawSpec>(),
            Err(RawSpecError::NoAddress(_))
        ));
        assert_eq!(
            "ram.bin@there".parse::<RawSpec>(),
            Err(RawSpecError::NotANumber("there".into()))
        );
    }
}
