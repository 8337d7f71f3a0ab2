//! Errors of a probe, its connection, or the debug module.

use probe_rs::probe::{DebugProbeError, ProbeCreationError};
use thiserror::Error;

use super::access::{AccessMethod, AccessRefusal};
use crate::words::counted;

/// udev rule that permits members of `plugdev` and local users to use probes.
const RULE: &str = "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"VENDOR\", ATTR{idProduct}==\"PRODUCT\", \
                    MODE=\"660\", GROUP=\"plugdev\", TAG+=\"uaccess\"";

/// Why a request to a hart failed.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// No probe is connected, or none with that name.
    #[error("{}", no_probe(.wanted.as_deref(), .found))]
    NoProbe {
        /// The requested selector.
        wanted: Option<String>,
        /// Selectors of the connected probes.
        found: Vec<String>,
    },
    /// Several probes are connected.
    #[error("which probe? {}", there(.0.len(), &.0.join(", ")))]
    Which(Vec<String>),
    /// The operating system denies access to the probe.
    #[error("{name}: no permission to use it; as root put this line into /etc/udev/rules.d/69-probes.rules, run `udevadm control --reload`, and plug the probe in again:\n{}", udev_rule(*ids))]
    NoPermission {
        /// Name of the probe.
        name: String,
        /// USB vendor and product id.
        ids: (u16, u16),
    },
    /// The text is not a selector.
    #[error(
        "`{0}` is not a probe; probes are VENDOR:PRODUCT and VENDOR:PRODUCT:SERIAL, as `pagewalk probe list` shows them, and bitbang://HOST:PORT"
    )]
    Selector(String),
    /// The probe does not support direct JTAG.
    #[error("{0}: this kind of probe has no JTAG")]
    NoPins(String),
    /// The probe does not answer, or was disconnected.
    #[error("the probe does not answer: {0}")]
    Line(String),
    /// TDO never changes.
    #[error("nothing on the chain: TDO is always {level}; is the board on, and are TCK, TMS, TDI, TDO and ground wired?", level = u8::from(*.0))]
    Silent(bool),
    /// The received bits are not plausible.
    #[error(
        "the received bits are not plausible; are the wires short, and is the clock slow enough (--speed)?"
    )]
    Noise,
    /// The chain differs from the stated one.
    #[error("wrong chain: {} with {bits} bits of instruction together, and not {} with {}", counted(*ports as u64, "port"), counted(said.len() as u64, "port"), said.iter().sum::<usize>())]
    Chain {
        /// Number of TAPs found.
        ports: usize,
        /// Total length of their instruction registers in bits.
        bits: usize,
        /// Stated length of each instruction register in bits.
        said: Vec<usize>,
    },
    /// The instruction registers cannot be separated.
    #[error(
        "{ports} ports share {bits} bits of instruction, which cannot be separated; give --chain, such as 5,4 from TDO to TDI"
    )]
    Ambiguous {
        /// Number of TAPs found.
        ports: usize,
        /// Total length of their instruction registers in bits.
        bits: usize,
    },
    /// No TAP has a debug module; the IDCODEs found.
    #[error("no port on the chain leads to a RISC-V debug module; {}", there(.0.len(), &list(.0)))]
    NoModule(Vec<Option<u32>>),
    /// The module has an unsupported version.
    #[error("debug module of version {0}; 2 (0.13) and 3 (1.0) are known")]
    Version(u32),
    /// The module requires authentication.
    #[error("the debug module is locked")]
    Locked,
    /// No hart with that index.
    #[error("no hart {hart}; {}, counted from 0", there(*harts as usize, &counted((*harts).into(), "hart")))]
    NoHart {
        /// The requested index.
        hart: u32,
        /// Number of harts.
        harts: u32,
    },
    /// The hart does not halt.
    #[error(
        "the hart does not halt; perhaps the bus it waits for is stuck. Memory can still be read where there is a system bus (--by bus), with --root or --satp"
    )]
    NotHalted,
    /// The hart does not resume.
    #[error("the hart does not resume")]
    NotResumed,
    /// The hart does not finish its reset.
    #[error("the hart does not finish its reset")]
    NotReset,
    /// The module never becomes ready.
    #[error("the debug module is never ready")]
    Busy,
    /// A register access of the debug module failed.
    #[error("access to register {address:#x} of the debug module failed")]
    Failed {
        /// Address of the register.
        address: u64,
    },
    /// An abstract command failed with this cmderr.
    #[error("abstract command failed: {reason} (cmderr {0})", reason = ProbeError::command(*.0))]
    Command(u32),
    /// Registers have 64 bits, and the module transfers 32 at a time.
    #[error(
        "the hart has registers of 64 bits, and the debug module transfers only 32 at a time: values would be truncated"
    )]
    HalfRegisters,
    /// The register cannot be accessed.
    #[error("the hart has no {0} {1:#x}")]
    NoRegister(&'static str, u16),
    /// No method can read the memory.
    #[error("memory at {at:#018x} cannot be reached: {}", attempts(tried))]
    Unreachable {
        /// Address of the first byte.
        at: u64,
        /// Methods that were tried, with their errors.
        tried: Vec<(AccessMethod, AccessRefusal)>,
    },
    /// The user interrupted.
    #[error("stopped; the hart is as it was")]
    Stopped,
    /// A changed register could not be restored.
    #[error("the hart is not as it was before, a register could not be put back")]
    NotPutBack(#[source] Box<ProbeError>),
}

impl From<DebugProbeError> for ProbeError {
    fn from(error: DebugProbeError) -> ProbeError {
        ProbeError::Line(describe(&error))
    }
}

/// An error with its causes; a cause that repeats the message is omitted.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl ProbeError {
    /// The error for a probe that could not be opened.
    pub(super) fn opening(error: DebugProbeError, name: &str, ids: (u16, u16)) -> ProbeError {
        let is_forbidden = match &error {
            DebugProbeError::Usb(error)
            | DebugProbeError::ProbeCouldNotBeCreated(ProbeCreationError::Usb(error)) => {
                error.kind() == std::io::ErrorKind::PermissionDenied
            }
            _ => false,
        };
        match is_forbidden {
            true => ProbeError::NoPermission {
                name: name.to_owned(),
                ids,
            },
            false => ProbeError::from(error),
        }
    }

    /// Meaning of an abstract command's cmderr.
    fn command(cmderr: u32) -> &'static str {
        match cmderr {
            1 => "a command was still running",
            2 => "the module does not know the command",
            3 => "the hart took an exception",
            4 => "the hart is not halted",
            5 => "bus error",
            _ => "no reason given",
        }
    }
}

