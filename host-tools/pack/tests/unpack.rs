//! Unpacking hostile images.

use std::fs;

use romfs::Romfs;
use romfs::writer::{Node, Piece, RomfsLayout, seal};

#[test]
fn a_link_of_the_image_leads_nothing_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let leads_out = Node::Link(outside.to_str().unwrap().to_owned());
    let below = Node::Directory(vec![("file".to_owned(), Node::Link("x".to_owned()))]);
    // One name twice: a link first, then a directory to go through it.
    let root = [("a".to_owned(), leads_out), ("a".to_owned(), below)];
    let layout = RomfsLayout::new("", &root).unwrap();
    let mut image = Vec::new();
    for piece in layout.pieces() {
        let Piece::Bytes(bytes) = piece else {
            panic!("there is no data")
        };
        image.extend_from_slice(bytes);
    }
    seal(&mut image);
    let romfs = Romfs::new(&image).unwrap();
    let error = pack::extract::extract(&romfs, &folder.path().join("in")).unwrap_err();
    let source = std::error::Error::source(&error).expect("what the system said");
    let (error, source) = (error.to_string(), source.to_string());
    assert!(
        error.ends_with("in/a") && source.contains("File exists"),
        "{error}: {source}"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}
