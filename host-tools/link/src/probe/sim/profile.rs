//! Debug modules that differ in what they can.

use pagetable::Xlen;

/// What a module offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it is called.
    pub name: &'static str,
    /// Width of the hart's registers.
    pub xlen: Xlen,
    /// What the IDCODE register says.
    pub idcode: u32,
    /// Bits of an instruction.
    pub ir_bits: u32,
    /// Capture-IR gives back the instruction, and not `…01`.
    pub captures_instruction: bool,
    /// Bits of an address on the debug bus.
    pub abits: u32,
    /// Clocks in Run-Test/Idle that an operation needs.
    pub idle: u32,
    /// Words of the program buffer.
    pub program_words: u32,
    /// An `ebreak` stands behind the buffer.
    pub has_implicit_ebreak: bool,
    /// Words for arguments.
    pub data_words: u32,
    /// Abstract commands reach CSRs.
    pub reaches_csrs: bool,
    /// Abstract commands read and write memory.
    pub has_abstract_memory: bool,
    /// Writes of 32 bits into a register of 64 are refused.
    pub refuses_narrow_writes: bool,
    /// `abstractauto` is there.
    pub repeats: bool,
    /// Widths of the system bus, as sbcs has them: bit 0 is 8 bits, bit 4 is 128.
    pub bus_widths: u32,
    /// What a command for 64 bits of a register ends with on a hart of 32: cmderr 2 of a module
    /// that looks at the size, 3 of one whose ROM runs a store that the hart does not have.
    pub too_wide: u32,
    /// No command moves more than 32 bits of a register, however wide it is.
    pub moves_half: bool,
    /// Types that a trigger may have, as `tinfo` lists them: bit 2 is `mcontrol`.
    pub triggers: u32,
    /// `mvendorid`.
    pub vendor: u64,
}

impl Profile {
    /// All there is in the manual.
    pub const FULL: Profile = Profile {
        name: "full",
        xlen: Xlen::Rv64,
        idcode: 0x2000_0913,
        ir_bits: 5,
        captures_instruction: false,
        abits: 7,
        idle: 1,
        program_words: 16,
        has_implicit_ebreak: false,
        data_words: 12,
        reaches_csrs: true,
        has_abstract_memory: true,
        refuses_narrow_writes: false,
        repeats: true,
        bus_widths: 0b0_1111,
        too_wide: 2,
        moves_half: false,
        triggers: 1 << 2,
        vendor: 0,
    };

    /// What a debug ROM makes of a hart, as Spike's does: commands are instructions that the hart
    /// runs, so that what it does not have is an exception; triggers are of no type until one is
    /// written.
    pub const ROM: Profile = Profile {
        name: "rom",
        idcode: 0x1e31_3fed,
        program_words: 2,
        has_implicit_ebreak: true,
        data_words: 2,
        has_abstract_memory: false,
        bus_widths: 0,
        too_wide: 3,
        triggers: 1 << 2 | 1 << 6 | 1 << 15,
        ..Profile::FULL
    };

    /// Room for one instruction, and no other way to memory.
    pub const SINGLE: Profile = Profile {
        name: "single",
        program_words: 1,
        ..Profile::ROM
    };

    /// No way to memory at all.
    pub const REGISTERS: Profile = Profile {
        name: "registers",
        program_words: 0,
        has_implicit_ebreak: false,
        ..Profile::ROM
    };

    /// Nothing but a program buffer, as small cores have it.
    pub const PROGRAM: Profile = Profile {
        name: "program",
        idcode: 0x1000_1cdf,
        abits: 6,
        idle: 0,
        program_words: 8,
        data_words: 2,
        reaches_csrs: false,
        has_abstract_memory: false,
        bus_widths: 0,
        ..Profile::FULL
    };

    /// T-Head's C906 as its published RTL has it. What is inside a BL808 may differ.
    pub const C906: Profile = Profile {
        name: "c906",
        idcode: 0x1000_0b6f,
        captures_instruction: true,
        abits: 16,
        idle: 7,
        program_words: 4,
        has_implicit_ebreak: true,
        data_words: 2,
        has_abstract_memory: false,
        refuses_narrow_writes: true,
        bus_widths: 0b1_1100,
        vendor: 0x5b7,
        ..Profile::FULL
    };

    /// Abstract commands for everything, and no other way.
    pub const ABSTRACT: Profile = Profile {
        name: "abstract",
        idcode: 0x3000_0d5b,
        program_words: 0,
        repeats: false,
        bus_widths: 0,
        ..Profile::FULL
    };

    /// Every one that leads to memory, but the slowest.
    pub const ALL: [Profile; 5] = [
        Profile::FULL,
        Profile::PROGRAM,
        Profile::C906,
        Profile::ABSTRACT,
        Profile::ROM,
    ];

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Profile> {
        let others = [Profile::SINGLE, Profile::REGISTERS];
        let mut all = Profile::ALL.into_iter().chain(others);
        all.find(|it| it.name == name)
    }

    /// The same with registers of another width.
    pub fn with_xlen(self, xlen: Xlen) -> Profile {
        // A bus of 32 bits has no wider words.
        let bus_widths = match xlen {
            Xlen::Rv32 => self.bus_widths & 0b0_0111,
            Xlen::Rv64 => self.bus_widths,
        };
        Profile {
            xlen,
            bus_widths,
            refuses_narrow_writes: self.refuses_narrow_writes && xlen == Xlen::Rv64,
            ..self
        }
    }
}
