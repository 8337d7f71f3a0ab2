//! Faults that can be injected, with their time.

/// A fault of the simulated hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectedFault {
    /// The operation needs that many more clocks.
    Busy(u32),
    /// The operation fails with status 2.
    Failed,
    /// The next abstract command fails with this cmderr.
    Command(u8),
    /// The next system bus access fails with this error.
    Bus(u8),
    /// TDO has this constant value from now on.
    Stuck(bool),
    /// The probe is disconnected from now on.
    Unplugged,
}

/// The planned faults.
#[derive(Debug, Default)]
pub struct FaultInjection {
    /// Number of operations before each fault.
    planned: Vec<(u64, InjectedFault)>,
    operations: u64,
    busy: u32,
    is_failed: bool,
    command: Option<u8>,
    bus: Option<u8>,
    pub(super) stuck: Option<bool>,
    pub(super) is_unplugged: bool,
}

impl FaultInjection {
    /// Plans a fault after `after` operations.
    pub fn plan(&mut self, after: u64, fault: InjectedFault) {
        self.planned.push((self.operations + after, fault));
    }

    /// Whether all planned faults have occurred.
    pub fn is_over(&self) -> bool {
        self.planned.is_empty()
    }

    /// Ends all lasting faults.
    pub fn repair(&mut self) {
        *self = FaultInjection {
            operations: self.operations,
            ..FaultInjection::default()
        };
    }

    /// Counts an operation, and triggers its faults.
    pub(super) fn count(&mut self) {
        self.operations += 1;
        let now = self.operations;
        let due = self.planned.extract_if(.., |(at, _)| *at <= now);
        for (_, fault) in due {
            match fault {
                InjectedFault::Busy(clocks) => self.busy = clocks,
                InjectedFault::Failed => self.is_failed = true,
                InjectedFault::Command(error) => self.command = Some(error),
                InjectedFault::Bus(error) => self.bus = Some(error),
                InjectedFault::Stuck(level) => self.stuck = Some(level),
                InjectedFault::Unplugged => self.is_unplugged = true,
            }
        }
    }

    pub(super) fn take_busy(&mut self) -> u32 {
        std::mem::take(&mut self.busy)
    }

    pub(super) fn take_failed(&mut self) -> bool {
        std::mem::take(&mut self.is_failed)
    }

    pub(super) fn take_command(&mut self) -> Option<u8> {
        self.command.take()
    }

    pub(super) fn take_bus(&mut self) -> Option<u8> {
        self.bus.take()
    }
}
