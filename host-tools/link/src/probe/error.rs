//! What a probe, its wires or the module behind them do not give.

use probe_rs::probe::{DebugProbeError, ProbeCreationError};
use thiserror::Error;

use super::access::{AccessMethod, AccessRefusal};
use crate::words::counted;

/// Lets members of `plugdev`, and whoever sits at the machine, use probes.
const RULE: &str = "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"VENDOR\", ATTR{idProduct}==\"PRODUCT\", \
                    MODE=\"660\", GROUP=\"plugdev\", TAG+=\"uaccess\"";

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// No probe is there, or none of that name.
    #[error("{}", no_probe(.wanted.as_deref(), .found))]
    NoProbe {
        /// What was asked for.
        wanted: Option<String>,
        /// The probes that are there.
        found: Vec<String>,
    },
    /// More than one is there.
    #[error("which probe? {}", there(.0.len(), &.0.join(", ")))]
    Which(Vec<String>),
    /// The system does not let us use it.
    #[error("{name}: no permission to use it; as root put this line into /etc/udev/rules.d/69-probes.rules, run `udevadm control --reload`, and plug the probe in again:\n{}", udev_rule(*ids))]
    NoPermission {
        /// What it is called.
        name: String,
        /// Its vendor and product.
        ids: (u16, u16),
    },
    /// No name of a probe.
    #[error(
        "`{0}` names no probe; there are VENDOR:PRODUCT and VENDOR:PRODUCT:SERIAL, as `pagewalk probe list` shows them, and bitbang://HOST:PORT"
    )]
    Selector(String),
    /// Its pins cannot be had.
    #[error("{0}: this kind of probe shifts no bits of JTAG")]
    NoPins(String),
    /// The probe gives no answer, or has gone.
    #[error("the probe does not answer: {0}")]
    Line(String),
    /// TDO never changes.
    #[error("nothing on the chain: TDO is always {level}; is the board on, and are TCK, TMS, TDI, TDO and ground wired?", level = u8::from(*.0))]
    Silent(bool),
    /// What comes back cannot be.
    #[error(
        "what comes back cannot be right; are the wires short, and is the clock slow enough (--speed)?"
    )]
    Noise,
    /// The chain is not as it was said to be.
    #[error("wrong chain: {} with {bits} bits of instruction together, and not {} with {}", counted(*ports as u64, "port"), counted(said.len() as u64, "port"), said.iter().sum::<usize>())]
    Chain {
        /// Ports that are there.
        ports: usize,
        /// Bits of their instructions together.
        bits: usize,
        /// Bits of each instruction, as was said.
        said: Vec<usize>,
    },
    /// It cannot be told where an instruction ends.
    #[error(
        "{ports} ports share {bits} bits of instruction, and it cannot be seen how; --chain says it, as 5,4 from TDO to TDI"
    )]
    Ambiguous {
        /// Ports that are there.
        ports: usize,
        /// Bits of their instructions together.
        bits: usize,
    },
    /// No port leads to a debug module; what they say that they are.
    #[error("no port on the chain leads to a RISC-V debug module; {}", there(.0.len(), &list(.0)))]
    NoModule(Vec<Option<u32>>),
    /// The module is of another version than 0.13 or 1.0.
    #[error("debug module of version {0}; 2 (0.13) and 3 (1.0) are known")]
    Version(u32),
    /// The module wants a password.
    #[error("the debug module is locked")]
    Locked,
    /// There is no such hart.
    #[error("no hart {hart}; {}, counted from 0", there(*harts as usize, &counted((*harts).into(), "hart")))]
    NoHart {
        /// The one asked for.
        hart: u32,
        /// How many there are.
        harts: u32,
    },
    /// The hart does not halt.
    #[error(
        "the hart does not halt; perhaps the bus it waits for is stuck. Memory can still be read where there is a system bus (--by bus), with --root or --satp"
    )]
    NotHalted,
    /// The hart does not run again.
    #[error("the hart does not run again")]
    NotResumed,
    /// The hart does not come back from a reset.
    #[error("the hart does not come back from its reset")]
    NotReset,
    /// The module is never ready.
    #[error("the debug module is never ready")]
    Busy,
    /// An operation of the debug bus failed.
    #[error("the debug module refuses its register {address:#x}")]
    Failed {
        /// The register.
        address: u64,
    },
    /// An abstract command ended with this cmderr.
    #[error("abstract command failed: {reason} (cmderr {0})", reason = ProbeError::command(*.0))]
    Command(u32),
    /// The hart has registers of 64 bits, and the module moves 32 at a time.
    #[error(
        "the hart has registers of 64 bits, and the debug module moves only 32 at a time: what it tells would be half of each"
    )]
    HalfRegisters,
    /// There is no way to a register.
    #[error("the hart has no {0} {1:#x}")]
    NoRegister(&'static str, u16),
    /// Memory cannot be reached by any method.
    #[error("memory at {at:#018x} cannot be reached: {}", attempts(tried))]
    Unreachable {
        /// The first byte.
        at: u64,
        /// What was tried, and what became of it.
        tried: Vec<(AccessMethod, AccessRefusal)>,
    },
    /// The user wants no answer any more.
    #[error("stopped; the hart is as it was")]
    Stopped,
    /// What was changed for a while could not be changed back.
    #[error("the hart is not as it was before, a register could not be put back")]
    NotPutBack(#[source] Box<ProbeError>),
}

impl From<DebugProbeError> for ProbeError {
    fn from(error: DebugProbeError) -> ProbeError {
        ProbeError::Line(describe(&error))
    }
}

/// An error with all its causes; a cause that only says the same again is left out.
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
    /// Why a probe of that name and with these ids could not be opened.
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

    /// What an abstract command's cmderr means.
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

/// IDCODEs as people look them up.
fn list(idcodes: &[Option<u32>]) -> String {
    let one = |idcode: &Option<u32>| match idcode {
        Some(idcode) => format!("{idcode:#010x}"),
        None => "one without IDCODE".to_owned(),
    };
    idcodes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What to say when no probe fits.
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

/// The line that lets people use a probe of these ids.
fn udev_rule(ids: (u16, u16)) -> String {
    let rule = RULE.replace("VENDOR", &format!("{:04x}", ids.0));
    rule.replace("PRODUCT", &format!("{:04x}", ids.1))
}

/// What was tried to reach memory, and what became of each.
fn attempts(tried: &[(AccessMethod, AccessRefusal)]) -> String {
    if tried.is_empty() {
        return "the module has no system bus, no room for a program and no command for memory; \
                registers can be read"
            .to_owned();
    }
    let one = |(method, refusal): &(AccessMethod, AccessRefusal)| format!("{method}: {refusal}");
    tried.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// `there is 1 hart`, `there are 2 harts`.
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
