//! The known boards, as rows of a list.

/// One board in the list of boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardRow {
    /// File name without `.toml`: the argument of `--board`.
    pub name: String,
    /// Product name.
    pub title: String,
    /// Register width in bits: 32 or 64.
    pub xlen: u32,
    /// Paging mode in lower case: `sv39`.
    pub paging: String,
    /// Encoding of memory types in PTEs: `thead`.
    pub dialect: String,
    /// Physical address of the first byte of RAM.
    pub ram_base: u64,
    /// Size of RAM in bytes.
    pub ram_bytes: u64,
    /// Register layout of the console's UART: `ns16550`.
    pub uart: String,
    /// Speed of the console in bits per second, 8N1.
    pub baud: u32,
}

/// All boards, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardList(pub Vec<BoardRow>);