/// IDCODEs in the usual notation.
fn list(idcodes: &[Option<u32>]) -> String {
    let one = |idcode: &Option<u32>| match idcode {
        Some(idcode) => format!("{idcode:#010x}"),
        None => "one without IDCODE".to_owned(),
    };
    idcodes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The message for a missing probe.
fn no_probe(wanted: Option<&str>, found: &[String]) -> String {
    let Some(wanted) = wanted else {
        return "no probe; is it plugged in? a simulator's port is bitbang://HOST:PORT".to_owned();
    };
    match found.is_empty() {
        true => format!("no probe `{wanted}`; there is none"),
        false => format!(
            "no probe `{wanted}`; {}",
            there(found.len(), &found.join(", "))
        ),
    }
}

/// The udev rule for these USB ids.
fn udev_rule(ids: (u16, u16)) -> String {
    let rule = RULE.replace("VENDOR", &format!("{:04x}", ids.0));
    rule.replace("PRODUCT", &format!("{:04x}", ids.1))
}

/// Methods that were tried, with their errors, as text.
fn attempts(tried: &[(AccessMethod, AccessRefusal)]) -> String {
    if tried.is_empty() {
        return "the module has no system bus, no room for a program and no command for memory; \
                registers can be read"
            .to_owned();
    }
    let one = |(method, refusal): &(AccessMethod, AccessRefusal)| format!("{method}: {refusal}");
    tried.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Count with verb: `there is 1 hart`, `there are 2 harts`.
fn there(number: usize, what: &str) -> String {
    format!("there {} {what}", if number == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hart_is_and_two_harts_are() {
        let told = |harts| ProbeError::NoHart { hart: 9, harts }.to_string();
        assert_eq!(told(1), "no hart 9; there is 1 hart, counted from 0");
        assert_eq!(told(2), "no hart 9; there are 2 harts, counted from 0");
        let which = ProbeError::Which(vec!["a".into(), "b".into()]);
        assert_eq!(which.to_string(), "which probe? there are a, b");
    }

    #[test]
    fn what_to_do_is_said() {
        let none = ProbeError::NoProbe {
            wanted: None,
            found: Vec::new(),
        };
        assert_eq!(
            none.to_string(),
            "no probe; is it plugged in? a simulator's port is bitbang://HOST:PORT"
        );
        let other = ProbeError::NoProbe {
            wanted: Some("0403:6010".to_owned()),
            found: vec!["1366:0101 (J-Link)".to_owned()],
        };
        assert_eq!(
            other.to_string(),
            "no probe `0403:6010`; there is 1366:0101 (J-Link)"
        );
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        for error in [
            DebugProbeError::Usb(denied()),
            DebugProbeError::ProbeCouldNotBeCreated(ProbeCreationError::Usb(denied())),
        ] {
            let told = ProbeError::opening(error, "Dual RS232", (0x403, 0x6010)).to_string();
            assert!(
                told.starts_with("Dual RS232: no permission to use it"),
                "{told}"
            );
            let rule = "ATTR{idVendor}==\"0403\", ATTR{idProduct}==\"6010\"";
            assert!(
                told.contains(rule) && told.contains("/etc/udev/rules.d/"),
                "{told}"
            );
        }
    }
}
