//! What gdb may read.

use core::fmt::Write;

use gdbstub::target::TargetResult;
use gdbstub::target::ext::memory_map::MemoryMap;

use crate::mm::layout::kernel_start;
use crate::platform::Platform;
use crate::system::System;
use crate::text::Text;

/// Bytes of the buffer for the XML; the answer is shorter.
const LONGEST: usize = 512;

impl<P: Platform> MemoryMap for System<P> {
    /// Both halves: only the task's regions know what is mapped, and a read of the rest fails.
    fn memory_map_xml(
        &self,
        offset: u64,
        length: usize,
        into: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let half = kernel_start(P::MODE).raw();
        // On Sv32 programs have addresses on both sides of the kernel: the two are all there is.
        let upper = half.wrapping_neg() & u64::MAX >> (64 - usize::BITS);
        let mut room = [0; LONGEST];
        let mut xml = Text::new(&mut room);
        // It fits: the numbers have a greatest length.
        let _ = write!(
            xml,
            "<?xml version=\"1.0\"?><!DOCTYPE memory-map PUBLIC \
             \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" \
             \"http://sourceware.org/gdb/gdb-memory-map.dtd\"><memory-map>\
             <memory type=\"ram\" start=\"0\" length=\"{half:#x}\"/>\
             <memory type=\"ram\" start=\"{upper:#x}\" length=\"{half:#x}\"/>\
             </memory-map>"
        );
        Ok(part(xml.written(), offset, length, into))
    }
}

/// As much as was asked for from `offset` on; how much that was.
pub(super) fn part(whole: &[u8], offset: u64, length: usize, into: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|at| whole.get(at..));
    let rest = rest.unwrap_or(&[]);
    let bytes = rest.len().min(length).min(into.len());
    into[..bytes].copy_from_slice(&rest[..bytes]);
    bytes
}
