//! What happens beside the instructions: translations, device accesses, traps, fences, calls of the firmware.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// A walk found a leaf, and the hart keeps it: the address, and the entry.
    Fill,
    Miss,
    /// A device's register was read: its physical address, and the value.
    DeviceRead,
    DeviceWrite,
    /// A trap into S-mode: `stval`, and `scause`.
    Trap,
    /// `sfence.vma`: the address, or all.
    Fence,
    /// A call of the firmware: its extension, and its function.
    Firmware,
}

impl TraceKind {
    /// Every kind.
    pub const ALL: [TraceKind; 7] = [
        TraceKind::Fill,
        TraceKind::Miss,
        TraceKind::DeviceRead,
        TraceKind::DeviceWrite,
        TraceKind::Trap,
        TraceKind::Fence,
        TraceKind::Firmware,
    ];

    /// Its word in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            TraceKind::Fill => "fill",
            TraceKind::Miss => "miss",
            TraceKind::DeviceRead => "read",
            TraceKind::DeviceWrite => "write",
            TraceKind::Trap => "trap",
            TraceKind::Fence => "fence",
            TraceKind::Firmware => "sbi",
        }
    }
}

/// One of them, with its place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    pub clock: u64,
    pub pc: u64,
    pub kind: TraceKind,
    pub address: u64,
    pub value: u64,
}

impl Traced {
    /// Ticks of the clock in a microsecond.
    pub const TICKS_PER_US: u64 = crate::uart::CYCLES / 1_000_000;
    /// The names of what [`Traced`] prints, comma-separated.
    pub const HEADER: &'static str = "clock,pc,kind,address,value";
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traced {
            clock,
            pc,
            kind,
            address,
            value,
        } = self;
        let kind = kind.name();
        write!(f, "{clock},{pc:#x},{kind},{address:#x},{value:#x}")
    }
}

/// Events, once `begin` was called; else they are dropped.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    kept: Option<Vec<Traced>>,
}

impl Trace {
    pub fn begin(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// What was kept since the last call.
    pub fn take(&mut self) -> Vec<Traced> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn keep(&mut self, traced: Traced) {
        if let Some(kept) = &mut self.kept {
            kept.push(traced);
        }
    }
}
