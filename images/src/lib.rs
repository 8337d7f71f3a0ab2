//! Images as data: what lies where on a card, and what boots from it.
//!
//! An image is a file, `images/NAME.toml`; it is read here into plain words and numbers.
//! Paths in it are relative to the folder that the program runs in.

mod error;
mod schema;
mod size;

pub use error::ImageError;
pub use schema::{Extlinux, Fat, Image, ImageFile, Partition, PartitionScheme, Payload};
pub use size::ByteSize;

/// Reads the text of an image definition; `name` is for messages. Boards are known elsewhere:
/// `check_board` says of a board's name what is wrong with it.
///
/// # Errors
///
/// `Error` with name, line, the value and what it may be.
pub fn parse(
    name: &str,
    text: &str,
    check_board: impl FnOnce(&str) -> Result<(), String>,
) -> Result<Image, ImageError> {
    let image: Image =
        toml::from_str(text).map_err(|wrong| ImageError::unread(name, text, &wrong))?;
    check_board(image.board.get_ref())
        .map_err(|what| ImageError::at(name, text, image.board.span().start, what))?;
    Ok(image)
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
            let image = parse(name, text, |_| Ok(())).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(
                image.partition.iter().any(|partition| partition.bootable),
                "{name}"
            );
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_line_and_the_right_ones() {
        let wrong = |from: &str, to: &str| {
            let known = |name: &str| match name {
                "ox64" => Ok(()),
                _ => Err(format!("no board `{name}`")),
            };
            parse("my.toml", &OX64.replace(from, to), known)
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
        let board = wrong("\"ox64\"", "\"ox46\"");
        assert_eq!(board, "my.toml:3: no board `ox46`");
        let size = wrong("128MiB", "128MB");
        assert!(
            size.contains("`128MB`") && size.contains("KiB, MiB or GiB"),
            "{size}"
        );
    }
}
