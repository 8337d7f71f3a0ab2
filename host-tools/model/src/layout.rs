//! The parts of an image, and its problems.

/// A range of bytes with a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePart {
    /// Name of the part, indented by two spaces for each enclosing part.
    pub what: String,
    /// Offset in the image, in bytes.
    pub at: u64,
    /// Size in bytes.
    pub size: u64,
}

/// Result of inspecting an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageLayout {
    /// Size of the image in bytes.
    pub size: u64,
    /// Parts in order of offset.
    pub parts: Vec<ImagePart>,
    /// Further facts, as name and value.
    pub facts: Vec<(String, String)>,
    /// The board whose limits were checked; `None` without one.
    pub board: Option<String>,
    /// Reasons why it will not boot, or not completely.
    pub problems: Vec<String>,
}
