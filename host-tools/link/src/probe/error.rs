//! What a probe, its wires or the module behind them do not give.

use std::fmt;

use probe_rs::probe::{DebugProbeError, ProbeCreationError};

use super::access::{AccessMethod, AccessRefusal};

/// Lets members of `plugdev`, and whoever sits at the machine, use probes.
const RULE: &str = "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"VENDOR\", ATTR{idProduct}==\"PRODUCT\", \
                    MODE=\"660\", GROUP=\"plugdev\", TAG+=\"uaccess\"";

/// Why there is no answer.
#[derive(Debug)]
pub enum ProbeError {
    /// No probe is there, or none of that name.
    NoProbe {
        /// What was asked for.
        wanted: Option<String>,
        /// The probes that are there.
        found: Vec<String>,
    },
    /// More than one is there.
    Which(Vec<String>),
    /// The system does not let us use it.
    NoPermission {
        /// What it is called.
        name: String,
        /// Its vendor and product.
        ids: (u16, u16),
    },
    /// No name of a probe.
    Selector(String),
    /// Its pins cannot be had.
    NoPins(String),
    /// The probe gives no answer, or has gone.
    Line(String),
    /// TDO never changes.
    Silent(bool),
    /// What comes back cannot be.
    Noise,
    /// The chain is not as it was said to be.
    Chain {
        /// Ports that are there.
        ports: usize,
        /// Bits of their instructions together.
        bits: usize,
        /// Bits of each instruction, as was said.
        said: Vec<usize>,
    },
    /// It cannot be told where an instruction ends.
    Ambiguous {
        /// Ports that are there.
        ports: usize,
        /// Bits of their instructions together.
        bits: usize,
    },
    /// No port leads to a debug module; what they say that they are.
    NoModule(Vec<Option<u32>>),
    /// The module is of another version than 0.13 or 1.0.
    Version(u32),
    /// The module wants a password.
    Locked,
    /// There is no such hart.
    NoHart {
        /// The one asked for.
        hart: u32,
        /// How many there are.
        harts: u32,
    },
    /// The hart does not halt.
    NotHalted,
    /// The hart does not run again.
    NotResumed,
    /// The hart does not come back from a reset.
    NotReset,
    /// The module is never ready.
    Busy,
    /// An operation of the debug bus failed.
    Failed {
        /// The register.
        address: u64,
    },
    /// An abstract command ended with this cmderr.
    Command(u32),
    /// The hart has registers of 64 bits, and the module moves 32 at a time.
    HalfRegisters,
    /// There is no way to a register.
    NoRegister(&'static str, u16),
    /// Memory cannot be reached by any method.
    Unreachable {
        /// The first byte.
        at: u64,
        /// What was tried, and what became of it.
        tried: Vec<(AccessMethod, AccessRefusal)>,
    },
    /// The user wants no answer any more.
    Stopped,
    /// What was changed for a while could not be changed back.
    NotPutBack(Box<ProbeError>),
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

/// A number of things.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// IDCODEs as people look them up.
fn list(idcodes: &[Option<u32>]) -> String {
    let one = |idcode: &Option<u32>| match idcode {
        Some(idcode) => format!("{idcode:#010x}"),
        None => "one without IDCODE".to_owned(),
    };
    idcodes.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeError::NoProbe { wanted: None, .. } => f.write_str(
                "no probe; is it plugged in? a simulator's port is bitbang://HOST:PORT",
            ),
            ProbeError::NoProbe {
                wanted: Some(wanted),
                found,
            } => {
                let found = match found.is_empty() {
                    true => "there is none".to_owned(),
                    false => there(found.len(), &found.join(", ")),
                };
                write!(f, "no probe `{wanted}`; {found}")
            }
            ProbeError::Which(found) => {
                write!(f, "which probe? {}", there(found.len(), &found.join(", ")))
            }
            ProbeError::NoPermission { name, ids } => {
                let vendor = format!("{:04x}", ids.0);
                let rule = RULE.replace("VENDOR", &vendor);
                let rule = rule.replace("PRODUCT", &format!("{:04x}", ids.1));
                write!(
                    f,
                    "{name}: no permission to use it; as root put this line into \
                     /etc/udev/rules.d/69-probes.rules, run `udevadm control --reload`, and plug \
                     the probe in again:\n{rule}"
                )
            }
            ProbeError::Selector(name) => write!(
                f,
                "`{name}` names no probe; there are VENDOR:PRODUCT and VENDOR:PRODUCT:SERIAL, as \
                 `pagewalk probe list` shows them, and bitbang://HOST:PORT"
            ),
            ProbeError::NoPins(name) => {
                write!(f, "{name}: this kind of probe shifts no bits of JTAG")
            }
            ProbeError::Line(why) => write!(f, "the probe does not answer: {why}"),
            ProbeError::Silent(level) => write!(
                f,
                "nothing on the chain: TDO is always {}; is the board on, and are TCK, TMS, TDI, \
                 TDO and ground wired?",
                u8::from(*level)
            ),
            ProbeError::Noise => f.write_str(
                "what comes back cannot be right; are the wires short, and is the clock slow \
                 enough (--speed)?",
            ),
            ProbeError::Chain { ports, bits, said } => {
                let sum: usize = said.iter().sum();
                write!(
                    f,
                    "wrong chain: {} with {bits} bits of instruction together, and not {} with \
                     {sum}",
                    count(*ports, "port"),
                    count(said.len(), "port")
                )
            }
            ProbeError::Ambiguous { ports, bits } => write!(
                f,
                "{ports} ports share {bits} bits of instruction, and it cannot be seen how; \
                 --chain says it, as 5,4 from TDO to TDI"
            ),
            ProbeError::NoModule(idcodes) => write!(
                f,
                "no port on the chain leads to a RISC-V debug module; {}",
                there(idcodes.len(), &list(idcodes))
            ),
            ProbeError::Version(version) => write!(
                f,
                "debug module of version {version}; 2 (0.13) and 3 (1.0) are known"
            ),
            ProbeError::Locked => f.write_str("the debug module is locked"),
            ProbeError::NoHart { hart, harts } => write!(
                f,
                "no hart {hart}; {}, counted from 0",
                there(*harts as usize, &count(*harts as usize, "hart"))
            ),
            ProbeError::NotHalted => f.write_str(
                "the hart does not halt; perhaps the bus it waits for is stuck. Memory can still be \
                 read where there is a system bus (--by bus), with --root or --satp",
            ),
            ProbeError::NotResumed => f.write_str("the hart does not run again"),
            ProbeError::NotReset => f.write_str("the hart does not come back from its reset"),
            ProbeError::Busy => f.write_str("the debug module is never ready"),
            ProbeError::Failed { address } => {
                write!(f, "the debug module refuses its register {address:#x}")
            }
            ProbeError::Command(cmderr) => write!(
                f,
                "abstract command failed: {} (cmderr {cmderr})",
                ProbeError::command(*cmderr)
            ),
            ProbeError::HalfRegisters => f.write_str(
                "the hart has registers of 64 bits, and the debug module moves only 32 at a time: \
                 what it tells would be half of each",
            ),
            ProbeError::NoRegister(kind, number) => write!(f, "the hart has no {kind} {number:#x}"),
            ProbeError::Unreachable { at, tried } => {
                write!(f, "memory at {at:#018x} cannot be reached")?;
                for (n, (method, refusal)) in tried.iter().enumerate() {
                    f.write_str(if n == 0 { ": " } else { "; " })?;
                    write!(f, "{method}: {refusal}")?;
                }
                match tried.is_empty() {
                    true => f.write_str(
                        ": the module has no system bus, no room for a program and no command \
                         for memory; registers can be read",
                    ),
                    false => Ok(()),
                }
            }
            ProbeError::Stopped => f.write_str("stopped; the hart is as it was"),
            ProbeError::NotPutBack(error) => write!(
                f,
                "the hart is not as it was before, a register could not be put back: {error}"
            ),
        }
    }
}

impl std::error::Error for ProbeError {}

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
