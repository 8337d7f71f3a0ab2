//! An image in memory, for tests.

use romfs::writer::{Node, Piece, RomfsLayout, seal};

/// Builds an image in memory; `data[n]` is the file with `source` n.
pub fn image(label: &str, root: &[(String, Node)], data: &[&[u8]]) -> Vec<u8> {
    let layout = RomfsLayout::new(label, root).unwrap();
    let mut image = Vec::new();
    for piece in layout.pieces() {
        match piece {
            Piece::Bytes(bytes) => image.extend_from_slice(bytes),
            Piece::Data { source, size } => {
                assert_eq!(data[*source].len() as u64, *size);
                image.extend_from_slice(data[*source]);
            }
        }
    }
    seal(&mut image);
    assert_eq!(image.len() as u64, layout.size());
    image
}

/// A file without the x bit.
pub fn file(source: usize, size: u64, align: u64) -> Node {
    Node::File {
        source,
        size,
        executable: false,
        align,
    }
}
