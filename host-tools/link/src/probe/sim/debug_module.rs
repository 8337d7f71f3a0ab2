//! The registers of the simulated debug module.
//!
//! Debug spec 0.13, §3.12. Operations take clocks in Run-Test/Idle to complete.

use super::faults::FaultInjection;
use super::hart::SimulatedHart;
use super::profile::Profile;
use super::ram::SimulatedRam;

/// Register addresses.
mod at {
    pub const DATA: u64 = 0x04;
    pub const DMCONTROL: u64 = 0x10;
    pub const DMSTATUS: u64 = 0x11;
    pub const HARTINFO: u64 = 0x12;
    pub const ABSTRACTCS: u64 = 0x16;
    pub const COMMAND: u64 = 0x17;
    pub const ABSTRACTAUTO: u64 = 0x18;
    pub const PROGRAM: u64 = 0x20;
    pub const SBADDRESS3: u64 = 0x37;
    pub const SBCS: u64 = 0x38;
    pub const SBADDRESS0: u64 = 0x39;
    pub const SBDATA: u64 = 0x3c;
    pub const HALTSUM0: u64 = 0x40;
}

/// Clocks in Run-Test/Idle per abstract command.
const COMMAND_TICKS: u32 = 1;

/// A debug module with its harts and their memory.
pub struct SimulatedModule {
    pub(super) profile: Profile,
    /// Harts by index.
    pub harts: Vec<SimulatedHart>,
    /// Memory of the harts and the system bus.
    pub ram: SimulatedRam,
    /// Faults to inject.
    pub faults: FaultInjection,
    dmcontrol: u32,
    pub(super) data: [u32; 12],
    program: [u32; 16],
    pub(super) cmderr: u32,
    pub(super) command: u32,
    left: u32,
    auto: u32,
    pub(super) sbcs: u32,
    pub(super) sbaddress: u64,
    pub(super) sbdata: u128,
}

impl SimulatedModule {
    /// A module of a running machine.
    pub fn new(profile: Profile, harts: Vec<SimulatedHart>, ram: SimulatedRam) -> SimulatedModule {
        SimulatedModule {
            profile,
            harts,
            ram,
            faults: FaultInjection::default(),
            dmcontrol: 0,
            data: [0; 12],
            program: [0; 16],
            cmderr: 0,
            command: 0,
            left: 0,
            auto: 0,
            sbcs: 2 << 17,
            sbaddress: 0,
            sbdata: 0,
        }
    }

    fn selected(&self) -> usize {
        (self.dmcontrol >> 16 & 0x3ff | (self.dmcontrol >> 6 & 0x3ff) << 10) as usize
    }

    pub(super) fn hart(&mut self) -> Option<&mut SimulatedHart> {
        let selected = self.selected();
        self.harts.get_mut(selected)
    }

    /// One clock in Run-Test/Idle.
    pub(super) fn tick(&mut self) {
        let control = self.dmcontrol;
        if control & 1 == 1
            && let Some(hart) = self.hart()
        {
            if control >> 31 == 1 && hart.heeds && !hart.is_halted {
                hart.halt(3);
            } else if control >> 30 & 1 == 1 && hart.is_halted && !hart.has_resumed {
                hart.is_halted = false;
                hart.has_resumed = true;
            }
        }
        for hart in self.harts.iter_mut().filter(|hart| !hart.is_halted) {
            hart.step();
        }
        if self.left > 0 {
            self.left -= 1;
            if self.left == 0 {
                self.finish();
            }
        }
    }

    fn is_busy(&self) -> bool {
        self.left > 0
    }

    /// Completes the command.
    fn finish(&mut self) {
        let ended = match self.faults.take_command() {
            Some(error) => Err(u32::from(error)),
            None => self.obey(),
        };
        if let Err(error) = ended {
            self.cmderr = error;
        }
    }

    /// The program buffer, followed by `ebreak`.
    pub(super) fn program(&self) -> Vec<u32> {
        let words = self.profile.program_words as usize;
        let behind = self.profile.has_implicit_ebreak.then_some(0x0010_0073);
        self.program[..words]
            .iter()
            .copied()
            .chain(behind)
            .collect()
    }

    fn begin(&mut self) {
        if self.cmderr != 0 {
        } else if self.is_busy() {
            self.cmderr = 1;
        } else {
            self.left = COMMAND_TICKS;
        }
    }

    /// An access to a data or program register: an error while a command runs, and possibly the start of the
    /// next.
    fn touch(&mut self, bit: u64) {
        if self.is_busy() {
            if self.cmderr == 0 {
                self.cmderr = 1;
            }
        } else if self.auto >> bit & 1 == 1 {
            self.begin();
        }
    }

