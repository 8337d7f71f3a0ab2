//! What a line is called on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a board's line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// `tcp://HOST:PORT`.
    Tcp(String),
    /// `unix:PATH`.
    #[cfg(unix)]
    Unix(PathBuf),
    /// `PATH@BAUD`: a serial port.
    Port {
        /// As the system names it.
        path: String,
        /// Bits a second.
        baud: u32,
    },
    /// `qemu` or `qemu:IMAGE`: an emulated board, started for this.
    Qemu(PathBuf),
}

/// The Image that `qemu` alone means.
const BUILT: &str = "target/images/Image";

/// Why a name is no line's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// It has none of the known forms.
    Form(String),
    /// A TCP address without a port between 1 and 65535.
    Address(String),
    /// Behind the `@` there is no number above 0.
    Baud(String),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecError::Form(name) => write!(
                f,
                "`{name}` names no line; there are /dev/ttyUSB0@2000000, tcp://HOST:PORT, \
                 unix:PATH, qemu, qemu:IMAGE"
            ),
            SpecError::Address(address) => {
                write!(f, "`{address}` is no HOST:PORT, as localhost:4444 is")
            }
            SpecError::Baud(baud) => write!(
                f,
                "`{baud}` is no number of bits a second, as 2000000 is (the Ox64's)"
            ),
        }
    }
}

impl std::error::Error for SpecError {}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(name: &str) -> Result<Spec, SpecError> {
        if let Some(address) = name.strip_prefix("tcp://") {
            let port = address
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty());
            let port = port.and_then(|(_, port)| port.parse::<u16>().ok());
            return match port {
                Some(1..) => Ok(Spec::Tcp(address.to_owned())),
                _ => Err(SpecError::Address(address.to_owned())),
            };
        }
        #[cfg(unix)]
        if let Some(path) = name.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Spec::Unix(path.into()));
        }
        if name == "qemu" {
            return Ok(Spec::Qemu(BUILT.into()));
        }
        if let Some(image) = name.strip_prefix("qemu:").filter(|image| !image.is_empty()) {
            return Ok(Spec::Qemu(image.into()));
        }
        match name.rsplit_once('@') {
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
            #[cfg(unix)]
            Spec::Unix(path) => write!(f, "unix:{}", path.display()),
            Spec::Port { path, baud } => write!(f, "{path}@{baud}"),
            Spec::Qemu(image) => write!(f, "qemu:{}", image.display()),
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
