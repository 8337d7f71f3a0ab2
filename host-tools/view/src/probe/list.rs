//! The connected debug probes.

use std::io::{self, Write};

use model::probe::Probes;
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::JsonObject;
use crate::words;

impl View for Probes {
    /// One row per probe.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.is_empty() {
            return writeln!(out, "no probes");
        }
        let mut columns = Columns::new([
            ("probe", ColumnSide::Left),
            ("name", ColumnSide::Left),
            ("kind", ColumnSide::Left),
            ("permission", ColumnSide::Left),
        ]);
        for probe in &self.0 {
            columns.row([
                words::printable(&probe.selector),
                words::printable(&probe.name),
                probe.kind.clone(),
                if probe.is_allowed { "yes" } else { "no" }.to_owned(),
            ]);
        }
        columns.write(out, 0)
    }

    /// Schema `pagewalk.probes/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.probes/1")?;
        let items = self.0.iter().map(|probe| JsonProbe {
            selector: &probe.selector,
            name: &probe.name,
            kind: &probe.kind,
            allowed: probe.is_allowed,
        });
        object.list("probes", items)?;
        object.end()
    }

    /// One row per probe.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(["selector", "name", "kind", "allowed"])?;
        for probe in &self.0 {
            let allowed = probe.is_allowed.to_string();
            rows.write_record([&probe.selector, &probe.name, &probe.kind, &allowed])?;
        }
        rows.flush()
    }
}

#[derive(Serialize)]
struct JsonProbe<'a> {
    selector: &'a str,
    name: &'a str,
    kind: &'a str,
    allowed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::probe::Probe;

    fn rendered(view: fn(&Probes, &mut dyn Write) -> io::Result<()>, probes: &Probes) -> String {
        let mut out = Vec::new();
        view(probes, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_probe_is_a_line_whatever_it_calls_itself() {
        let probes = Probes(vec![Probe {
            selector: "0403:6010:A1".to_owned(),
            name: "Dual \u{1b}[31m".to_owned(),
            kind: "FTDI".to_owned(),
            is_allowed: false,
        }]);
        let table = rendered(Probes::table, &probes);
        assert!(
            table.contains("0403:6010:A1") && table.contains("no"),
            "{table}"
        );
        assert!(!table.contains('\u{1b}'), "{table}");
        assert!(rendered(Probes::json, &probes).contains("\"allowed\":false"));
        assert!(
            rendered(Probes::csv, &probes).starts_with("selector,name,kind,allowed\n0403:6010:A1,")
        );
    }
}
