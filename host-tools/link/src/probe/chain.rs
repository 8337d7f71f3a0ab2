//! The TAPs of a JTAG chain, and the one with a debug module.

use super::ProbeError;
use super::dtm::DTMCS;
use super::scan::{ChainPosition, Scanner, number};

/// Limit of the number of TAPs.
const MOST_PORTS: usize = 8;
/// Limit of the length of all instruction registers.
const MOST_IR_BITS: usize = 32 * MOST_PORTS;

/// Facts about the chain that the user or a board file states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownChain {
    /// IDCODE of the TAP with the debug module; if a TAP has it, no other is examined.
    pub idcode: Option<u32>,
    /// Instruction register length of each TAP in bits, from TDO to TDI. Taken without a check: some TAPs do
    /// not mark the start of their instruction register.
    pub ir_bits: Vec<u8>,
}

/// A JTAG chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// IDCODE of each TAP, from TDO to TDI; `None` for a TAP without one.
    pub idcodes: Vec<Option<u32>>,
    /// Instruction register length of each TAP, in bits.
    pub ir_bits: Vec<usize>,
    /// Index of the TAP with the debug module.
    pub port: usize,
}

/// Scans the chain and selects the TAP with a debug module.
pub fn look(wires: &mut Scanner, known: &KnownChain) -> Result<Chain, ProbeError> {
    wires.reset()?;
    let idcodes = idcodes(&wires.through(false, &[true; 32 * MOST_PORTS + 32])?)?;
    let captured = instructions(wires)?;
    let ir_bits = lengths(&captured, idcodes.len(), known)?;
    let mut chain = Chain {
        idcodes,
        ir_bits,
        port: 0,
    };
    let is_known = known.idcode.is_some() && chain.idcodes.contains(&known.idcode);
    for port in 0..chain.idcodes.len() {
        let is_other = is_known && chain.idcodes[port] != known.idcode;
        if is_other || chain.ir_bits[port] < 5 {
            continue;
        }
        chain.port = port;
        wires.position = chain.position();
        wires.load(DTMCS)?;
        let said = wires.exchange(&[0], 32, 1)?;
        // Versions 0.13 and 1.0 have the value 1 here.
        if said.first().is_some_and(|dtmcs| dtmcs & 0xf == 1) {
            return Ok(chain);
        }
    }
    Err(ProbeError::NoModule(chain.idcodes))
}

impl Chain {
    fn position(&self) -> ChainPosition {
        let (before, behind) = (&self.ir_bits[..self.port], &self.ir_bits[self.port + 1..]);
        ChainPosition {
            ir_bits: self.ir_bits[self.port],
            ir_around: (before.iter().sum(), behind.iter().sum()),
            ports_around: (before.len(), behind.len()),
        }
    }
}

/// Decodes the data registers after a reset: a TAP with an IDCODE shifts it out, with lowest bit 1; others
/// shift out a single 0. The bits that were shifted in follow.
fn idcodes(mut said: &[bool]) -> Result<Vec<Option<u32>>, ProbeError> {
    if said.iter().all(|bit| *bit == said[0]) {
        return Err(ProbeError::Silent(said[0]));
    }
    let mut found = Vec::new();
    while said.len() >= 32 {
        let word = number(&said[..32]) as u32;
        if word == u32::MAX {
            return Ok(found);
        }
        match word & 1 {
            1 => {
                found.push(Some(word));
                said = &said[32..];
            }
            _ => {
                found.push(None);
                said = &said[1..];
            }
        }
        if found.len() > MOST_PORTS {
            break;
        }
    }
    Err(ProbeError::Noise)
}

/// The captured instruction registers of all TAPs, as one sequence of bits.
fn instructions(wires: &mut Scanner) -> Result<Vec<bool>, ProbeError> {
    // Ones, then zeros to measure the length, then ones so that every TAP is in bypass.
    let level = |n| n / MOST_IR_BITS != 1;
    let tdi: Vec<bool> = (0..3 * MOST_IR_BITS).map(level).collect();
    let mut said = wires.through(true, &tdi)?;
    let zeros = said[MOST_IR_BITS..].iter().position(|bit| !bit);
    let bits = zeros.filter(|bits| *bits < MOST_IR_BITS);
    let bits = bits.ok_or(ProbeError::Noise)?;
    said.truncate(bits);
    Ok(said)
}

fn lengths(captured: &[bool], ports: usize, known: &KnownChain) -> Result<Vec<usize>, ProbeError> {
    let said: Vec<usize> = known
        .ir_bits
        .iter()
        .map(|bits| usize::from(*bits))
        .collect();
    if !said.is_empty() {
        let is_right = said.len() == ports && said.iter().sum::<usize>() == captured.len();
        return is_right.then_some(said.clone()).ok_or(ProbeError::Chain {
            ports,
            bits: captured.len(),
            said,
        });
    }
    if ports == 1 {
        return Ok(vec![captured.len()]);
    }
    // IEEE 1149.1, §7.1.1: an instruction register captures …01, which shifts out as 10.
    let begins = |n: &usize| captured[*n] && captured.get(n + 1) == Some(&false);
    let begins: Vec<usize> = (0..captured.len()).filter(begins).collect();
    if begins.len() != ports || begins.first() != Some(&0) {
        return Err(ProbeError::Ambiguous {
            ports,
            bits: captured.len(),
        });
    }
    let ends = begins.iter().skip(1).copied().chain([captured.len()]);
    Ok(begins
        .iter()
        .zip(ends)
        .map(|(from, to)| to - from)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(text: &str) -> Vec<bool> {
        let levels = text.chars().filter(|c| *c != ' ');
        levels.map(|c| c == '1').collect()
    }

    #[test]
    fn ports_with_and_without_an_idcode_are_told_apart() {
        let mut said = bits("0");
        said.extend((0..32).map(|n| 0x1000_0b6fu32 >> n & 1 == 1));
        said.extend(bits("0"));
        said.extend([true; 64]);
        assert_eq!(idcodes(&said).unwrap(), [None, Some(0x1000_0b6f), None]);
        assert!(matches!(
            idcodes(&[true; 64]),
            Err(ProbeError::Silent(true))
        ));
        assert!(matches!(
            idcodes(&[false; 64]),
            Err(ProbeError::Silent(false))
        ));
    }

    #[test]
    fn instructions_are_as_long_as_they_show_or_as_is_said() {
        let nothing = KnownChain::default();
        let said = |ir_bits: &[u8]| KnownChain {
            ir_bits: ir_bits.to_vec(),
            ..KnownChain::default()
        };
        assert_eq!(lengths(&bits("11111"), 1, &nothing).unwrap(), [5]);
        assert_eq!(lengths(&bits("1000 10000"), 2, &nothing).unwrap(), [4, 5]);
        let unclear = lengths(&bits("1010 10000"), 2, &nothing);
        assert!(matches!(
            unclear,
            Err(ProbeError::Ambiguous { ports: 2, bits: 9 })
        ));
        assert_eq!(
            lengths(&bits("1010 10000"), 2, &said(&[4, 5])).unwrap(),
            [4, 5]
        );
        let wrong = lengths(&bits("10000"), 1, &said(&[6]));
        assert!(matches!(
            wrong,
            Err(ProbeError::Chain {
                ports: 1,
                bits: 5,
                ..
            })
        ));
    }
}
