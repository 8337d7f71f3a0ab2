//! A gdb stub that acknowledges what it takes, and sends again what came damaged, as the protocol
//! has it.

use super::board;

/// What it has of a packet, and what it said last.
#[derive(Default)]
pub struct Stub {
    packet: Option<Vec<u8>>,
    last: Vec<u8>,
}

pub fn hex(bytes: impl Iterator<Item = u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

impl Stub {
    /// Takes bytes; what it says to them.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for &byte in bytes {
            match (&mut self.packet, byte) {
                (None, b'-') => out.extend(&self.last),
                (packet, b'$') => *packet = Some(Vec::new()),
                (None, _) => {}
                (Some(packet), byte) => {
                    packet.push(byte);
                    if packet.len() > 2 && packet[packet.len() - 3] == b'#' {
                        self.whole(&mut out);
                    }
                }
            }
        }
        out
    }

    fn whole(&mut self, out: &mut Vec<u8>) {
        let packet = self.packet.take().unwrap_or_default();
        let (question, told) = packet.split_at(packet.len() - 3);
        if told[1..] != *format!("{:02x}", sum(question)).as_bytes() {
            out.push(b'-');
            return;
        }
        let said = answer(&String::from_utf8_lossy(question));
        self.last = format!("${said}#{:02x}", sum(said.as_bytes())).into_bytes();
        out.push(b'+');
        out.extend(&self.last);
    }
}

fn answer(question: &str) -> String {
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
    if let Some((at, count)) = question.strip_prefix('m').and_then(|it| it.split_once(',')) {
        return board::bytes(number(at), number(count)).unwrap_or_else(|| "E01".to_owned());
    }
    let target = "l<target><reg name=\"pc\" bitsize=\"64\" regnum=\"32\"/>\
                  <reg name=\"satp\" bitsize=\"64\" regnum=\"449\"/></target>";
    match question {
        "?" => "T05thread:p1.1;".to_owned(),
        "qqemu.PhyMemMode" => "0".to_owned(),
        "p1c1" => hex(board::SATP.to_le_bytes().into_iter()),
        _ if question.starts_with("qSupported") => {
            "PacketSize=400;qXfer:memory-map:read+".to_owned()
        }
        _ if question.starts_with("qXfer:features:read:target.xml") => target.to_owned(),
        _ if question.starts_with("qXfer:memory-map") => format!(
            "l<memory-map><memory type=\"ram\" start=\"{:#x}\" length=\"{:#x}\"/></memory-map>",
            board::RAM,
            board::RAM_BYTES
        ),
        _ if question.starts_with('Q') || question.starts_with('D') => "OK".to_owned(),
        _ => String::new(),
    }
}
