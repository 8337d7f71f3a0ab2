//! The simulated test access port and transport module, clock by clock.
//!
//! IEEE 1149.1, figure 6-1; Debug spec 0.13, §6.1. TDO shows the lowest bit of the shift register; a rising
//! edge performs the state's action and advances.

use super::debug_module::SimulatedModule;
use super::neighbour::Neighbour;
use super::profile::Profile;

/// A state of the TAP controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TapState {
    Reset,
    Idle,
    Select(Scan),
    Capture(Scan),
    Shift(Scan),
    Exit1(Scan),
    Pause(Scan),
    Exit2(Scan),
    Update(Scan),
}

/// The register that a scan passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scan {
    Data,
    Instruction,
}

impl TapState {
    fn next(self, tms: bool) -> TapState {
        use Scan::{Data, Instruction};
        match (self, tms) {
            (TapState::Reset, true) => TapState::Reset,
            (TapState::Reset | TapState::Idle | TapState::Update(_), false) => TapState::Idle,
            (TapState::Idle | TapState::Update(_), true) => TapState::Select(Data),
            (TapState::Select(Data), true) => TapState::Select(Instruction),
            (TapState::Select(Instruction), true) => TapState::Reset,
            (TapState::Select(scan), false) => TapState::Capture(scan),
            (TapState::Capture(scan) | TapState::Shift(scan) | TapState::Exit2(scan), false) => {
                TapState::Shift(scan)
            }
            (TapState::Capture(scan) | TapState::Shift(scan), true) => TapState::Exit1(scan),
            (TapState::Exit1(scan) | TapState::Pause(scan), false) => TapState::Pause(scan),
            (TapState::Exit1(scan) | TapState::Exit2(scan), true) => TapState::Update(scan),
            (TapState::Pause(scan), true) => TapState::Exit2(scan),
        }
    }
}

const IDCODE: u32 = 0x01;
const DTMCS: u32 = 0x10;
const DMI: u32 = 0x11;

/// Sticky errors: field `op` of the dmi register.
const BUSY: u8 = 3;
const FAILED: u8 = 2;

/// The TAP and the module behind it.
pub struct SimulatedTap {
    state: TapState,
    profile: Profile,
    instruction: u32,
    shifted: u128,
    length: u32,
    /// Value of the sticky `op`.
    sticky: u8,
    /// Clocks in Run-Test/Idle until the last operation completes.
    left: u32,
    address: u64,
    data: u32,
    /// Constant value of TDO, if it is stuck.
    stuck: Option<bool>,
    /// Number of data register scans.
    scans: u64,
    /// TAPs between this one and TDO, nearest to TDO first, and between TDI and this one.
    neighbours: [Vec<Neighbour>; 2],
    /// The debug module.
    pub module: SimulatedModule,
}

impl SimulatedTap {
    /// A TAP in Test-Logic-Reset.
    pub fn new(profile: Profile, module: SimulatedModule) -> SimulatedTap {
        SimulatedTap {
            state: TapState::Reset,
            profile,
            instruction: IDCODE,
            shifted: 0,
            length: 1,
            sticky: 0,
            left: 0,
            address: 0,
            data: 0,
            stuck: None,
            scans: 0,
            neighbours: [Vec::new(), Vec::new()],
            module,
        }
    }

    /// Adds TAPs between this one and TDO, nearest to TDO first, and between TDI and this one.
    pub fn surround(&mut self, before: Vec<Neighbour>, behind: Vec<Neighbour>) {
        self.neighbours = [before, behind];
    }

    /// The profile of the module.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Number of data register scans.
    pub fn scans(&self) -> u64 {
        self.scans
    }

    /// Whether the probe is disconnected.
    pub fn is_unplugged(&self) -> bool {
        self.module.faults.is_unplugged
    }

    /// The level of the TDO pin.
    pub fn tdo(&self) -> bool {
        let shows = match self.state {
            TapState::Shift(_) => match self.neighbours[0].first() {
                Some(last) => last.tdo(),
                None => self.shifted & 1 == 1,
            },
            _ => true,
        };
        self.stuck.unwrap_or(shows)
    }

