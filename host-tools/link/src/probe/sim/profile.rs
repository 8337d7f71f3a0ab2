//! Kinds of debug modules, by their features.

use pagetable::Xlen;

/// Features of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name in test output.
    pub name: &'static str,
    /// Register width of the hart.
    pub xlen: Xlen,
    /// Value of the IDCODE register.
    pub idcode: u32,
    /// Length of the instruction register in bits.
    pub ir_bits: u32,
    /// Capture-IR returns the current instruction instead of `…01`.
    pub captures_instruction: bool,
    /// Address width of the debug module interface in bits.
    pub abits: u32,
    /// Clocks in Run-Test/Idle per operation.
    pub idle: u32,
    /// Size of the program buffer in words.
    pub program_words: u32,
    /// Whether an implicit `ebreak` follows the program buffer.
    pub has_implicit_ebreak: bool,
    /// Number of data registers.
    pub data_words: u32,
    /// Whether abstract commands access CSRs.
    pub reaches_csrs: bool,
    /// Whether abstract commands access memory.
    pub has_abstract_memory: bool,
    /// Whether 32-bit writes to 64-bit registers are rejected.
    pub refuses_narrow_writes: bool,
    /// Whether `abstractauto` is implemented.
    pub repeats: bool,
    /// Access widths of the system bus as in sbcs: bit 0 is 8 bits, bit 4 is 128.
    pub bus_widths: u32,
    /// Result of a 64-bit register access on a 32-bit hart: cmderr 2 of a module that checks the size, 3 of
    /// one whose ROM executes an unimplemented store.
    pub too_wide: u32,
    /// Register transfers are limited to 32 bits.
    pub moves_half: bool,
    /// Trigger types as in `tinfo`: bit 2 is `mcontrol`.
    pub triggers: u32,
    /// Value of `mvendorid`.
    pub vendor: u64,
}

impl Profile {
    /// Every feature of the Debug spec.
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

    /// A module with a debug ROM, such as Spike's: commands are instructions that the hart executes, so
    /// missing ones are exceptions; triggers have no type until one is written.
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

    /// A program buffer of one instruction as the only method.
    pub const SINGLE: Profile = Profile {
        name: "single",
        program_words: 1,
        ..Profile::ROM
    };

    /// Registers only, no memory access.
    pub const REGISTERS: Profile = Profile {
        name: "registers",
        program_words: 0,
        has_implicit_ebreak: false,
        ..Profile::ROM
    };

    /// A program buffer as the only method, as on small cores.
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

    /// T-Head's C906 as in its published RTL. The one in a BL808 may differ.
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

    /// Abstract commands for everything, no other method.
    pub const ABSTRACT: Profile = Profile {
        name: "abstract",
        idcode: 0x3000_0d5b,
        program_words: 0,
        repeats: false,
        bus_widths: 0,
        ..Profile::FULL
    };

    /// Every profile with memory access, except for the slowest.
    pub const ALL: [Profile; 5] = [
        Profile::FULL,
        Profile::PROGRAM,
        Profile::C906,
        Profile::ABSTRACT,
        Profile::ROM,
    ];

    /// The profile with that name.
    pub fn by_name(name: &str) -> Option<Profile> {
        let others = [Profile::SINGLE, Profile::REGISTERS];
        let mut all = Profile::ALL.into_iter().chain(others);
        all.find(|it| it.name == name)
    }

    /// The same features with another register width.
    pub fn with_xlen(self, xlen: Xlen) -> Profile {
        // A 32-bit system bus has no wider accesses.
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
