//! The keys of a board file.
//!
//! Addresses are physical, frequencies in hertz; a size is written as `"128M"` or as a number of bytes. A key
//! that is not listed here is rejected. `docs/reference/board.md` describes each key; a test keeps that page
//! and this file in agreement.

use serde::{Deserialize, Serialize, Serializer};

use crate::size::bytes;

/// A board as its file states it: memory, devices, timer and page-table modes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// File name without `.toml`.
    #[serde(skip_deserializing)]
    pub name: String,
    /// Product name, for messages.
    pub title: String,
    /// The root `compatible` strings of its device tree, most specific first; the kernel selects the board by
    /// the first.
    pub compatible: Vec<String>,
    /// Register width in bits: 32 or 64.
    pub xlen: u32,
    /// The paging mode that the kernel uses on this board.
    pub paging: Paging,
    /// Encoding of memory types in its PTEs.
    pub dialect: DialectName,
    /// Whether its harts leave the A and D bits to software (Svade): they fault where a bit is clear.
    #[serde(default)]
    pub svade: bool,
    /// Ticks of the `time` CSR per second.
    pub timebase_hz: u64,
    /// Addresses of heap, mappings and stack of user programs.
    pub user_layout: UserLayout,
    /// RAM as this file knows it; at run time the device tree overrides it.
    pub ram: BoardRam,
    /// The console's UART.
    pub uart: BoardUart,
    /// The platform-level interrupt controller.
    pub plic: BoardPlic,
    /// Boot medium, load addresses and size limits.
    pub boot: Boot,
    /// The JTAG port; `None` where its chain is not known.
    pub jtag: Option<Jtag>,
    /// Devices whose registers a program may map.
    #[serde(default)]
    pub device: Vec<BoardDevice>,
}

/// A device that a user program may drive: whole pages, mapped by one task at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardDevice {
    /// Name that a program passes to find it.
    pub name: String,
    /// Physical address of its first register; a multiple of 4096.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Size in bytes; a multiple of 4096.
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

/// Meaning of PTE bits 59 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DialectName {
    /// Reserved: a set bit faults.
    None,
    /// Svpbmt as ratified: PBMT in bits 61 and 62.
    Svpbmt,
    /// T-Head's own attributes, active while sxstatus.MAEE is set.
    Thead,
}

/// A preset of user addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UserLayout {
    /// Programs start at `0x1_0000`; heap and mappings follow.
    Low,
    /// As `NuttX` lays out a program on the Ox64: text at `0x8000_0000`, heap at `0x8020_0000`.
    Ox64,
}

/// One contiguous range of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardRam {
    /// Physical address of the first byte.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Size in bytes.
    #[serde(deserialize_with = "bytes")]
    pub size: u64,
}

/// The UART that carries the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardUart {
    /// Register layout, which selects the driver.
    pub kind: UartKind,
    /// Physical address of register 0.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Its interrupt source at the PLIC.
    pub irq: u32,
    /// Bits per second, 8N1.
    pub baud: u32,
    /// Input clock of its baud-rate divisor, in hertz.
    pub clock_hz: u32,
    /// Register n of an `ns16550` is at `base + (n << reg_shift)`; 0 for the others, whose spacing is fixed.
    #[serde(default)]
    pub reg_shift: u32,
    /// Width of an access to a register, in bytes: 1, 2 or 4.
    pub reg_bytes: u32,
}

/// A family of UARTs with one register layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UartKind {
    /// National Semiconductor's 16550 and compatible UARTs.
    Ns16550,
    /// Bouffalo Lab's UART in the BL602 and the BL808.
    Bl808,
}

/// The platform-level interrupt controller (Privileged PLIC spec).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BoardPlic {
    /// Physical address of source 0's priority register.
    #[serde(serialize_with = "hex")]
    pub base: u64,
    /// Context of S-mode on the boot hart: enable bits at `0x2000 + 0x80 * n`, threshold and claim at
    /// `0x20_0000 + 0x1000 * n`.
    pub s_context: u32,
    /// Number of interrupt sources; valid sources are 1 to this.
    pub sources: u32,
}

/// The JTAG port that a debug probe connects to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jtag {
    /// IDCODE of the hart's TAP.
    #[serde(serialize_with = "hex")]
    pub idcode: u32,
    /// Instruction register length in bits of every TAP on the chain, from TDO to TDI. Listed because some
    /// TAPs do not mark the start of their instruction register, so a scan cannot find it.
    pub ir_bits: Vec<u8>,
    /// Whether the debug module's system bus access sees data in the hart's caches.
    pub coherent: bool,
}

/// Boot medium, load addresses and size limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// The medium that the boot loader reads.
    pub medium: Medium,
    /// Physical address where the boot loader places the Image.
    #[serde(serialize_with = "hex")]
    pub load_address: u64,
    /// `text_offset` of the Image header: distance from the start of RAM.
    #[serde(deserialize_with = "bytes")]
    pub text_offset: u64,
    /// Largest Image file in bytes, initrd included.
    #[serde(deserialize_with = "bytes")]
    pub max_image_bytes: u64,
    /// Physical address where the boot loader places the device tree, if that limits the Image.
    #[serde(serialize_with = "hex_if_any")]
    pub dtb_address: Option<u64>,
}

/// A boot medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// A microSD card.
    Sd,
    /// A virtio block device.
    Virtio,
    /// None: the emulator loads the kernel itself.
    Loader,
}

/// Serializes an address as every JSON output of this project does: a string of hexadecimal digits.
fn hex<S: Serializer>(address: &(impl Copy + Into<u64>), to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{:#x}", (*address).into()))
}

fn hex_if_any<S: Serializer>(address: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => hex(address, to),
        None => to.serialize_none(),
    }
}
