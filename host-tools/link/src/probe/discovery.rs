//! Lists the connected probes, and opens one.

use std::fmt;
use std::str::FromStr;

use probe_rs::config::ScanChainElement;
use probe_rs::probe::list::{Accessibility, Lister, ProbeListItem};
use probe_rs::probe::{DebugProbeSelector, Probe, WireProtocol};

use super::ProbeError;
use super::bitbang::Bitbang;

/// Prefix of a simulator's address.
const BITBANG: &str = "bitbang://";

/// The name of the Ox64 in software.
const OX64: &str = "ox64";

/// The TCP port of the Ox64 in software, if no other is named: Spike's.
pub const OX64_PORT: &str = "9824";

/// A probe as named by the user.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Selector {
    /// The only connected probe.
    #[default]
    Only,
    /// `VENDOR:PRODUCT` or `VENDOR:PRODUCT:SERIAL`, as in USB.
    Usb(DebugProbeSelector),
    /// `bitbang://HOST:PORT`: a server of the `remote_bitbang` protocol. `ox64` is the one on this machine.
    Bitbang(String),
}

impl FromStr for Selector {
    type Err = ProbeError;

    fn from_str(name: &str) -> Result<Selector, ProbeError> {
        let wrong = || ProbeError::Selector(name.to_owned());
        if name == OX64 {
            return Ok(Selector::Bitbang(format!("localhost:{OX64_PORT}")));
        }
        if let Some(address) = name.strip_prefix(BITBANG) {
            let port = address
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty());
            let port = port.and_then(|(_, port)| port.parse::<u16>().ok());
            return match port {
                Some(1..) => Ok(Selector::Bitbang(address.to_owned())),
                _ => Err(wrong()),
            };
        }
        let usb = DebugProbeSelector::from_str(name).map_err(|_| wrong())?;
        Ok(Selector::Usb(usb))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Only => Ok(()),
            Selector::Usb(selector) => selector.fmt(f),
            Selector::Bitbang(address) => write!(f, "{BITBANG}{address}"),
        }
    }
}

/// A connected probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeInfo {
    /// Its selector, for `--probe`.
    pub selector: String,
    /// Product name from USB.
    pub name: String,
    /// Protocol or product family.
    pub kind: String,
    /// Whether this user may open it.
    pub is_allowed: bool,
}

impl From<&ProbeListItem> for ProbeInfo {
    fn from(item: &ProbeListItem) -> ProbeInfo {
        ProbeInfo {
            selector: DebugProbeSelector::from(&item.info).to_string(),
            name: item.info.identifier.clone(),
            kind: item.info.probe_type(),
            is_allowed: item.accessibility == Accessibility::Accessible,
        }
    }
}

/// Lists the connected probes.
pub fn list() -> Vec<ProbeInfo> {
    let items = Lister::new().list_all_with_access();
    items.iter().map(ProbeInfo::from).collect()
}

/// Opens a probe for JTAG, with the given clock in kHz.
pub fn open(selector: &Selector, speed_khz: Option<u32>) -> Result<Probe, ProbeError> {
    let mut probe = match selector {
        Selector::Bitbang(address) => {
            let line = |error: std::io::Error| ProbeError::Line(format!("{address}: {error}"));
            let port = Bitbang::connect(address).map_err(line)?;
            Probe::from_specific_probe(Box::new(port))
        }
        Selector::Usb(usb) => plugged(Some(usb))?,
        Selector::Only => plugged(None)?,
    };
    ready(&mut probe, speed_khz)?;
    Ok(probe)
}

fn plugged(selector: Option<&DebugProbeSelector>) -> Result<Probe, ProbeError> {
    let lister = Lister::new();
    let items = lister.list_with_access(selector);
    let names = |items: &[ProbeListItem]| -> Vec<String> {
        let items = items.iter().map(ProbeInfo::from);
        items
            .map(|it| format!("{} ({})", it.selector, it.name))
            .collect()
    };
    let item = match &items[..] {
        [item] => item,
        [] => {
            return Err(ProbeError::NoProbe {
                wanted: selector.map(DebugProbeSelector::to_string),
                found: names(&lister.list_all_with_access()),
            });
        }
        several => return Err(ProbeError::Which(names(several))),
    };
    let (name, ids) = (
        &item.info.identifier,
        (item.info.vendor_id, item.info.product_id),
    );
    if item.accessibility == Accessibility::PermissionDenied {
        return Err(ProbeError::NoPermission {
            name: name.clone(),
            ids,
        });
    }
    let opened = item.info.open();
    opened.map_err(|error| ProbeError::opening(error, name, ids))
}

/// Attaches to the JTAG interface.
pub(super) fn ready(probe: &mut Probe, speed_khz: Option<u32>) -> Result<(), ProbeError> {
    probe.select_protocol(WireProtocol::Jtag)?;
    if let Some(khz) = speed_khz {
        probe.set_speed(khz)?;
    }
    // Drivers scan the chain themselves, and fail if a TAP does not mark the start of its instruction
    // register; given a chain they do not scan. The real scan follows later.
    if let Some(jtag) = probe.try_as_jtag_probe() {
        jtag.set_scan_chain(&[ScanChainElement {
            name: None,
            ir_len: Some(5),
        }])?;
    }
    match probe.attach_to_unspecified() {
        Ok(()) => Ok(()),
        Err(probe_rs::Error::Probe(error)) => Err(error.into()),
        Err(error) => Err(ProbeError::Line(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_were_given() {
        for name in [
            "0403:6010",
            "0403:6014:ABC",
            "1366:0101-2",
            "bitbang://localhost:9824",
        ] {
            assert_eq!(name.parse::<Selector>().unwrap().to_string(), name);
        }
        for name in [
            "",
            "jlink",
            "bitbang://",
            "bitbang://here",
            "bitbang://:1",
            "04:xx",
        ] {
            let refused = name.parse::<Selector>().unwrap_err().to_string();
            assert!(refused.contains("is not a probe; probes are"), "{refused}");
        }
    }
}
