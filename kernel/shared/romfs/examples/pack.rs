//! A ROMFS image with one file in a folder, written and read again.
//!
//! `cargo run --example pack --features alloc`

use romfs::Romfs;
use romfs::writer::{Node, Piece, RomfsLayout, seal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: [&[u8]; 1] = [b"Welcome.\n"];
    let motd = Node::File {
        source: 0,
        size: files[0].len() as u64,
        executable: false,
        align: 16,
    };
    let etc = Node::Directory(vec![("motd".to_owned(), motd)]);
    let layout = RomfsLayout::new("example", &[("etc".to_owned(), etc)])?;

    let mut image = Vec::new();
    for piece in layout.pieces() {
        match piece {
            Piece::Bytes(bytes) => image.extend_from_slice(bytes),
            Piece::Data { source, .. } => image.extend_from_slice(files[*source]),
        }
    }
    seal(&mut image);

    let romfs = Romfs::new(&image)?;
    romfs.check()?;
    let motd = romfs.lookup("etc/motd")?;
    println!("{} bytes, etc/motd: {:?}", image.len(), motd.data());
    Ok(())
}
