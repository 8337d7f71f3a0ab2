//! Debug probes, and what a hart behind one reports.

use pagetable::Xlen;

/// A connected debug probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Argument of `--probe`: VID:PID and serial number.
    pub selector: String,
    /// Product name.
    pub name: String,
    /// Driver or protocol.
    pub kind: String,
    /// Whether this user may open it.
    pub is_allowed: bool,
}

/// All connected probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes(pub Vec<Probe>);

/// The JTAG chain and debug module behind a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    /// The probe's selector.
    pub probe: String,
    /// IDCODE of each TAP from TDO to TDI; `None` where there is none.
    pub idcodes: Vec<Option<u32>>,
    /// Instruction register length of each TAP, in bits.
    pub ir_bits: Vec<usize>,
    /// Index of the TAP with the debug module.
    pub port: usize,
    /// The board, recognized by IDCODE or named by the user.
    pub board: Option<String>,
    /// Version field of `dtmcs`: 2 is 0.13, 3 is 1.0.
    pub version: u32,
    /// Address width of the debug module interface, in bits.
    pub abits: usize,
    /// Idle clocks that the module requires between two scans.
    pub idle: usize,
    /// Size of the program buffer in words.
    pub program_words: usize,
    /// Whether an implicit `ebreak` follows the program buffer (`impebreak`).
    pub has_implicit_ebreak: bool,
    /// Number of `data` registers for abstract commands.
    pub data_words: usize,
    /// Access widths of the system bus, in bits.
    pub bus_bits: Vec<u32>,
    /// Usable methods of memory access, in order of preference.
    pub ways: Vec<&'static str>,
    /// Whether system bus access may bypass the hart's caches.
    pub is_bus_doubtful: bool,
    /// Number of harts.
    pub harts: u32,
    /// Index of the hart that was examined.
    pub hart: u32,
    /// Whether the hart was halted.
    pub is_halted: bool,
    /// Register width of the hart.
    pub xlen: Xlen,
    /// Value of `mvendorid`, if it was read.
    pub vendor: Option<u64>,
}

/// A register and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRegister {
    /// Name; its number in hexadecimal if it has none here.
    pub name: String,
    /// CSR number.
    pub number: u16,
    /// Value; the upper half is 0 on RV32.
    pub value: u64,
}

/// Registers in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterDump {
    /// Register width of the hart.
    pub xlen: Xlen,
    /// The registers.
    pub registers: Vec<NamedRegister>,
}

/// Bytes read from memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryDump {
    /// Address of the first byte.
    pub at: u64,
    /// Whether `at` is a virtual address, translated by the hart.
    pub is_virtual: bool,
    /// Methods that were used for the read.
    pub ways: Vec<&'static str>,
    /// Whether recent writes of the hart may be missing.
    pub is_possibly_stale: bool,
    /// The bytes, in order of address.
    pub bytes: Vec<u8>,
}

/// State in which a hart was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Index of the hart.
    pub hart: u32,
    /// Program counter and privilege mode if it is halted; `None` if it runs.
    pub halted: Option<(u64, &'static str)>,
}

/// Name of a privilege mode by its encoding in `dcsr.prv`.
pub const fn mode(number: u64) -> &'static str {
    match number & 3 {
        0 => "user",
        1 => "supervisor",
        2 => "reserved",
        _ => "machine",
    }
}
