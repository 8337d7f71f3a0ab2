//! A ROMFS image in memory for tests; every byte of its files is 7.

use romfs::writer::{Node, Piece, RomfsLayout, seal};

/// The image of a root directory, with its checksum.
pub fn of(root: &[(String, Node)]) -> Vec<u8> {
    let layout = RomfsLayout::new("test", root).expect("the names are valid");
    let mut bytes = Vec::new();
    for piece in layout.pieces() {
        match piece {
            Piece::Bytes(piece) => bytes.extend(piece),
            Piece::Data { size, .. } => bytes.resize(bytes.len() + *size as usize, 7),
        }
    }
    seal(&mut bytes);
    bytes
}
