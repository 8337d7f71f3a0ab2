//! Images as data: the partitions and files of a card, and what boots from it.
//!
//! An image is a file, `images/NAME.toml`, parsed here into words and numbers. Paths in it are relative to
//! the current directory, except for a board file, which is relative to the definition.

mod schema;

use std::path::Path;

use boards::{Board, BoardError, FileError};

pub use schema::{Extlinux, Fat, Image, ImageFile, Partition, PartitionScheme, Payload};

/// Parses the text of an image definition; `name` appears in messages.
///
/// # Errors
///
/// File name, line, the value and the allowed values. The board is not looked up: see [`board`].
pub fn parse(name: &str, text: &str) -> Result<Image, FileError> {
    toml::from_str(text).map_err(|wrong| FileError::unread(name, text, &wrong))
}

/// The board of an image; `name` and `text` are its definition's, as for [`parse`].
///
/// # Errors
///
/// The board is unknown, or its file is invalid.
pub fn board(image: &Image, name: &str, text: &str) -> Result<Board, FileError> {
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    let wrong = |error| match error {
        // An error in the board's file names that file and line.
        BoardError::Wrong(error) => error,
        error => FileError::at(name, text, image.board.span(), error.to_string()),
    };
    boards::find(image.board.get_ref(), folder).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OX64: &str = include_str!("../ox64-sd.toml");

    #[test]
    fn the_projects_own_definitions_are_right() {
        for (name, text) in [
            ("ox64-sd.toml", OX64),
            ("qemu-virt-sd.toml", include_str!("../qemu-virt-sd.toml")),
        ] {
            let image = parse(name, text).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(
                image.partition.iter().any(|partition| partition.bootable),
                "{name}"
            );
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_line_and_the_right_ones() {
        let wrong = |from: &str, to: &str| {
            parse("my.toml", &OX64.replace(from, to))
                .unwrap_err()
                .to_string()
        };
        let table = wrong("\"mbr\"", "\"mrb\"");
        assert!(
            table.starts_with("my.toml:") && table.contains("`mrb`") && table.contains("`gpt`"),
            "{table}"
        );
        let key = wrong("bootable", "botable");
        assert!(
            key.contains("`botable`") && key.contains("`bootable`"),
            "{key}"
        );
        let size = wrong("128MiB", "128MB");
        assert!(
            size.contains("`128MB`") && size.contains("K, M or G"),
            "{size}"
        );
    }

    #[test]
    fn an_unknown_board_is_answered_with_its_place_and_the_known_ones() {
        let text = OX64.replace("\"ox64\"", "\"ox46\"");
        let image = parse("my.toml", &text).unwrap();
        let wrong = board(&image, "my.toml", &text).unwrap_err().to_string();
        assert!(
            wrong.starts_with("my.toml:3:9: unknown board `ox46`; known boards: ox64"),
            "{wrong}"
        );
        assert!(
            wrong.ends_with("3 | board = \"ox46\"\n  |         ^^^^^^"),
            "{wrong}"
        );
    }

    #[test]
    fn a_boards_file_is_looked_for_beside_the_definition() {
        let text = OX64.replace("\"ox64\"", "\"../boards/ox64.toml\"");
        let name = concat!(env!("CARGO_MANIFEST_DIR"), "/my.toml");
        let image = parse(name, &text).unwrap();
        assert_eq!(
            board(&image, name, &text),
            Ok(boards::by_name("ox64").unwrap())
        );
    }
}
