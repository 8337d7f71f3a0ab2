//! Areas of the kernel's half, by what VMCOREINFO says of them.
//!
//! Source: Linux, arch/riscv/kernel/vmcore_info.c, and Documentation/arch/riscv/vm-layout.rst for those that are
//! below the first one named there.

use super::super::VirtArea;
use crate::memory::VmcoreInfo;

/// Bytes of the area for PCI's ports, which ends where vmemmap begins.
const PCI_BYTES: u64 = 16 << 20;
/// Bytes of the fixed mappings, which end where PCI's ports begin.
const FIXMAP_BYTES: u64 = 6 << 20;

/// The areas, by address; an area whose begin is not known is left out.
pub(super) fn of(info: &VmcoreInfo) -> Vec<VirtArea> {
    let number = |name: &str| info.number(name);
    let mut starts: Vec<(u64, Option<u64>, &str)> = Vec::new();
    if let Some(at) = number("VMEMMAP_START") {
        starts.push((at, number("VMEMMAP_END"), "vmemmap"));
        let ports = at.wrapping_sub(PCI_BYTES);
        starts.push((ports, Some(at), "pci io"));
        starts.push((ports.wrapping_sub(FIXMAP_BYTES), Some(ports), "fixmap"));
    }
    if let Some(at) = number("VMALLOC_START") {
        starts.push((at, number("VMALLOC_END"), "vmalloc"));
    }
    if let Some(at) = number("PAGE_OFFSET") {
        starts.push((at, None, "linear map"));
    }
    if let Some(at) = number("MODULES_VADDR") {
        starts.push((at, number("MODULES_END"), "modules"));
    }
    if let Some(at) = number("KERNEL_LINK_ADDR") {
        starts.push((at, None, "kernel"));
    }
    starts.sort_unstable();
    let nexts: Vec<u64> = starts.iter().skip(1).map(|it| it.0).collect();
    let ends = nexts.into_iter().map(Some).chain([None]);
    let area = |((first, end, name), next): ((u64, Option<u64>, &str), Option<u64>)| {
        // An area without an end goes up to the next one; two that overlap are not believed.
        let end = match (end, next) {
            (Some(end), Some(next)) => Some(end.min(next)),
            (end, next) => end.or(next),
        };
        let last = end.map_or(u64::MAX, |end| end.wrapping_sub(1));
        (last > first).then(|| VirtArea {
            bounds: (first, last),
            name: name.to_owned(),
        })
    };
    starts.into_iter().zip(ends).filter_map(area).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_lie_side_by_side_and_the_kernel_is_the_last() {
        let text = "NUMBER(VMALLOC_START)=0xffffffc600000000\nNUMBER(PAGE_OFFSET)=0xffffffd600000000\n\
                    NUMBER(VMALLOC_END)=0xffffffd600000000\nNUMBER(VMEMMAP_START)=0xffffffc500000000\n\
                    NUMBER(VMEMMAP_END)=0xffffffc600000000\nNUMBER(MODULES_VADDR)=0xffffffff01e6c000\n\
                    NUMBER(MODULES_END)=0xffffffff80000000\nNUMBER(KERNEL_LINK_ADDR)=0xffffffff80000000\n";
        let areas = of(&VmcoreInfo::new(text.as_bytes()));
        let names: Vec<&str> = areas.iter().map(|area| &area.name[..]).collect();
        assert_eq!(
            names,
            [
                "fixmap",
                "pci io",
                "vmemmap",
                "vmalloc",
                "linear map",
                "modules",
                "kernel"
            ]
        );
        assert_eq!(areas[0].bounds.0, 0xffff_ffc4_fea0_0000);
        assert_eq!(areas[4].bounds.1, 0xffff_ffff_01e6_bfff);
        assert_eq!(areas[6].bounds.1, u64::MAX);
        assert!(of(&VmcoreInfo::default()).is_empty());
    }
}
