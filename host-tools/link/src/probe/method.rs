//! Ways to memory, and why one does not lead there.

use std::fmt;

/// A way to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Past the hart; it goes on meanwhile. Perhaps past its cache, too.
    Bus,
    /// Loads that the hart does.
    Program,
    /// The module's own command.
    Abstract,
}

impl Method {
    /// Every way.
    pub const ALL: [Method; 3] = [Method::Bus, Method::Program, Method::Abstract];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Bus => "bus",
            Method::Program => "program",
            Method::Abstract => "abstract",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Bus => "system bus",
            Method::Program => "program buffer",
            Method::Abstract => "abstract memory",
        })
    }
}

/// Why a way does not lead to some memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
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

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotThere => f.write_str("not there"),
            Refusal::NoMemory => f.write_str("nothing at this address"),
            Refusal::Bus(error) => {
                let what = match error {
                    1 => "no answer in time",
                    3 => "not aligned",
                    4 => "no access of this size",
                    _ => "failed",
                };
                write!(f, "{what} (sberror {error})")
            }
            Refusal::Busy => f.write_str("never ready"),
            Refusal::NotHalted => f.write_str("the hart does not halt"),
        }
    }
}
