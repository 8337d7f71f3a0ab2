//! What was received on a line: which stage printed it, where it stopped, what to try.

use std::io::{self, Write};

use model::DoctorReport;
use model::diagnosis::{BootStage, LineHealth};
use serde::Serialize;

use crate::View;
use crate::json::JsonObject;
use crate::words::{counted, printable};

/// A line under a heading of this column.
fn row(out: &mut dyn Write, heading: &str, what: &str) -> io::Result<()> {
    writeln!(out, "{heading:<10}  {what}")
}

impl View for DoctorReport {
    /// For people: what was received, what it means, what to try.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.rates {
            let what = match one.health {
                LineHealth::Silent => "nothing".to_owned(),
                LineHealth::Garbled => counted(one.bytes, "byte", "bytes") + ", no text",
                LineHealth::Readable => counted(one.bytes, "byte", "bytes"),
            };
            match one.baud {
                Some(baud) => row(out, &format!("at {baud}"), &what)?,
                None => row(out, "received", &what)?,
            }
        }
        let diagnosis = &self.diagnosis;
        if !diagnosis.stages().is_empty() {
            let stages = diagnosis.stages().iter();
            let names = stages.map(|(stage, version)| format!("{} {version}", stage.name()));
            let names: Vec<String> = names.map(|name| name.trim_end().to_owned()).collect();
            row(out, "spoke", &printable(&names.join(", ")))?;
        }
        if diagnosis.boots() > 1 {
            row(out, "boots", &diagnosis.boots().to_string())?;
        }
        // What is no text says nothing to anybody.
        let is_text = diagnosis.health() == LineHealth::Readable;
        for (n, line) in diagnosis.lines().filter(|_| is_text).enumerate() {
            row(
                out,
                if n == 0 { "last lines" } else { "" },
                &printable(line),
            )?;
        }
        let sign = diagnosis.sign();
        let also = match diagnosis.is_at_prompt() && sign.stage == BootStage::UBoot {
            true if sign.id != "u-boot-prompt" => "; it stands at its prompt",
            _ => "",
        };
        row(out, "so", &format!("{}{also}", sign.means))?;
        for (n, attempt) in self.attempts().enumerate() {
            row(out, if n == 0 { "try" } else { "" }, &attempt)?;
        }
        Ok(())
    }

    /// The schema `pagewalk.doctor/1`.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let diagnosis = &self.diagnosis;
        let mut object = JsonObject::begin(out, "pagewalk.doctor/1")?;
        object.member("line", &self.line)?;
        let rates = self.rates.iter().map(|one| JsonRate {
            baud: one.baud,
            bytes: one.bytes,
            carries: one.health.word(),
        });
        object.list("rates", rates)?;
        object.member("carries", diagnosis.health().word())?;
        object.member("frames", diagnosis.frames())?;
        let stages = diagnosis.stages().iter();
        let stages = stages.map(|(stage, version)| JsonStage {
            stage: stage.word(),
            version: (!version.is_empty()).then_some(version),
        });
        object.list("stages", stages)?;
        object.member("boots", diagnosis.boots())?;
        object.member("stopped_in", diagnosis.stage().map(BootStage::word))?;
        object.member("at_prompt", diagnosis.is_at_prompt())?;
        object.member("sign", diagnosis.sign().id)?;
        object.member("means", diagnosis.sign().means)?;
        object.list("last_lines", diagnosis.lines())?;
        object.list("try", self.attempts())?;
        object.end()
    }

    /// A line for each thing to try, with what it is for.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = csv::Writer::from_writer(out);
        lines.write_record(["line", "carries", "stopped_in", "sign", "means", "try"])?;
        let diagnosis = &self.diagnosis;
        for attempt in self.attempts() {
            lines.write_record([
                self.line.as_str(),
                diagnosis.health().word(),
                diagnosis.stage().map_or("", BootStage::word),
                diagnosis.sign().id,
                diagnosis.sign().means,
                &attempt,
            ])?;
        }
        lines.flush()
    }
}

#[derive(Serialize)]
struct JsonRate {
    baud: Option<u32>,
    bytes: u64,
    carries: &'static str,
}

#[derive(Serialize)]
struct JsonStage<'a> {
    stage: &'static str,
    version: Option<&'a String>,
}
