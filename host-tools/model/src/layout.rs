//! What lies where in an image, and what is wrong with it.

/// A run of bytes with a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePart {
    /// What it is; two blanks in front for each level that it lies within another.
    pub what: String,
    /// Its first byte in the image.
    pub at: u64,
    /// Bytes.
    pub size: u64,
}

/// An image as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageLayout {
    /// Bytes in all.
    pub size: u64,
    /// What lies where, in the order of the image.
    pub parts: Vec<ImagePart>,
    /// Facts worth knowing: a name and a value.
    pub facts: Vec<(String, String)>,
    /// The board it was judged for, if any.
    pub board: Option<String>,
    /// Why it will not boot, or not whole.
    pub problems: Vec<String>,
}
