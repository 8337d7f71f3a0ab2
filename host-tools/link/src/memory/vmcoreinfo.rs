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

/// The root that the text of a VMCOREINFO says: `satp` where it is, else that of the kernel's own tables.
pub(super) fn root(text: &[u8], xlen: Xlen) -> Option<NotedRoot> {
    let field = |name: &str| {
        let lines = text.split(|byte| *byte == b'\n');
        let mut values =
            lines.filter_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        std::str::from_utf8(values.next()?).ok()
    };
    // Kernels print some numbers in decimal and some in hexadecimal, behind 0x; symbols without 0x.
    let number = |name: &str| {
        let value = field(name)?.trim();
        match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => value
                .parse::<u64>()
                .ok()
                .or_else(|| Some(value.parse::<i64>().ok()? as u64)),
        }
    };
    let symbol =
        |name: &str| u64::from_str_radix(field(name)?.trim().trim_start_matches("0x"), 16).ok();
    let satp = number("NUMBER(satp)").and_then(|satp| Satp::decode(satp, xlen).ok());
    if let Some(satp) = satp.filter(|satp| satp.mode != Mode::Bare) {
        return Some(NotedRoot {
            satp,
            from: "NUMBER(satp)",
        });
    }
    let mode = match number("NUMBER(VA_BITS)")? {
        32 => Mode::Sv32,
        39 => Mode::Sv39,
        48 => Mode::Sv48,
        57 => Mode::Sv57,
        _ => return None,
    };
    let va = symbol("SYMBOL(swapper_pg_dir)")?;
    let base = number("NUMBER(phys_ram_base)");
    let link = number("NUMBER(KERNEL_LINK_ADDR)");
    // The kernel's own image is mapped from its link address; it is in RAM, behind an offset that 6.x writes
    // down.
    let offset = number("NUMBER(va_kernel_pa_offset)");
    let pa = match (link, offset) {
        (Some(link), Some(offset)) if va >= link => va.wrapping_sub(offset),
        _ => va
            .wrapping_sub(number("NUMBER(PAGE_OFFSET)")?)
            .wrapping_add(base?),
    };
    let root = PhysAddr::new(pa);
    let is_table = root.is_aligned(pagetable::PAGE_BYTES) && pa >> mode.pa_bits() == 0;
    is_table.then_some(NotedRoot {
        satp: Satp {
            mode,
            asid: 0,
            root,
        },
        from: "SYMBOL(swapper_pg_dir) and NUMBER(VA_BITS)",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(Mode, u64)> {
        let root = root(text.as_bytes(), Xlen::Rv64)?;
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
