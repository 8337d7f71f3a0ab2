//! Memory in ranges of files, read on demand.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use pagetable::{Outside, PhysAddr};

use super::{MemorySource, OpenError, ReadError, flattened};

/// A range of memory and its place in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilePiece {
    pub start: u64,
    /// Address after its last byte.
    pub end: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Number of its bytes in the file; the rest is zero.
    pub in_file: u64,
    pub file: usize,
}

/// Ranges of one or several files.
pub struct Files {
    files: Vec<(PathBuf, File)>,
    /// Sorted by start; among equal starts, the first one given is last.
    pieces: Vec<FilePiece>,
    /// For each piece, the highest end up to it: pieces may overlap, as in the cores that Linux's crash
    /// kernel writes.
    reach: Vec<u64>,
}

impl Files {
    /// Memory from pieces that refer to `files` by index.
    pub(super) fn new(files: Vec<(PathBuf, File)>, mut pieces: Vec<FilePiece>) -> Files {
        pieces.reverse();
        pieces.sort_by_key(|piece| piece.start);
        let ends = pieces.iter().scan(0, |reach: &mut u64, piece| {
            *reach = piece.end.max(*reach);
            Some(*reach)
        });
        Files {
            reach: ends.collect(),
            files,
            pieces,
        }
    }

    /// Start and end of every piece, sorted by start.
    pub fn ranges(&self) -> impl Iterator<Item = (PhysAddr, PhysAddr)> {
        let range = |it: &FilePiece| (PhysAddr::new(it.start), PhysAddr::new(it.end));
        self.pieces.iter().map(range)
    }

    fn piece_at(&self, at: u64) -> Option<FilePiece> {
        let mut candidate = self.pieces.partition_point(|it| it.start <= at);
        while candidate > 0 && self.reach[candidate - 1] > at {
            candidate -= 1;
            if at < self.pieces[candidate].end {
                return Some(self.pieces[candidate]);
            }
        }
        None
    }

    fn read_file(&mut self, file: usize, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let (path, file) = &mut self.files[file];
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(into))
            .map_err(|error| ReadError::File(path.clone(), error))
    }
}

impl MemorySource for Files {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while done < into.len() {
            let here = at.raw().wrapping_add(done as u64);
            let Some(piece) = self.piece_at(here) else {
                let bytes = into.len();
                return Err(ReadError::Outside(Outside { at, bytes }));
            };
            let into_piece = here - piece.start;
            let count = (piece.end - here).min((into.len() - done) as u64) as usize;
            let filled = piece.in_file.saturating_sub(into_piece).min(count as u64) as usize;
            let target = &mut into[done..done + count];
            self.read_file(piece.file, piece.offset + into_piece, &mut target[..filled])?;
            target[filled..].fill(0);
            done += count;
        }
        Ok(())
    }
}

/// Opens a file, unpacked and put together where that is needed; returns it with its size in bytes.
pub(super) fn open(path: &Path) -> Result<(File, u64), OpenError> {
    let opened = container::open(path)?;
    flattened::assembled(path, opened.file, opened.bytes)
}
