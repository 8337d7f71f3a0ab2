//! `--planned`: the tables that the kernel will build on a board, and names from a program.
//!
//! The ranges come from `kernel/shared/plan`, as the kernel's own do. What only the kernel's ELF or the Image says is
//! left out without it, and that is said.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use anyhow::Context;
use boards::Board;
use link::memory::PhysRange;
use link::memory::listing::{Listing, PrintedRange, PrintedSpace};
use link::sections;
use model::space::{AreaOf, NamedArea};
use pagetable::{Mode, PhysAddr, Pte, Xlen};
use plan::{ImageSections, PlicPages, Put, Range, VirtualLayout};

use super::MachineArgs;
use super::machine::area;
use crate::board_file::dialect;
use crate::exit::UsageError;

/// Most bytes of a program or an Image.
const MOST_BYTES: u64 = 2 << 30;
/// Bytes at the end of RAM in which tables are shown where the kernel's pool is not known: 32 tables, as it has.
const POOL: u64 = 32 << 12;
/// What printed a planned listing.
pub const PLANNED: &str = "the plan of the kernel";
/// Bytes 0x38 to 0x3b of an Image (Linux, Documentation/arch/riscv/boot-image-header.rst).
const IMAGE_MAGIC: &[u8] = b"RSC\x05";

/// A program whose sections name addresses, and the Image that is planned.
#[derive(clap::Args, Clone, Default)]
pub struct PlanArgs {
    /// A program whose sections name addresses: a kernel, or what a task runs. With --planned, the kernel; for the
    /// tasks of xv6 and of a Linux without BTF too, with its debug information
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// With --planned: the Image, for where its initrd ends
    #[arg(long, value_name = "FILE", requires = "elf")]
    image: Option<PathBuf>,
}

/// What is planned.
pub struct PlannedMap {
    /// The board, as messages name it.
    pub name: String,
    /// Register width of the board's kernel.
    pub xlen: Xlen,
    /// The ranges.
    pub listing: Listing,
    /// Names of the parts of the Image, where they will lie in RAM.
    pub areas: Vec<NamedArea>,
}

impl PlanArgs {
    /// The program.
    pub fn elf(&self) -> Option<&Path> {
        self.elf.as_deref()
    }

    /// The sections of the program, by their virtual and their physical addresses.
    pub fn areas(&self) -> anyhow::Result<Vec<NamedArea>> {
        let Some(path) = &self.elf else {
            return Ok(Vec::new());
        };
        let bytes = container::read(path, MOST_BYTES)?;
        let found = sections::read(&bytes).with_context(|| path.display().to_string())?;
        let named = found.into_iter().flat_map(|it| {
            let at = area(&it.name, AreaOf::Virtual, it.va);
            let lies = it.pa.map(|pa| area(&it.name, AreaOf::Physical, pa));
            std::iter::once(at).chain(lies)
        });
        Ok(named.collect())
    }

    /// What the kernel will map on the board of the options.
    pub fn listing(&self, machine: &MachineArgs) -> anyhow::Result<PlannedMap> {
        let Some(board) = &machine.board else {
            let misuse = "what is planned depends on the board: --board names it";
            return Err(UsageError(misuse.to_owned()).into());
        };
        let (mode, xlen) = match board.xlen {
            32 => (Mode::Sv32, Xlen::Rv32),
            _ => (Mode::Sv39, Xlen::Rv64),
        };
        let seen = VirtualLayout::of(mode);
        let parts = self.parts(board, &seen)?;
        let read_only = parts
            .iter()
            .flat_map(|(parts, bytes)| plan::read_only(parts, *bytes));
        let read_only: Vec<Range> = read_only.filter(|it| it.bytes > 0).collect();
        let ram = machine.ram().unwrap_or_default();
        let tree = machine.dtb.as_ref();
        let (ram, held) = match tree.filter(|tree| !tree.memory.is_empty()) {
            Some(tree) => (ranges(&tree.memory), ranges(&tree.reserved)),
            None => (ranges(&ram), Vec::new()),
        };
        if tree.is_none() {
            eprintln!(
                "note: what firmware holds of RAM stands in the device tree alone: --dtb takes it out"
            );
        }
        let ram: Vec<Range> = ram.iter().map(|it| within(*it, seen.reach)).collect();
        let dialect = dialect(board.dialect);
        let kept = Pte::GLOBAL | Pte::ACCESSED | Pte::DIRTY;
        let tables_at = parts.as_ref().map_or_else(
            || {
                ram.last()
                    .map_or(0, |it| it.end() & !0xfff)
                    .saturating_sub(POOL)
            },
            |(parts, _)| parts.base.raw() + parts.tables,
        );
        let mut space = PrintedSpace {
            name: "kernel".to_owned(),
            tables_at: Some(tables_at),
            mode: Some(mode),
            is_32: mode == Mode::Sv32,
            ..PrintedSpace::default()
        };
        let put = |it: Put| -> Result<(), Infallible> {
            space.ranges.extend((it.bytes > 0).then_some(PrintedRange {
                va: it.va,
                pa: it.pa,
                bytes: it.bytes,
                flags: kept | it.rights | dialect.bits(it.memory),
                page: None,
            }));
            Ok(())
        };
        fill(
            &seen,
            parts.as_ref().map(|(parts, _)| parts),
            board,
            (&ram, &held, &read_only),
            put,
        );
        Ok(PlannedMap {
            name: format!("{} planned", board.name),
            xlen,
            listing: Listing {
                what: PLANNED,
                spaces: vec![space],
            },
            areas: parts.map_or_else(Vec::new, |(parts, bytes)| part_areas(&parts, bytes)),
        })
    }

