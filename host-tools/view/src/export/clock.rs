//! One time for all boots of a recording, for formats with a single time axis.

use model::ledger::LedgerRow;

/// Nanoseconds between the last fault of a boot and the start of the next.
const PAUSE_NS: u64 = 1_000_000_000;

/// Places the boots one after the other. Time of one boot does not go back; a fault without a time has that
/// of the one before.
#[derive(Default)]
pub struct ExportClock {
    boot: u32,
    /// Time of the start of this boot.
    base_ns: u64,
    last_ns: u64,
}

impl ExportClock {
    /// Time of a fault in nanoseconds since the start of the first boot.
    pub fn at_ns(&mut self, row: &LedgerRow) -> u64 {
        if row.boot != self.boot {
            self.boot = row.boot;
            self.base_ns = self.last_ns.saturating_add(PAUSE_NS);
            self.last_ns = self.base_ns;
        }
        if let Some(time_us) = row.sighting.time_us {
            let at = self.base_ns.saturating_add(time_us.saturating_mul(1000));
            self.last_ns = self.last_ns.max(at);
        }
        self.last_ns
    }
}
