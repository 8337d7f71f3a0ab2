//! What is found at a probe, and what a hart behind it tells.

use pagetable::Xlen;

/// A probe that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What selects it.
    pub selector: String,
    /// What it calls itself.
    pub name: String,
    /// What kind it is.
    pub kind: String,
    /// The system lets us use it.
    pub is_allowed: bool,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes(pub Vec<Probe>);

/// What there is at a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    /// The probe.
    pub probe: String,
    /// What each port of the chain says that it is, from TDO to TDI.
    pub idcodes: Vec<Option<u32>>,
    /// Bits of each instruction.
    pub ir_bits: Vec<usize>,
    /// The port of the debug module.
    pub port: usize,
    /// The board, by its port or as it was said.
    pub board: Option<String>,
    /// 2 is 0.13, 3 is 1.0.
    pub version: u32,
    /// Bits of an address on the debug bus.
    pub abits: usize,
    /// Clocks that the module asks for between two scans.
    pub idle: usize,
    /// Words of the program buffer.
    pub program_words: usize,
    /// An `ebreak` stands behind it.
    pub has_implicit_ebreak: bool,
    /// Words for arguments.
    pub data_words: usize,
    /// Widths of the system bus in bits.
    pub bus_bits: Vec<u32>,
    /// Ways to memory, the first that is used first.
    pub ways: Vec<&'static str>,
    /// The system bus need not see what the hart's cache holds.
    pub is_bus_doubtful: bool,
    /// How many harts there are.
    pub harts: u32,
    /// The one that was looked at.
    pub hart: u32,
    /// It was halted.
    pub is_halted: bool,
    /// Width of its registers.
    pub xlen: Xlen,
    /// `mvendorid`.
    pub vendor: Option<u64>,
}

/// A register of a hart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRegister {
    /// Its name, or its number where it has none here.
    pub name: String,
    /// Its number.
    pub number: u16,
    /// What it holds.
    pub value: u64,
}

/// Registers, in the order they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterDump {
    /// Their width.
    pub xlen: Xlen,
    /// Each.
    pub registers: Vec<NamedRegister>,
}

/// Bytes of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryDump {
    /// Where the first lies.
    pub at: u64,
    /// The address is one that the hart translates.
    pub is_virtual: bool,
    /// Ways that they were read.
    pub ways: Vec<&'static str>,
    /// The hart may have written otherwise since.
    pub is_possibly_stale: bool,
    /// They.
    pub bytes: Vec<u8>,
}

/// How a hart was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub hart: u32,
    /// Where it stands, and in which mode; nothing if it runs.
    pub halted: Option<(u64, &'static str)>,
}

/// A mode by the number that registers have for it.
pub const fn mode(number: u64) -> &'static str {
    match number & 3 {
        0 => "user",
        1 => "supervisor",
        2 => "reserved",
        _ => "machine",
    }
}