    /// Where the parts of the Image will lie, and its length; `None` without a kernel's ELF.
    fn parts(
        &self,
        board: &Board,
        seen: &VirtualLayout,
    ) -> anyhow::Result<Option<(ImageSections, u64)>> {
        let Some(path) = &self.elf else {
            eprintln!(
                "note: without --elf FILE of the kernel its own parts are left out, RAM is shown as if it were all data, and where tables lie is chosen"
            );
            return Ok(None);
        };
        let name = || path.display().to_string();
        let bytes = container::read(path, MOST_BYTES)?;
        let symbols = [
            "_start",
            "_text_end",
            "_rodata_end",
            "_guard",
            "_end",
            "boot_tables",
        ];
        let found = sections::addresses(&bytes, symbols).map_err(|it| anyhow::anyhow!("{it}"));
        let [start, text, rodata, guard, end, tables] = found.with_context(name)?;
        let is_sorted = [start, text, rodata, guard, end].is_sorted() && guard < end;
        if start != seen.link || !is_sorted || !(start..end).contains(&tables) {
            anyhow::bail!(
                "{}: linked at {start:#x}, not as this kernel for {} is, at {:#x}",
                name(),
                board.name,
                seen.link
            );
        }
        let parts = ImageSections {
            base: PhysAddr::new(board.ram.base + board.boot.text_offset),
            text_end: text - start,
            rodata_end: rodata - start,
            guard: guard - start,
            end: end - start,
            tables: tables - start,
        };
        let length = self.image_bytes()?.unwrap_or_else(|| {
            eprintln!("note: without --image FILE the initrd is left out: it is read-only");
            parts.end
        });
        if length < parts.end {
            anyhow::bail!(
                "the Image has {length:#x} bytes, and the kernel of --elf alone {:#x}: they are not of one build",
                parts.end
            );
        }
        Ok(Some((parts, length)))
    }

    /// The length of the Image with pad and initrd.
    fn image_bytes(&self) -> anyhow::Result<Option<u64>> {
        let Some(path) = &self.image else {
            return Ok(None);
        };
        let bytes = container::read(path, MOST_BYTES)?;
        let magic = bytes.get(0x38..0x3c);
        if magic != Some(IMAGE_MAGIC) {
            anyhow::bail!(
                "{}: not an Image: bytes 0x38 to 0x3b are not `RSC` and 5; `just build` leaves target/images/Image",
                path.display()
            );
        }
        Ok(Some(bytes.len() as u64))
    }
}

/// Names of the parts of the Image in RAM, as its linker script has them.
fn part_areas(parts: &ImageSections, image_bytes: u64) -> Vec<NamedArea> {
    let named = [
        (".text", 0, parts.text_end),
        (".rodata", parts.text_end, parts.rodata_end),
        (".data", parts.rodata_end, parts.end),
        ("initrd", parts.end, image_bytes),
    ];
    let of = |(name, from, end): (&str, u64, u64)| {
        let span = PhysRange::of(parts.base.raw() + from, end - from)?;
        Some(area(name, AreaOf::Physical, span))
    };
    named.into_iter().filter_map(of).collect()
}

/// Every range, in the kernel's order.
fn fill(
    seen: &VirtualLayout,
    parts: Option<&ImageSections>,
    board: &Board,
    (ram, held, read_only): (&[Range], &[Range], &[Range]),
    mut put: impl FnMut(Put) -> Result<(), Infallible>,
) {
    let plic = PlicPages {
        base: board.plic.base,
        context: board.plic.s_context,
    };
    let pages = plan::device_pages(board.uart.base, Some(plic));
    let Ok(()) = parts.map_or(Ok(()), |parts| plan::image(seen, parts, &mut put));
    let Ok(()) = plan::ram(seen, ram, held, read_only, &mut put);
    let Ok(()) = plan::devices(seen, pages, &mut put);
}

fn ranges(spans: &[PhysRange]) -> Vec<Range> {
    let range = |span: &PhysRange| Range {
        base: span.first,
        bytes: (span.last - span.first).saturating_add(1),
    };
    spans.iter().map(range).collect()
}

/// What of RAM the kernel can show.
fn within(ram: Range, reach: Range) -> Range {
    let base = ram.base.max(reach.base);
    let bytes = ram.end().min(reach.end()).saturating_sub(base);
    Range { base, bytes }
}
