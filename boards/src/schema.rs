//! The words of a board file.
//!
//! Addresses are physical, frequencies in hertz; a size is written as `"128M"` or as a number of bytes. A key that is
//! not named here is refused. `docs/reference/board.md` has each key; a test holds the page and this file together.

use serde::{Deserialize, Serialize, Serializer};

use crate::size::bytes;

/// One board, as its file tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The file's name without `.toml`.
    #[serde(skip_deserializing)]
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The root `compatible` of its device tree, most special first; the first one picks the board.
    pub compatible: Vec<String>,
    /// Width of its registers: 32 or 64.
    pub xlen: u32,
    /// The paging mode the kernel uses there.
    pub paging: Paging,
    /// How its PTEs name memory types.
    pub dialect: DialectName,
    /// Whether its hart leaves the A and D bits of entries to software: then it faults where one is clear.
    #[serde(default)]
    pub svade: bool,
    /// Ticks of the `time` CSR in a second.
    pub timebase_hz: u64,
    /// Where user programs get their heap, mappings and stack.
    pub user_layout: UserLayout,
    /// Memory; the device tree has the last word at run time.
    pub ram: BoardRam,
    /// The console.
    pub uart: BoardUart,
    /// The interrupt controller.
    pub plic: BoardPlic,
    /// How a kernel gets there.
    pub boot: Boot,
    /// Its JTAG port, where it is known.
    pub jtag: Option<Jtag>,
    /// Devices whose registers a program may map.
    #[serde(default)]
    pub device: Vec<BoardDevice>,
}

/// A device that a user program may drive: whole pages, of one owner at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardDevice {
    /// What people call it.
    pub name: String,
    /// Physical address of its first register; a multiple of 4096.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Bytes; a multiple of 4096.
    #[serde(deserialize_with = "bytes")]
    pub size: u64,
}

/// A paging mode, as the Privileged spec names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Paging {
    /// 32-bit addresses, two levels; RV32 only.
    Sv32,
    /// 39-bit addresses, three levels.
    Sv39,
    /// 48-bit addresses, four levels.
    Sv48,
    /// 57-bit addresses, five levels.
    Sv57,
}

/// How PTE bits 59 to 63 are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DialectName {
    /// Reserved: set, they fault.
    None,
    /// As ratified: PBMT in bits 61 and 62.
    Svpbmt,
    /// T-Head's own attributes, where sxstatus.MAEE is set.
    Thead,
}

/// A preset of user addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UserLayout {
    /// From `0x1_0000` up.
    Low,
    /// As `NuttX` lays out a program on the Ox64: text at `0x8000_0000`, heap at `0x8020_0000`.
    Ox64,
}

/// One range of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardRam {
    /// First byte.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Size in bytes.
    #[serde(deserialize_with = "bytes")]
    pub size: u64,
}

/// The console's UART.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardUart {
    /// Which driver speaks to it.
    pub kind: UartKind,
    /// Address of register 0.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Its interrupt at the PLIC.
    pub irq: u32,
    /// Bits a second, 8N1.
    pub baud: u32,
    /// What its divisor divides.
    pub clock_hz: u32,
    /// Register n of an `ns16550` lies at `base + (n << reg_shift)`; 0 for the others, whose distances are fixed.
    #[serde(default)]
    pub reg_shift: u32,
    /// Width of an access to a register, in bytes: 1, 2 or 4.
    pub reg_bytes: u32,
}

/// A family of UARTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UartKind {
    /// National's 16550 and its many children.
    Ns16550,
    /// Bouffalo Lab's, in BL602 and BL808.
    Bl808,
}

/// The platform-level interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardPlic {
    /// Address of source 0's priority.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Context of S-mode on the boot hart: enable bits at `0x2000 + 0x80 * n`, threshold and claim at
    /// `0x20_0000 + 0x1000 * n`.
    pub s_context: u32,
    /// Interrupt sources are 1 to this.
    pub sources: u32,
}

/// The port that a probe is wired to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jtag {
    /// What it says that it is.
    #[serde(serialize_with = "hex")]
    pub idcode: u32,
    /// Bits of the instruction of every port on the chain, from TDO to TDI. Said, and not looked for: there are ports
    /// that do not mark where their instruction begins.
    pub ir_bits: Vec<u8>,
    /// Whether the debug module's own way to memory sees what the hart's cache holds.
    pub coherent: bool,
}

/// How a kernel gets there, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// What the boot loader reads.
    pub medium: Medium,
    /// Where the boot loader puts the Image.
    #[serde(serialize_with = "hex")]
    pub load_address: u64,
    /// What the Image's header says: distance from the start of RAM.
    #[serde(deserialize_with = "bytes")]
    pub text_offset: u64,
    /// Largest Image file, initrd included.
    #[serde(deserialize_with = "bytes")]
    pub max_image_bytes: u64,
    /// Where the boot loader puts the device tree, where that limits the Image.
    #[serde(serialize_with = "hex_if_any")]
    pub dtb_address: Option<u64>,
}

/// What a board boots from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// A microSD card.
    Sd,
    /// A virtio disk.
    Virtio,
    /// The emulator loads the kernel itself.
    Loader,
}

/// An address as every JSON of ours has it: a string of hexadecimal digits.
fn hex<S: Serializer>(address: &(impl Copy + Into<u64>), to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{:#x}", (*address).into()))
}

fn hex_if_any<S: Serializer>(address: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => hex(address, to),
        None => to.serialize_none(),
    }
}
