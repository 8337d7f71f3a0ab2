//! Names of memory sources on the command line.
//!
//! ```text
//! vmcore  uboot.log  before.json     a file; its first bytes determine the format, compressed or not
//! ram.bin@0x80000000                 raw memory, and the address of its first byte
//! core: text: mem: snapshot:         prefix that selects the format of a file
//! planned:                           what the kernel will map on --board
//! gdb://localhost:1234  /dev/ttyUSB0@2000000  tcp://…  unix:…  qemu  run.pwlog
//! ```

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::{OpenError, RawSpec, RawSpecError, files, flattened, physical, text};
use crate::transport::{Spec, SpecError};

/// A parsed name of a memory source.
#[derive(Clone, Debug, PartialEq)]
pub enum MemorySpec {
    /// A board, a stub or a recording.
    Line(Spec),
    /// A raw dump, with its address.
    Raw(RawSpec),
    /// A dump of physical memory: an ELF core, a KDUMP, one of LiME.
    Core(PathBuf),
    /// A text dump or a list of mappings, `FILE@0xADDR`, or `-` for stdin.
    Text(OsString),
    /// A snapshot file of this program.
    Snapshot(PathBuf),
    /// A file of a format still to be determined.
    File(PathBuf),
    /// The caller of `pagewalk bridge` reads the memory.
    Pipe,
    /// The tables that the kernel will build on a board: the caller plans them.
    Planned,
}

/// Why a text does not name a memory source.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MemorySpecError {
    /// Neither an existing file nor a form of a line.
    #[error(
        "`{0}` is neither a file nor a line; sources are a core, a text dump, a snapshot, \
         raw memory as FILE@0x80000000, and gdb://HOST:PORT, /dev/ttyUSB0@2000000, \
         tcp://HOST:PORT, unix:PATH, qemu, RUN.pwlog"
    )]
    Unknown(String),
    /// `mem:` with something that is not FILE@ADDR.
    #[error(transparent)]
    Raw(#[from] RawSpecError),
    /// A line's form with a wrong part.
    #[error(transparent)]
    Line(#[from] SpecError),
}

/// Bytes of a file that decide its format.
const LOOKED_AT: usize = 512;

/// The name that `pagewalk bridge` uses for its caller.
const PIPE: &str = "pipe:";

/// The name of the tables that a kernel will build.
const PLANNED: &str = "planned:";

/// Prefixes that select a format.
const KINDS: [&str; 4] = ["core:", "text:", "mem:", "snapshot:"];

impl FromStr for MemorySpec {
    type Err = MemorySpecError;

    fn from_str(name: &str) -> Result<MemorySpec, MemorySpecError> {
        if name == PIPE {
            return Ok(MemorySpec::Pipe);
        }
        if name == PLANNED {
            return Ok(MemorySpec::Planned);
        }
        if name == "-" {
            return Ok(MemorySpec::Text(name.into()));
        }
        let kind = KINDS
            .iter()
            .find_map(|kind| Some((*kind, name.strip_prefix(kind)?)));
        match kind {
            Some(("core:", path)) => return Ok(MemorySpec::Core(path.into())),
            Some(("text:", path)) => return Ok(MemorySpec::Text(path.into())),
            Some(("snapshot:", path)) => return Ok(MemorySpec::Snapshot(path.into())),
            Some((_, place)) => {
                let place = place.parse::<RawSpec>()?;
                return Ok(MemorySpec::Raw(RawSpec {
                    is_sure: true,
                    ..place
                }));
            }
            None => {}
        }
        // A serial port is not a regular file and a dump is: that distinguishes PATH@BAUD from FILE@ADDR.
        if let Ok(place) = name.parse::<RawSpec>()
            && place.path.is_file()
            && !name.contains(".pwlog@")
        {
            return Ok(MemorySpec::Raw(place));
        }
        match name.parse::<Spec>() {
            Ok(spec) => Ok(MemorySpec::Line(spec)),
            Err(SpecError::Form(_)) if Path::new(name).is_file() => {
                Ok(MemorySpec::File(name.into()))
            }
            Err(SpecError::Form(_)) => Err(MemorySpecError::Unknown(name.to_owned())),
            Err(other) => Err(other.into()),
        }
    }
}

impl fmt::Display for MemorySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = |path: &Path| match path.file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => path.display().to_string(),
        };
        match self {
            MemorySpec::Line(spec) => spec.fmt(f),
            MemorySpec::Raw(place) => f.write_str(&last(&place.path)),
            MemorySpec::Core(path) | MemorySpec::Snapshot(path) | MemorySpec::File(path) => {
                f.write_str(&last(path))
            }
            MemorySpec::Text(name) if name == "-" => f.write_str("stdin"),
            MemorySpec::Text(name) => f.write_str(&last(Path::new(name))),
            MemorySpec::Pipe => f.write_str("the target"),
            MemorySpec::Planned => f.write_str("what is planned"),
        }
    }
}