    /// Reads a module register.
    pub(super) fn read(&mut self, address: u64) -> u32 {
        let profile = self.profile;
        if address != at::DMCONTROL && self.dmcontrol & 1 == 0 {
            return if address == at::DMSTATUS {
                2 | 1 << 7
            } else {
                0
            };
        }
        let datas = at::DATA..at::DATA + u64::from(profile.data_words);
        let programs = at::PROGRAM..at::PROGRAM + u64::from(profile.program_words);
        match address {
            _ if datas.contains(&address) => {
                let value = self.data[(address - at::DATA) as usize];
                self.touch(address - at::DATA);
                value
            }
            _ if programs.contains(&address) => {
                let value = self.program[(address - at::PROGRAM) as usize];
                self.touch(16 + address - at::PROGRAM);
                value
            }
            at::DMCONTROL => self.dmcontrol & (1 << 29 | 0x3ff_ffc0 | 3),
            at::DMSTATUS => self.status(),
            at::HARTINFO => 2 << 20,
            at::ABSTRACTCS => {
                profile.program_words << 24
                    | u32::from(self.is_busy()) << 12
                    | self.cmderr << 8
                    | profile.data_words
            }
            at::ABSTRACTAUTO => self.auto,
            at::HALTSUM0 => {
                let halted = self
                    .harts
                    .iter()
                    .enumerate()
                    .filter(|(_, hart)| hart.is_halted);
                halted.fold(0, |sum, (n, _)| sum | 1 << n)
            }
            at::SBCS if profile.bus_widths != 0 => {
                1 << 29 | self.sbcs | 64 << 5 | profile.bus_widths
            }
            at::SBADDRESS0 => self.sbaddress as u32,
            0x3a => (self.sbaddress >> 32) as u32,
            at::SBDATA..=0x3f => self.read_sbdata((address - at::SBDATA) as u32),
            _ => 0,
        }
    }

    fn status(&self) -> u32 {
        let both = |is: bool, low: u32| u32::from(is) * (3 << low);
        let mut status = 2 | 1 << 7 | u32::from(self.profile.has_implicit_ebreak) << 22;
        match self.harts.get(self.selected()) {
            None => status |= both(true, 14),
            Some(hart) => {
                status |= both(hart.was_reset, 18)
                    | both(hart.has_resumed, 16)
                    | both(!hart.is_halted, 10)
                    | both(hart.is_halted, 8);
            }
        }
        status
    }

    /// Writes a module register.
    pub(super) fn write(&mut self, address: u64, value: u32) {
        let profile = self.profile;
        if address != at::DMCONTROL && self.dmcontrol & 1 == 0 {
            return;
        }
        let datas = at::DATA..at::DATA + u64::from(profile.data_words);
        let programs = at::PROGRAM..at::PROGRAM + u64::from(profile.program_words);
        match address {
            _ if datas.contains(&address) => {
                if !self.is_busy() {
                    self.data[(address - at::DATA) as usize] = value;
                }
                self.touch(address - at::DATA);
            }
            _ if programs.contains(&address) => {
                if !self.is_busy() {
                    self.program[(address - at::PROGRAM) as usize] = value;
                }
                self.touch(16 + address - at::PROGRAM);
            }
            at::DMCONTROL => self.control(value),
            at::ABSTRACTCS => {
                if self.is_busy() && self.cmderr == 0 {
                    self.cmderr = 1;
                }
                self.cmderr &= !(value >> 8 & 7);
            }
            at::COMMAND => {
                if !self.is_busy() && self.cmderr == 0 {
                    self.command = value;
                }
                self.begin();
            }
            at::ABSTRACTAUTO if profile.repeats => {
                let datas = (1 << profile.data_words) - 1;
                let programs = ((1 << profile.program_words) - 1) << 16;
                match self.is_busy() {
                    true if self.cmderr == 0 => self.cmderr = 1,
                    true => {}
                    false => self.auto = value & (datas | programs),
                }
            }
            at::SBADDRESS3 => {}
            at::SBCS..=0x3f if profile.bus_widths != 0 => self.write_bus(address, value),
            _ => {}
        }
    }

    fn control(&mut self, value: u32) {
        if value & 1 == 0 {
            // The reset affects everything except the harts.
            self.dmcontrol = 0;
            (self.cmderr, self.auto, self.left, self.sbcs) = (0, 0, 0, 2 << 17);
            return;
        }
        let was_reset = self.dmcontrol >> 1 & 1 == 1 || self.dmcontrol >> 29 & 1 == 1;
        // hartsel has as many bits as the number of harts requires.
        let harts = self.harts.len().next_power_of_two() as u32 - 1;
        self.dmcontrol = value & (3 << 30 | 1 << 29 | 3) | (value >> 16 & harts) << 16;
        let resets = value >> 1 & 1 == 1 || value >> 29 & 1 == 1;
        if was_reset && !resets {
            for hart in &mut self.harts {
                let halts = value >> 31 == 1;
                hart.reset();
                if halts {
                    hart.halt(5);
                }
            }
        }
        if let Some(hart) = self.hart() {
            if value >> 28 & 1 == 1 {
                hart.was_reset = false;
            }
            if value >> 30 & 1 == 1 && value >> 31 == 0 {
                hart.has_resumed = false;
            }
        }
    }
}
