//! Names of lines on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// A parsed name of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {
    /// `tcp://HOST:PORT`: a TCP connection.
    Tcp(String),
    /// `rfc2217://HOST:PORT@BAUD`: a serial port behind a Telnet server that sets its baud.
    Rfc2217 {
        /// Host and port of the server.
        address: String,
        /// Speed in bits per second.
        baud: u32,
    },
    /// `unix:PATH`: a Unix domain socket.
    #[cfg(unix)]
    Unix(PathBuf),
    /// `PATH@BAUD`: a serial port.
    Port {
        /// Device path of the port.
        path: String,
        /// Speed in bits per second.
        baud: u32,
    },
    /// `qemu` or `qemu:IMAGE`: an emulated board, started for this command.
    Qemu(PathBuf),
    /// `gdb://HOST:PORT`: a gdb stub. It has memory and registers, but no console.
    Gdb(String),
    /// `probe` or `probe:SELECTOR`: a hart through JTAG. It has memory and registers, but no console.
    Probe(String),
    /// `RUN.pwlog`, `RUN.pwlog@4x` or `RUN.pwlog@max`: a recording.
    Recording(PathBuf, Speed),
}

/// Speed of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// A factor of the recorded speed.
    Times(f64),
    /// Without pauses.
    Max,
}

impl FromStr for Speed {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Speed, SpecError> {
        let wrong = || SpecError::Speed(text.to_owned());
        if text == "max" {
            return Ok(Speed::Max);
        }
        let times = text.strip_suffix('x').unwrap_or(text);
        let times = times.parse::<f64>().map_err(|_| wrong())?;
        if !(0.001..=1_000_000.0).contains(&times) {
            return Err(wrong());
        }
        Ok(Speed::Times(times))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Times(times) => write!(f, "{times}x"),
            Speed::Max => f.write_str("max"),
        }
    }
}

/// The Image of a bare `qemu`.
const BUILT: &str = "target/images/Image";

/// Suffix of a recording's file name.
const RECORDING: &str = ".pwlog";

