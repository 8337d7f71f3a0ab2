//! Ways to memory, and why one does not lead there.

use std::fmt;

/// A way to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMethod {
    /// Past the hart; it goes on meanwhile. Perhaps past its cache, too.
    Bus,
    /// Loads that the hart does.
    Program,
    /// The module's own command.
    Abstract,
}

impl AccessMethod {
    /// Every way.
    pub const ALL: [AccessMethod; 3] = [
        AccessMethod::Bus,
        AccessMethod::Program,
        AccessMethod::Abstract,
    ];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            AccessMethod::Bus => "bus",
            AccessMethod::Program => "program",
            AccessMethod::Abstract => "abstract",
        }
    }
}

impl fmt::Display for AccessMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AccessMethod::Bus => "system bus",
            AccessMethod::Program => "program buffer",
            AccessMethod::Abstract => "abstract memory",
        })
    }
}

/// Why a way does not lead to some memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessRefusal {
    /// The module has no such way.
    NotThere,
    /// Nothing answers at the address.
    NoMemory,
    /// The bus says so: sbcs.sberror.
    Bus(u32),
    /// It does not get ready.
    Busy,
    /// The hart would have to halt.
    NotHalted,
}

impl fmt::Display for AccessRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessRefusal::NotThere => f.write_str("not there"),
            AccessRefusal::NoMemory => f.write_str("nothing at this address"),
            AccessRefusal::Bus(error) => {
                let what = match error {
                    1 => "no answer in time",
                    3 => "not aligned",
                    4 => "no access of this size",
                    _ => "failed",
                };
                write!(f, "{what} (sberror {error})")
            }
            AccessRefusal::Busy => f.write_str("never ready"),
            AccessRefusal::NotHalted => f.write_str("the hart does not halt"),
        }
    }
}
