//! Boards as data: what a kernel and a packer must know of each.
//!
//! A board is a file, `boards/NAME.toml`. It is read here into plain words and numbers, and every word is checked;
//! what `"sv39"` or `"thead"` mean is known elsewhere. The boards of this folder are compiled in; a user names a file of
//! their own with its folder, as `./my.toml`:
//!
//! ```
//! let ox64 = boards::by_name("ox64")?;
//! assert_eq!(ox64.uart.base, 0x3000_2000);
//! // Says "unknown board `ox46`; known boards: ox64, …".
//! assert!(boards::by_name("ox46").unwrap_err().to_string().contains("ox64"));
//! # Ok::<(), boards::BoardError>(())
//! ```

mod check;
mod error;
mod file_error;
mod schema;
mod size;

use std::path::Path;

pub use check::word;
pub use error::BoardError;
pub use file_error::FileError;
pub use schema::{
    Board, BoardDevice, BoardPlic, BoardRam, BoardUart, Boot, DialectName, Jtag, Medium, Paging,
    UartKind, UserLayout,
};
pub use size::ByteSize;

/// Name and text of every board file, in the order of their names.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Every board there is, in the order of their names.
///
/// # Panics
///
/// If a board file of this project is wrong: a test reads every one of them.
#[must_use]
pub fn all() -> Vec<Board> {
    let board = |&(name, text)| match parse(name, name, text) {
        Ok(board) => board,
        Err(wrong) => panic!("the project's own board files are right, but {wrong}"),
    };
    FILES.iter().map(board).collect()
}

/// The names of all boards.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|&(name, _)| name)
}

/// The board of that name.
///
/// # Errors
///
/// `BoardError::NoBoard`, which lists the names there are.
pub fn by_name(name: &str) -> Result<Board, BoardError> {
    text(name).and_then(|text| parse(name, &format!("boards/{name}.toml"), text))
}

/// The text of the file of that board, comments included: where a user's own may begin.
///
/// # Errors
///
/// `BoardError::NoBoard`, which lists the names there are.
pub fn text(name: &str) -> Result<&'static str, BoardError> {
    let found = FILES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, text)| *text)
        .ok_or_else(|| BoardError::NoBoard {
            name: name.to_owned(),
        })
}

/// Whether a word names a file, and not a board that is compiled in: it has a `/`, or ends in `.toml`.
#[must_use]
pub fn is_file(word: &str) -> bool {
    word.contains('/') || word.ends_with(".toml")
}

/// The board of that name, or of that file; a relative path begins in `folder`.
///
/// # Errors
///
/// There is no such board, no such file, or the file is wrong.
pub fn find(word: &str, folder: &Path) -> Result<Board, BoardError> {
    if !is_file(word) {
        return by_name(word);
    }
    let path = folder.join(word);
    let file = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|error| BoardError::Unreadable {
        file: file.clone(),
        why: error.to_string(),
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    parse(&name, &file, &text)
}

/// Reads the text of a board's file, and checks every word of it; `file` is for messages.
///
/// # Errors
///
/// `BoardError::Wrong` with file, line, the value and what it may be.
pub fn parse(name: &str, file: &str, text: &str) -> Result<Board, BoardError> {
    let mut board: Board =
        toml::from_str(text).map_err(|wrong| FileError::unread(file, text, &wrong))?;
    name.clone_into(&mut board.name);
    check::check(&board, file, text)?;
    Ok(board)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_file_is_right() {
        assert!(
            FILES.len() >= 3,
            "ox64, qemu-virt and qemu-virt-rv32 are there"
        );
        for (name, text) in FILES {
            let board = parse(name, name, text).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(&board.name, name);
        }
        assert_eq!(all().len(), FILES.len());
    }

    /// A kernel picks its board by the tree's root `compatible`: two boards of one XLEN must differ in it.
    #[test]
    fn a_device_tree_names_one_board() {
        let boards = all();
        for (i, one) in boards.iter().enumerate() {
            for other in boards[i + 1..]
                .iter()
                .filter(|other| other.xlen == one.xlen)
            {
                assert_ne!(
                    one.compatible[0], other.compatible[0],
                    "{} and {}",
                    one.name, other.name
                );
            }
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let wrong = by_name("ox46").unwrap_err();
        let names = names().collect::<Vec<_>>().join(", ");
        assert_eq!(
            wrong.to_string(),
            format!(
                "unknown board `ox46`; known boards: {names}; a file of your own is named with \
                 its folder, as ./my.toml"
            )
        );
    }
}
