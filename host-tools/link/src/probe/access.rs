//! Methods of memory access, and why one fails.

use std::fmt;

/// A method of memory access through a debug module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMethod {
    /// System bus access: the hart keeps running; caches may be bypassed.
    Bus,
    /// Program buffer: loads that the hart executes.
    Program,
    /// The module's abstract command for memory.
    Abstract,
}

impl AccessMethod {
    /// Every method, in the order of preference.
    pub const ALL: [AccessMethod; 3] = [
        AccessMethod::Bus,
        AccessMethod::Program,
        AccessMethod::Abstract,
    ];

    /// The word in `--by` and in output.
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

/// Why a method cannot read some memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessRefusal {
    /// The module does not implement the method.
    NotThere,
    /// No memory responds at the address.
    NoMemory,
    /// The bus reported an error: sbcs.sberror.
    Bus(u32),
    /// The module did not become ready.
    Busy,
    /// The method requires a halted hart.
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
