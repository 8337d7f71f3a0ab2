//! JSON output: the schema name first, one list item per line.

use std::fmt::{self, LowerHex};
use std::io::{self, Write};

use serde::{Serialize, Serializer};

/// A number, serialized as a hexadecimal string.
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

/// A value, serialized by its `Display` text.
pub struct JsonText<T>(pub T);

impl<T: fmt::Display> Serialize for JsonText<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// Writes an object member by member.
pub struct JsonObject<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
}

impl<'a> JsonObject<'a> {
    /// Opens an object with its `schema` member.
    pub fn begin(out: &'a mut dyn Write, schema: &str) -> io::Result<Self> {
        out.write_all(b"{")?;
        let mut object = JsonObject {
            out,
            is_first: true,
        };
        object.member("schema", schema)?;
        Ok(object)
    }

    /// Goes on with an object that has members already.
    pub fn resume(out: &'a mut dyn Write) -> Self {
        JsonObject {
            out,
            is_first: false,
        }
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        let comma = if self.is_first { "" } else { "," };
        self.is_first = false;
        write!(self.out, "{comma}\n  \"{name}\": ")
    }

    /// Writes a member.
    pub fn member(&mut self, name: &str, value: impl Serialize) -> io::Result<()> {
        self.name(name)?;
        Ok(serde_json::to_writer(&mut *self.out, &value)?)
    }

    /// Writes `possibly_stale`, if it is true.
    pub fn staleness(&mut self, is_possibly_stale: bool) -> io::Result<()> {
        match is_possibly_stale {
            true => self.member("possibly_stale", true),
            false => Ok(()),
        }
    }

    /// Writes a list, one item per line.
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

    /// Opens a list whose items follow one by one.
    pub fn begin_list(&mut self, name: &str) -> io::Result<()> {
        self.name(name)?;
        self.out.write_all(b"[")
    }

    /// Writes an item on a line of its own.
    pub fn item(&mut self, item: impl Serialize, is_first: bool) -> io::Result<()> {
        let before = if is_first { "\n    " } else { ",\n    " };
        self.out.write_all(before.as_bytes())?;
        Ok(serde_json::to_writer(&mut *self.out, &item)?)
    }

    /// Closes the list.
    pub fn end_list(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n  ]")
    }

    /// Closes the object.
    pub fn end(self) -> io::Result<()> {
        self.out.write_all(b"\n}\n")
    }
}
