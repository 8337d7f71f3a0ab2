//! What may go wrong, and when.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectedFault {
    /// The operation needs so many clocks more.
    Busy(u32),
    /// The operation fails: status 2.
    Failed,
    /// The next abstract command ends with this error.
    Command(u8),
    /// The next access of the system bus ends with this error.
    Bus(u8),
    /// TDO shows this from here on.
    Stuck(bool),
    /// Nobody is there from here on.
    Unplugged,
}

/// Faults to come.
#[derive(Debug, Default)]
pub struct FaultInjection {
    /// After how many operations of the debug bus, and what.
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
    /// Plans a fault after so many more operations of the debug bus.
    pub fn plan(&mut self, after: u64, fault: InjectedFault) {
        self.planned.push((self.operations + after, fault));
    }

    /// Whether all that was planned has happened.
    pub fn is_over(&self) -> bool {
        self.planned.is_empty()
    }

    /// Everything works again.
    pub fn repair(&mut self) {
        *self = FaultInjection {
            operations: self.operations,
            ..FaultInjection::default()
        };
    }

    /// Another operation begins.
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