/// Why a text does not name a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecError {
    /// It has none of the known forms.
    #[error(
        "`{0}` is not a line; lines are /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu, qemu:IMAGE, gdb://HOST:PORT, probe, probe:SELECTOR, RUN.pwlog"
    )]
    Form(String),
    /// A TCP address without a port between 1 and 65535.
    #[error("`{0}` is not HOST:PORT, such as localhost:4444")]
    Address(String),
    /// A serial line in place of a gdb stub's address.
    #[error(
        "`gdb://{0}` is a serial line and not HOST:PORT: --from {0} reads it; gdb itself takes `pagewalk connect {0}`, then `target remote localhost:3333`"
    )]
    GdbPort(String),
    /// The text after the `@` is not a number above 0.
    #[error("`{0}` is not a number of bits per second, such as 2000000 (the Ox64's)")]
    Baud(String),
    /// Not a speed of a replay.
    #[error("`{0}` is not a speed; there are 1x, 0.5x, 20x (from 0.001x to 1000000x) and max")]
    Speed(String),
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(name: &str) -> Result<Spec, SpecError> {
        let (address, of): (_, fn(String) -> Spec) =
            match (name.strip_prefix("tcp://"), name.strip_prefix("gdb://")) {
                (Some(address), _) => (Some(address), Spec::Tcp),
                (_, address) => (address, Spec::Gdb),
            };
        if let Some(address) = address {
            let port = address
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty());
            let port = port.and_then(|(_, port)| port.parse::<u16>().ok());
            let is_file = address.starts_with('/');
            return match port {
                Some(1..) => Ok(of(address.to_owned())),
                _ if is_file && name.starts_with("gdb://") => {
                    Err(SpecError::GdbPort(address.to_owned()))
                }
                _ => Err(SpecError::Address(address.to_owned())),
            };
        }
        if let Some(rest) = name.strip_prefix("rfc2217://") {
            let (address, baud) = rest.rsplit_once('@').unwrap_or((rest, ""));
            let Ok(baud @ 1..) = baud.parse() else {
                return Err(SpecError::Baud(baud.to_owned()));
            };
            return match format!("tcp://{address}").parse()? {
                Spec::Tcp(address) => Ok(Spec::Rfc2217 { address, baud }),
                _ => Err(SpecError::Address(address.to_owned())),
            };
        }
        #[cfg(unix)]
        if let Some(path) = name.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Spec::Unix(path.into()));
        }
        if name == "probe" {
            return Ok(Spec::Probe(String::new()));
        }
        if let Some(selector) = name.strip_prefix("probe:").filter(|it| !it.is_empty()) {
            return Ok(Spec::Probe(selector.to_owned()));
        }
        if name == "qemu" {
            return Ok(Spec::Qemu(BUILT.into()));
        }
        if let Some(image) = name.strip_prefix("qemu:").filter(|image| !image.is_empty()) {
            return Ok(Spec::Qemu(image.into()));
        }
        if name.ends_with(RECORDING) {
            return Ok(Spec::Recording(name.into(), Speed::Times(1.0)));
        }
        match name.rsplit_once('@') {
            Some((path, speed)) if path.ends_with(RECORDING) => {
                Ok(Spec::Recording(path.into(), speed.parse()?))
            }
            Some((path, baud)) if !path.is_empty() => match baud.parse() {
                Ok(baud @ 1..) => Ok(Spec::Port {
                    path: path.to_owned(),
                    baud,
                }),
                _ => Err(SpecError::Baud(baud.to_owned())),
            },
            _ => Err(SpecError::Form(name.to_owned())),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Tcp(address) => write!(f, "tcp://{address}"),
            Spec::Rfc2217 { address, baud } => write!(f, "rfc2217://{address}@{baud}"),
            #[cfg(unix)]
            Spec::Unix(path) => write!(f, "unix:{}", path.display()),
            Spec::Port { path, baud } => write!(f, "{path}@{baud}"),
            Spec::Qemu(image) => write!(f, "qemu:{}", image.display()),
            Spec::Gdb(address) => write!(f, "gdb://{address}"),
            Spec::Probe(selector) if selector.is_empty() => f.write_str("probe"),
            Spec::Probe(selector) => write!(f, "probe:{selector}"),
            Spec::Recording(path, Speed::Times(1.0)) => write!(f, "{}", path.display()),
            Spec::Recording(path, speed) => write!(f, "{}@{speed}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_comes_back_as_it_was_given() {
        for name in [
            "tcp://localhost:4444",
            "tcp://[::1]:1",
            "unix:/tmp/line",
            "/dev/ttyUSB0@2000000",
            "COM3@115200",
            "qemu:target/images/Image",
            "gdb://localhost:1234",
            "probe",
            "probe:0403:6010",
            "probe:bitbang://localhost:9824",
            "run.pwlog",
            "/tmp/a@b/run.pwlog@4x",
            "run.pwlog@max",
        ] {
            assert_eq!(name.parse::<Spec>().unwrap().to_string(), name);
        }
        assert_eq!("qemu".parse(), "qemu:target/images/Image".parse::<Spec>());
    }

    #[test]
    fn what_is_no_line_is_told_what_one_looks_like() {
        let refused = |name: &str| name.parse::<Spec>().unwrap_err();
        assert!(matches!(refused("/dev/ttyUSB0"), SpecError::Form(_)));
        assert!(matches!(refused("unix:"), SpecError::Form(_)));
        assert!(matches!(refused("@115200"), SpecError::Form(_)));
        assert!(matches!(refused("/dev/ttyS0@fast"), SpecError::Baud(_)));
        assert!(matches!(refused("run.pwlog@fast"), SpecError::Speed(_)));
        assert!(matches!(refused("run.pwlog@0x"), SpecError::Speed(_)));
        assert!(matches!(refused("/dev/ttyS0@0"), SpecError::Baud(_)));
        for address in [
            "tcp://",
            "tcp://here",
            "tcp://here:0",
            "tcp://:4",
            "tcp://a:99999",
        ] {
            assert!(
                matches!(refused(address), SpecError::Address(_)),
                "{address}"
            );
        }
    }
}
