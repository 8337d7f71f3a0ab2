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
        vendor: 0,
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

    /// Every one of them.
    pub const ALL: [Profile; 4] = [
        Profile::FULL,
        Profile::PROGRAM,
        Profile::C906,
        Profile::ABSTRACT,
    ];

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|it| it.name == name)
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
