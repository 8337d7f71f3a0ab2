//! Boards as data: what a kernel and a packer must know of each.
//!
//! A board is a file, `boards/NAME.toml`. It is read here into plain words and numbers, and every word is checked;
//! what `"sv39"` or `"thead"` mean is known elsewhere. All boards are compiled in:
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
mod schema;

pub use error::BoardError;
pub use schema::{
    Board, BoardPlic, BoardRam, BoardUart, Boot, Dialect, Jtag, Medium, Paging, UartKind,
    UserLayout,
};

/// Name and text of every board file, in the order of their names.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Every board there is, in the order of their names.
///
/// # Panics
///
/// If a board file of this project is wrong: a test reads every one of them.
#[must_use]
pub fn all() -> Vec<Board> {
    let board = |&(name, text)| match parse(name, text) {
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
/// `Error::NoBoard`, which lists the names there are.
pub fn by_name(name: &str) -> Result<Board, BoardError> {
    match FILES.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => parse(name, text),
        None => Err(BoardError::NoBoard {
            name: name.to_owned(),
        }),
    }
}

/// Reads the text of `boards/NAME.toml`, and checks every word of it.
///
/// # Errors
///
/// `Error::Wrong` with file, line, the value and what it may be.
pub fn parse(name: &str, text: &str) -> Result<Board, BoardError> {
    let mut board: Board =
        toml::from_str(text).map_err(|wrong| BoardError::unread(name, text, &wrong))?;
    name.clone_into(&mut board.name);
    check::check(&board, text)?;
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
            let board = parse(name, text).unwrap_or_else(|wrong| panic!("{wrong}"));
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
            format!("unknown board `ox46`; known boards: {names}")
        );
    }
}
