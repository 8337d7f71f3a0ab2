//! A probe's JTAG chain, debug module and hart.

use std::io::{self, Write};

use model::probe::Wired;
use serde::Serialize;

use crate::View;
use crate::json::{Hex, JsonObject};
use crate::words::{self, counted};

/// Facts as name and value, in the order of discovery.
fn facts(wired: &Wired) -> Vec<(&'static str, String)> {
    let ports = wired.idcodes.iter().zip(&wired.ir_bits).enumerate();
    let port = |(at, (idcode, bits)): (usize, (&Option<u32>, &usize))| {
        let name = match idcode {
            Some(idcode) => format!("{idcode:#010x}"),
            None => "without IDCODE".to_owned(),
        };
        let here = if at == wired.port {
            ", debug module"
        } else {
            ""
        };
        format!("{name} ({bits} bits of instruction{here})")
    };
    let ebreak = match wired.has_implicit_ebreak {
        true => " and an ebreak",
        false => "",
    };
    let bus: Vec<String> = wired.bus_bits.iter().map(u32::to_string).collect();
    let doubt = match wired.is_bus_doubtful {
        true => ", which need not see the hart's cache",
        false => "",
    };
    vec![
        ("probe", words::printable(&wired.probe)),
        ("chain", ports.map(port).collect::<Vec<_>>().join("; ")),
        (
            "board",
            wired.board.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
        (
            "debug module",
            format!(
                "version {}, addresses of {} bits, idle for {} between scans",
                version(wired.version),
                wired.abits,
                wired.idle
            ),
        ),
        (
            "program buffer",
            format!("{}{ebreak}", counted(wired.program_words, "word", "words")),
        ),
        ("arguments", counted(wired.data_words, "word", "words")),
        (
            "system bus",
            match bus.is_empty() {
                true => "none".to_owned(),
                false => format!("{} bits{doubt}", bus.join(", ")),
            },
        ),
        ("memory by", wired.ways.join(", ")),
        (
            "hart",
            format!(
                "{} of {}, RV{}, {}",
                wired.hart,
                wired.harts,
                wired.xlen.bits(),
                state(wired)
            ),
        ),
        (
            "vendor",
            match wired.vendor {
                Some(0x5b7) => "0x5b7 (T-Head)".to_owned(),
                Some(vendor) => format!("{vendor:#x}"),
                None => "not reported".to_owned(),
            },
        ),
    ]
}

fn version(number: u32) -> &'static str {
    match number {
        2 => "0.13",
        _ => "1.0",
    }
}

fn state(wired: &Wired) -> &'static str {
    match wired.is_halted {
        true => "halted",
        false => "running",
    }
}

impl View for Wired {
    /// One line per fact.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, value) in facts(self) {
            writeln!(out, "{name:<15} {value}")?;
        }
        Ok(())
    }

    /// Schema `pagewalk.probe/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.probe/1")?;
        object.member("probe", &self.probe)?;
        object.member("board", &self.board)?;
        let ports = self.idcodes.iter().zip(&self.ir_bits);
        object.list(
            "chain",
            ports.map(|(idcode, bits)| JsonPort {
                idcode: idcode.map(Hex),
                ir_bits: *bits,
            }),
        )?;
        object.member("port", self.port)?;
        object.member(
            "module",
            JsonModule {
                version: version(self.version),
                abits: self.abits,
                idle: self.idle,
                program_words: self.program_words,
                implicit_ebreak: self.has_implicit_ebreak,
                data_words: self.data_words,
                bus_bits: &self.bus_bits,
                bus_coherent: self.is_bus_doubtful.then_some(false),
            },
        )?;
        object.member("memory_by", &self.ways)?;
        object.member(
            "hart",
            JsonHart {
                number: self.hart,
                harts: self.harts,
                xlen: self.xlen.bits(),
                state: state(self),
                vendor: self.vendor.map(Hex),
            },
        )?;
        object.end()
    }

    /// One row per fact.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(["name", "value"])?;
        for (name, value) in facts(self) {
            rows.write_record([name, &value])?;
        }
        rows.flush()
    }
}

#[derive(Serialize)]
struct JsonPort {
    idcode: Option<Hex<u32>>,
    ir_bits: usize,
}

#[derive(Serialize)]
struct JsonModule<'a> {
    version: &'static str,
    abits: usize,
    idle: usize,
    program_words: usize,
    implicit_ebreak: bool,
    data_words: usize,
    bus_bits: &'a [u32],
    bus_coherent: Option<bool>,
}

#[derive(Serialize)]
struct JsonHart {
    number: u32,
    harts: u32,
    xlen: u32,
    state: &'static str,
    vendor: Option<Hex<u64>>,
}
