//! Boards as data: what a kernel and a packer must know about each.
//!
//! A board is a file, `boards/NAME.toml`. It is parsed here into words and numbers, and every value is
//! checked; the meaning of `"sv39"` or `"thead"` is in other crates. The boards of this folder are compiled
//! in; a user names a file of their own by path, as `./my.toml`:
//!
//! ```
//! let ox64 = boards::by_name("ox64")?;
//! assert_eq!(ox64.uart.base, 0x3000_2000);
//! // The error is "unknown board `ox46`; known boards: ox64, …".
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

/// Name and text of every compiled-in board file, sorted by name.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Every compiled-in board, sorted by name.
///
/// # Panics
///
/// If a board file of this project is invalid: a test reads all of them.
#[must_use]
pub fn all() -> Vec<Board> {
    let board = |&(name, text)| match parse(name, name, text) {
        Ok(board) => board,
        Err(wrong) => panic!("the project's own board files are right, but {wrong}"),
    };
    FILES.iter().map(board).collect()
}

/// The names of all compiled-in boards, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|&(name, _)| name)
}

/// The compiled-in board called `name`.
///
/// # Errors
///
/// `BoardError::NoBoard`, which lists the known names.
pub fn by_name(name: &str) -> Result<Board, BoardError> {
    text(name).and_then(|text| parse(name, &format!("boards/{name}.toml"), text))
}

/// The text of a compiled-in board file, comments included: a starting point for a user's own file.
///
/// # Errors
///
/// `BoardError::NoBoard`, which lists the known names.
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

/// The compiled-in board of that name, or the board in that file; a relative path starts at `folder`.
///
/// # Errors
///
/// The board is unknown, or the file is missing or invalid.
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

/// Parses and checks the text of a board file; `file` appears in messages.
///
/// # Errors
///
/// `BoardError::Wrong` with file, line, the value and the allowed values.
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
