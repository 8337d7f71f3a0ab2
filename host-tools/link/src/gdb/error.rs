//! What a stub does not give.

use std::fmt;
use std::io;

/// Why a stub gave no answer.
#[derive(Debug)]
pub enum StubError {
    /// The connection was refused or broke.
    Line(io::Error),
    /// The user wants no answer any more.
    Stopped,
    /// It does not answer as a stub does.
    NoStub,
    /// It does not describe its registers.
    NoDescription,
    /// It has no such register, or does not tell what it holds.
    Register(String),
}

impl fmt::Display for StubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StubError::Line(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    f.write_str("no answer; is it a gdb stub, and is no other gdb attached?")
                }
                _ => error.fmt(f),
            },
            StubError::Stopped => f.write_str("stopped; the target is as it was found"),
            StubError::NoStub => f.write_str("what answers is no gdb stub"),
            StubError::NoDescription => {
                f.write_str("the stub does not describe its registers; give --satp and --xlen")
            }
            StubError::Register(name) => {
                write!(f, "the stub does not tell register {name}; give --satp")
            }
        }
    }
}

impl std::error::Error for StubError {}
