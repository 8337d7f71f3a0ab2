//! Where members of structures are, whatever kind of debug information says it.

use super::OsError;

/// Layouts of a kernel's structures.
pub trait Layouts {
    /// Offset in bytes of a member, which may be one of a member: `context.id`. Members of unnamed structures
    /// and unions are members of what contains them.
    fn member(&self, of: &str, path: &str) -> Option<u64>;

    /// Size of a structure in bytes.
    fn size(&self, of: &str) -> Option<u64>;
}

/// The offset of a member that every version has.
pub(super) fn offset(
    layouts: &(impl Layouts + ?Sized),
    of: &'static str,
    path: &'static str,
) -> Result<u64, OsError> {
    let found = layouts.member(of, path);
    found.ok_or(OsError::Member(of, path))
}
