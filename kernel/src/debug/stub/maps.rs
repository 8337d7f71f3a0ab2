//! What gdb may read, and which file holds the symbols of the task it looks at.

use core::fmt::Write;

use gdbstub::target::TargetResult;
use gdbstub::target::ext::libraries::Libraries;
use gdbstub::target::ext::memory_map::MemoryMap;

use super::threads;
use crate::mm::RegionKind;
use crate::mm::layout::kernel_start;
use crate::platform::Platform;
use crate::system::System;
use crate::text::Text;

/// Longer than either answer.
const LONGEST: usize = 512;

impl<P: Platform> MemoryMap for System<P> {
    /// Both halves: what is really there only the task's regions know, and a read tells.
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

impl<P: Platform> Libraries for System<P> {
    /// The program of the task that gdb sees first. They are all linked at one address, so
    /// more than one at a time would only confuse.
    fn get_libraries(
        &self,
        offset: u64,
        length: usize,
        into: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let mut room = [0; LONGEST];
        let mut xml = Text::new(&mut room);
        let _ = xml.write_str("<library-list version=\"1.0\">");
        if let Some(slot) = threads::slot_of(self, threads::current(self)) {
            let task = self.tasks.at(slot);
            let name = task.line().split(' ').next().unwrap_or("");
            let text = task
                .space
                .regions()
                .iter()
                .find(|r| r.kind == RegionKind::Text);
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if let Some(text) = text.filter(|_| plain) {
                let _ = write!(
                    xml,
                    "<library name=\"bin/{name}\"><segment address=\"{:#x}\"/></library>",
                    text.base.raw()
                );
            }
        }
        let _ = xml.write_str("</library-list>");
        Ok(part(xml.written(), offset, length, into))
    }
}

/// As much as was asked for from `offset` on; how much that was.
fn part(whole: &[u8], offset: u64, length: usize, into: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|at| whole.get(at..));
    let rest = rest.unwrap_or(&[]);
    let bytes = rest.len().min(length).min(into.len());
    into[..bytes].copy_from_slice(&rest[..bytes]);
    bytes
}
