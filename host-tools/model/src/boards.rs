//! Boards that there are files of, in the words of those files.

/// What a list says of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardRow {
    /// The file's name without `.toml`: what `--board` takes.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Width of its registers: 32 or 64.
    pub xlen: u32,
    /// The paging mode: `sv39`.
    pub paging: String,
    /// How its entries name memory types: `thead`.
    pub dialect: String,
    /// First byte of its memory.
    pub ram_base: u64,
    /// Bytes of memory.
    pub ram_bytes: u64,
    /// The family of its console's UART: `ns16550`.
    pub uart: String,
    /// Bits a second on its console, 8N1.
    pub baud: u32,
}

/// All of them, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardList(pub Vec<BoardRow>);