impl MemorySpec {
    /// Determines the format of a file from its first bytes; other sources are unchanged.
    pub fn sniffed(self) -> Result<MemorySpec, OpenError> {
        let path = match self {
            MemorySpec::File(path) => path,
            // Text at an address is no raw memory: the address is added to its own.
            MemorySpec::Raw(place)
                if !place.is_sure && text::is_text(&container::head(&place.path, LOOKED_AT)?) =>
            {
                let mut name = place.path.into_os_string();
                name.push(format!("@{:#x}", place.at.raw()));
                return Ok(MemorySpec::Text(name));
            }
            other => return Ok(other),
        };
        let mut first = container::head(&path, LOOKED_AT)?;
        if first.starts_with(flattened::MAGIC) {
            let failed = |error| OpenError::File(path.clone(), error);
            let (file, _) = files::open(&path)?;
            first.clear();
            let most = LOOKED_AT as u64;
            file.take(most).read_to_end(&mut first).map_err(failed)?;
        }
        let is_listing = || String::from_utf8_lossy(&first).contains("\"pagewalk.map");
        Ok(if physical::name(&first).is_some() {
            MemorySpec::Core(path)
        } else if crate::recording::is_recording(&first) {
            MemorySpec::Line(Spec::Recording(path, crate::transport::Speed::Times(1.0)))
        } else if first.trim_ascii_start().starts_with(b"{") && !is_listing() {
            MemorySpec::Snapshot(path)
        } else {
            MemorySpec::Text(path.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_told_from_a_port_and_by_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, first) in [
            ("a", &b"\x7fELF..."[..]),
            ("b", b" {\"schema\""),
            ("c", b"80: 1"),
        ] {
            fs::write(path(name), first).unwrap();
        }
        let origin = |name: &str| path(name).to_str().unwrap().parse::<MemorySpec>();
        let sniffed = |name: &str| origin(name).unwrap().sniffed().unwrap();
        assert_eq!(sniffed("a"), MemorySpec::Core(path("a")));
        assert_eq!(sniffed("b"), MemorySpec::Snapshot(path("b")));
        assert_eq!(sniffed("c"), MemorySpec::Text(path("c").into()));
        assert!(matches!(origin("c@0x80000000"), Ok(MemorySpec::Raw(_))));
        // Text that shows memory is text at an address too; what is no text is memory.
        fs::write(
            path("d"),
            "00000000: e700 0000 0000 0000 2118 1014 0000 0000  ........!.......\n",
        )
        .unwrap();
        let mut moved = path("d").into_os_string();
        moved.push("@0x80000000");
        assert_eq!(sniffed("d@0x80000000"), MemorySpec::Text(moved));
        assert!(matches!(sniffed("a@0x80000000"), MemorySpec::Raw(_)));
        assert_eq!(
            "missing".parse::<MemorySpec>(),
            Err(MemorySpecError::Unknown("missing".to_owned()))
        );
        assert!(matches!(
            "/dev/ttyUSB0@2000000".parse(),
            Ok(MemorySpec::Line(Spec::Port { .. }))
        ));
        assert!(matches!(
            "gdb://here:1".parse(),
            Ok(MemorySpec::Line(Spec::Gdb(_)))
        ));
        assert!(matches!("-".parse(), Ok(MemorySpec::Text(_))));
        assert!(matches!("mem:x@0".parse(), Ok(MemorySpec::Raw(_))));
        assert!("mem:x".parse::<MemorySpec>().is_err());
    }
}