    /// A rising edge of TCK.
    pub fn clock(&mut self, tms: bool, mut tdi: bool) {
        let all = self.neighbours.iter_mut().flatten();
        match self.state {
            TapState::Capture(scan) => all.for_each(|it| it.capture(scan == Scan::Instruction)),
            TapState::Update(Scan::Instruction) => all.for_each(Neighbour::update_instruction),
            TapState::Reset => all.for_each(Neighbour::reset),
            _ => {}
        }
        match self.state {
            TapState::Capture(Scan::Instruction) => {
                self.length = self.profile.ir_bits;
                self.shifted = u128::from(match self.profile.captures_instruction {
                    true => self.instruction,
                    false => 1,
                });
            }
            TapState::Capture(Scan::Data) => self.capture(),
            TapState::Shift(_) => {
                // Starting at TDI, each TAP receives the bit that the previous one shifts out.
                let behind = self.neighbours[1].iter_mut().rev();
                tdi = behind.fold(tdi, |bit, it| it.shift(bit));
                let leaves = self.shifted & 1 == 1;
                let before = self.neighbours[0].iter_mut().rev();
                before.fold(leaves, |bit, it| it.shift(bit));
                self.shifted = self.shifted >> 1 | u128::from(tdi) << (self.length - 1);
            }
            _ => {}
        }
        self.state = self.state.next(tms);
        match self.state {
            TapState::Reset => self.instruction = IDCODE,
            TapState::Idle => {
                self.left = self.left.saturating_sub(1);
                self.module.tick();
            }
            TapState::Update(Scan::Instruction) => self.instruction = self.shifted as u32,
            TapState::Update(Scan::Data) => self.update(),
            _ => {}
        }
    }

    fn capture(&mut self) {
        self.scans += 1;
        let profile = &self.profile;
        (self.shifted, self.length) = match self.instruction {
            IDCODE => (u128::from(profile.idcode), 32),
            DTMCS => {
                let status = u32::from(self.sticky) << 10;
                let dtmcs = profile.idle << 12 | status | profile.abits << 4 | 1;
                (u128::from(dtmcs), 32)
            }
            DMI => {
                if self.left > 0 && self.sticky == 0 {
                    self.sticky = BUSY;
                }
                let said = u128::from(self.address) << 34 | u128::from(self.data) << 2;
                (said | u128::from(self.sticky), profile.abits + 34)
            }
            _ => (0, 1),
        };
    }

    fn update(&mut self) {
        match self.instruction {
            // dmireset, dmihardreset
            DTMCS if self.shifted >> 16 & 3 != 0 => {
                self.sticky = 0;
                if self.shifted >> 17 & 1 == 1 {
                    self.left = 0;
                }
            }
            DMI if self.sticky == 0 => self.operate(),
            _ => {}
        }
    }

    fn operate(&mut self) {
        let address = (self.shifted >> 34) as u64 & ((1 << self.profile.abits) - 1);
        let value = (self.shifted >> 2) as u32;
        let op = self.shifted as u8 & 3;
        if op == 0 {
            return;
        }
        if self.left > 0 {
            self.sticky = BUSY;
            return;
        }
        self.address = address;
        self.left = self.profile.idle;
        let faults = &mut self.module.faults;
        faults.count();
        self.left = self.left.saturating_add(faults.take_busy());
        self.stuck = faults.stuck;
        if faults.take_failed() {
            self.sticky = FAILED;
            return;
        }
        match op {
            1 => self.data = self.module.read(address),
            2 => {
                self.module.write(address, value);
                self.data = value;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every transition of the TAP controller matches the standard's figure.
    #[test]
    fn five_ones_reset_from_anywhere_and_the_way_to_a_scan_is_known() {
        for start in 0..1 << 9 {
            let mut state = TapState::Reset;
            for bit in 0..9 {
                state = state.next(start >> bit & 1 == 1);
            }
            for _ in 0..5 {
                state = state.next(true);
            }
            assert_eq!(state, TapState::Reset);
        }
        let walk = |ways: &str| {
            ways.chars()
                .fold(TapState::Reset, |at, way| at.next(way == '1'))
        };
        assert_eq!(walk("0"), TapState::Idle);
        assert_eq!(walk("0100"), TapState::Shift(Scan::Data));
        assert_eq!(walk("01100"), TapState::Shift(Scan::Instruction));
        assert_eq!(
            walk("01001010"),
            TapState::Shift(Scan::Data)
                .next(true)
                .next(false)
                .next(true)
                .next(false)
        );
        assert_eq!(walk("010011"), TapState::Update(Scan::Data));
        assert_eq!(walk("0100110"), TapState::Idle);
    }
}
