//! Dumps of physical memory, known by their first bytes.
//!
//! To add a format: a file with its magic and how it is opened, and a row here.

use std::path::Path;

use super::physical_dump::PhysicalDump;
use super::{OpenError, core, kdump, lime};

/// A format, known by its first bytes.
struct DumpFormat {
    magic: &'static [u8],
    name: &'static str,
    open: fn(&Path) -> Result<PhysicalDump, OpenError>,
}

const FORMATS: &[DumpFormat] = &[
    DumpFormat {
        magic: b"\x7fELF",
        name: "an ELF core",
        open: |path| {
            let core = core::open(path)?;
            Ok(PhysicalDump {
                xlen: Some(core.xlen),
                cut_at: core.cut_at,
                root: core.root,
                info: core.info,
                harts: core.harts,
                remarks: core.remarks,
                ..PhysicalDump::of(core.memory)
            })
        },
    },
    DumpFormat {
        magic: kdump::MAGIC,
        name: "a KDUMP",
        open: kdump::open,
    },
    DumpFormat {
        magic: lime::MAGIC,
        name: "a dump of LiME",
        open: lime::open,
    },
];

/// The format of a file that begins so.
fn format(first: &[u8]) -> Option<&'static DumpFormat> {
    FORMATS.iter().find(|it| first.starts_with(it.magic))
}

/// What a file that begins so is, if it is a dump of physical memory.
pub(super) fn name(first: &[u8]) -> Option<&'static str> {
    format(first).map(|format| format.name)
}

/// Opens a dump of any format; a file of none is taken for a core and refused as such.
pub fn open(path: &Path) -> Result<PhysicalDump, OpenError> {
    let (mut file, _) = super::files::open(path)?;
    let mut first = [0; 16];
    let count = std::io::Read::read(&mut file, &mut first);
    let count = count.map_err(|error| OpenError::File(path.to_owned(), error))?;
    let format = format(&first[..count]).unwrap_or(&FORMATS[0]);
    (format.open)(path)
}
