//! A raw dump: a file, and the address its first byte had.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use pagetable::PhysAddr;

use super::files::{self, Files, Piece};
use super::{OpenError, text::address};

/// `FILE@ADDR` on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Where its first byte lay.
    pub at: PhysAddr,
}

/// What is wrong with a `FILE@ADDR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceError {
    /// There is no `@`, or nothing before it.
    NoAddress(String),
    /// What follows the `@` is no number.
    NotANumber(String),
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlaceError::NoAddress(given) => {
                write!(
                    f,
                    "`{given}` does not say where it lay; write {given}@0x80000000"
                )
            }
            PlaceError::NotANumber(given) => write!(f, "`{given}` is no address"),
        }
    }
}

impl std::error::Error for PlaceError {}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(given: &str) -> Result<Place, PlaceError> {
        match given.rsplit_once('@') {
            None | Some(("", _)) => Err(PlaceError::NoAddress(given.to_owned())),
            Some((path, at)) => match address(at) {
                Some(at) => Ok(Place {
                    path: PathBuf::from(path),
                    at: PhysAddr::new(at),
                }),
                None => Err(PlaceError::NotANumber(at.to_owned())),
            },
        }
    }
}

/// Opens raw dumps, each at its address.
pub fn open(places: &[Place]) -> Result<Files, OpenError> {
    let (mut files, mut pieces) = (Vec::new(), Vec::new());
    for place in places {
        let (file, bytes) = files::open(&place.path)?;
        if bytes == 0 {
            return Err(OpenError::Empty(place.path.clone()));
        }
        let end = place.at.checked_add(bytes);
        let end = end.ok_or_else(|| OpenError::TooHigh(place.path.clone()))?;
        pieces.push(Piece {
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
        let place: Place = "a@b.bin@0x8000_0000".parse().unwrap();
        assert_eq!(place.path, PathBuf::from("a@b.bin"));
        assert_eq!(place.at, PhysAddr::new(0x8000_0000));
        assert!(matches!(
            "ram.bin".parse::<Place>(),
            Err(PlaceError::NoAddress(_))
        ));
        assert!(matches!(
            "@0x10".parse::<Place>(),
            Err(PlaceError::NoAddress(_))
        ));
        assert_eq!(
            "ram.bin@there".parse::<Place>(),
            Err(PlaceError::NotANumber("there".into()))
        );
    }
}
