//! VMCOREINFO: what a Linux kernel writes down about itself.
//!
//! Lines such as `NUMBER(satp)=0x8000000000080000` and `SYMBOL(swapper_pg_dir)=ffffffff81400000`, in a note of
//! a core and in the header of a KDUMP. Source: Linux, Documentation/admin-guide/kdump/vmcoreinfo.rst and
//! arch/riscv/kernel/vmcore_info.c.

use pagetable::{Mode, PhysAddr, Satp, Xlen};

/// A root of page tables, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedRoot {
    /// The root, as a register value.
    pub satp: Satp,
    /// The line, or lines, that say it.
    pub from: &'static str,
}

/// The text of a VMCOREINFO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmcoreInfo(Vec<u8>);

/// How the text begins, in every version.
const BEGIN: &[u8] = b"OSRELEASE=";

impl VmcoreInfo {
    /// How many bytes of a page [`VmcoreInfo::begins`] needs.
    pub const HEAD_BYTES: usize = BEGIN.len();

    /// Whether a text begins with these bytes.
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(BEGIN)
    }

    /// The text of a note, or of the page in which the kernel keeps it: up to the first zero.
    pub fn new(text: &[u8]) -> VmcoreInfo {
        let end = text.iter().position(|byte| *byte == 0);
        VmcoreInfo(text[..end.unwrap_or(text.len())].to_vec())
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands behind `name=`.
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self.0.split(|byte| *byte == b'\n');
        let mut values =
            lines.filter_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        Some(std::str::from_utf8(values.next()?).ok()?.trim())
    }

    /// `NUMBER(name)`: kernels print some in decimal and some in hexadecimal, behind 0x.
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.field(&format!("NUMBER({name})"))?;
        match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => value
                .parse::<u64>()
                .ok()
                .or_else(|| Some(value.parse::<i64>().ok()? as u64)),
        }
    }

    /// `SYMBOL(name)`: an address, without 0x.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        let value = self.field(&format!("SYMBOL({name})"))?;
        u64::from_str_radix(value.trim_start_matches("0x"), 16).ok()
    }

    /// The root that it says: `satp` where it is, else that of the kernel's own tables.
    pub fn root(&self, xlen: Xlen) -> Option<NotedRoot> {
        let satp = self.number("satp");
        let satp = satp.and_then(|satp| Satp::decode(satp, xlen).ok());
        if let Some(satp) = satp.filter(|satp| satp.mode != Mode::Bare) {
            return Some(NotedRoot {
                satp,
                from: "NUMBER(satp)",
            });
        }
        Some(NotedRoot {
            satp: self.kernel()?,
            from: "SYMBOL(swapper_pg_dir) and NUMBER(VA_BITS)",
        })
    }

    /// The root of the kernel's own tables.
    pub fn kernel(&self) -> Option<Satp> {
        let mode = match self.number("VA_BITS")? {
            32 => Mode::Sv32,
            39 => Mode::Sv39,
            48 => Mode::Sv48,
            57 => Mode::Sv57,
            _ => return None,
        };
        let va = self.symbol("swapper_pg_dir")?;
        let base = self.number("phys_ram_base");
        let link = self.number("KERNEL_LINK_ADDR");
        // The kernel's own image is mapped from its link address; it is in RAM, behind an offset that 6.x writes
        // down.
        let offset = self.number("va_kernel_pa_offset");
        let pa = match (link, offset) {
            (Some(link), Some(offset)) if va >= link => va.wrapping_sub(offset),
            _ => va
                .wrapping_sub(self.number("PAGE_OFFSET")?)
                .wrapping_add(base?),
        };
        let root = PhysAddr::new(pa);
        let is_table = root.is_aligned(pagetable::PAGE_BYTES) && pa >> mode.pa_bits() == 0;
        is_table.then_some(Satp {
            mode,
            asid: 0,
            root,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(Mode, u64)> {
        let root = VmcoreInfo::new(text.as_bytes()).root(Xlen::Rv64)?;
        Some((root.satp.mode, root.satp.root.raw()))
    }

    #[test]
    fn satp_counts_where_it_is_and_the_kernels_tables_where_it_is_not() {
        let both = "OSRELEASE=6.6.0\nNUMBER(VA_BITS)=39\nSYMBOL(swapper_pg_dir)=ffffffff81400000\n\
                    NUMBER(phys_ram_base)=2147483648\nNUMBER(KERNEL_LINK_ADDR)=0xffffffff80000000\n\
                    NUMBER(va_kernel_pa_offset)=0xfffffffeffe00000\nNUMBER(satp)=0x8000000000081fca\n";
        assert_eq!(found(both), Some((Mode::Sv39, 0x81fc_a000)));
        let (without, _) = both.split_once("NUMBER(satp)").unwrap();
        assert_eq!(found(without), Some((Mode::Sv39, 0x8160_0000)));
        let linear = "NUMBER(VA_BITS)=48\nSYMBOL(swapper_pg_dir)=ffffaf8001400000\n\
                      NUMBER(PAGE_OFFSET)=0xffffaf8000000000\nNUMBER(phys_ram_base)=0x80000000\n";
        assert_eq!(found(linear), Some((Mode::Sv48, 0x8140_0000)));
        assert_eq!(found("NUMBER(satp)=0\nNUMBER(VA_BITS)=39\n"), None);
        assert_eq!(found(""), None);
    }
}
