//! JSON with a schema's name first and one item a line.

use std::fmt::{self, LowerHex};
use std::io::{self, Write};

use serde::{Serialize, Serializer};

/// A number as a hexadecimal string.
pub struct Hex<T>(pub T);

impl<T: LowerHex> fmt::Display for Hex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl<T: LowerHex> Serialize for Hex<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Anything by what it displays.
pub struct JsonText<T>(pub T);

impl<T: fmt::Display> Serialize for JsonText<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// An object, member by member.
pub struct JsonObject<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
}

impl<'a> JsonObject<'a> {
    /// Begins the object of this schema.
    pub fn begin(out: &'a mut dyn Write, schema: &str) -> io::Result<Self> {
        out.write_all(b"{")?;
        let mut object = JsonObject {
            out,
            is_first: true,
        };
        object.member("schema", schema)?;
        Ok(object)
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        let comma = if self.is_first { "" } else { "," };
        self.is_first = false;
        write!(self.out, "{comma}\n  \"{name}\": ")
    }

    /// A member.
    pub fn member(&mut self, name: &str, value: impl Serialize) -> io::Result<()> {
        self.name(name)?;
        Ok(serde_json::to_writer(&mut *self.out, &value)?)
    }

    /// Says so of tables that may be stale.
    pub fn staleness(&mut self, is_possibly_stale: bool) -> io::Result<()> {
        match is_possibly_stale {
            true => self.member("possibly_stale", true),
            false => Ok(()),
        }
    }

    /// A member that is a list, each item on a line of its own.
    pub fn list<T: Serialize>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        self.name(name)?;
        self.out.write_all(b"[")?;
        let mut is_empty = true;
        for item in items {
            let before = if is_empty { "\n    " } else { ",\n    " };
            is_empty = false;
            self.out.write_all(before.as_bytes())?;
            serde_json::to_writer(&mut *self.out, &item)?;
        }
        let end: &[u8] = if is_empty { b"]" } else { b"\n  ]" };
        self.out.write_all(end)
    }

    /// Begins a member that is a list whose items come one by one.
    pub fn begin_list(&mut self, name: &str) -> io::Result<()> {
        self.name(name)?;
        self.out.write_all(b"[")
    }

    /// An item of that list, on a line of its own.
    pub fn item(&mut self, item: impl Serialize, is_first: bool) -> io::Result<()> {
        let before = if is_first { "\n    " } else { ",\n    " };
        self.out.write_all(before.as_bytes())?;
        Ok(serde_json::to_writer(&mut *self.out, &item)?)
    }

    /// Ends that list.
    pub fn end_list(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n  ]")
    }

    /// Ends the object.
    pub fn end(self) -> io::Result<()> {
        self.out.write_all(b"\n}\n")
    }
}
