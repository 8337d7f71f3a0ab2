//! One figure: what it is, how large it may be, and what another tool needs for the same.

use serde::Serialize;

/// One figure.
pub struct FigureRow {
    /// Its name, which never changes.
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    pub better: Better,
    /// What it must not pass. Only counts and bytes have one: they are the same on every run.
    pub limit: Option<f64>,
    /// What a time should keep to; a busy machine may miss it, and nothing gates it.
    pub aim: Option<f64>,
    /// Who else does this, and how well.
    pub peer: Option<PeerFigure>,
}

impl FigureRow {
    /// A count, or bytes: the same on every run, and less is better.
    pub fn count(name: &'static str, value: f64, unit: &'static str, limit: f64) -> FigureRow {
        FigureRow {
            name,
            value,
            unit,
            better: Better::Lower,
            limit: Some(limit),
            aim: None,
            peer: None,
        }
    }
}

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Lower,
    Higher,
}

/// Who else does the same.
pub struct PeerFigure {
    pub name: String,
    pub value: f64,
}

/// What `--json` prints of a row, in this order.
#[derive(Serialize)]
struct PeerLine<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    better: Better,
    limit: Option<f64>,
    peer: Option<&'a str>,
    peer_value: Option<f64>,
    aim: Option<f64>,
}

/// The table's head, over what [`FigureRow::line`] prints.
pub fn head() -> String {
    columns("row", "value", "unit", "limit or aim", "peer")
}

fn columns(name: &str, value: &str, unit: &str, limit: &str, peer: &str) -> String {
    format!("{name:<26} {value:>10} {unit:<13} {limit:<24} {peer}")
}

impl FigureRow {
    /// Whether the value keeps to its limit, or its aim.
    fn is_within(&self) -> bool {
        self.limit
            .or(self.aim)
            .is_none_or(|limit| match self.better {
                Better::Lower => self.value <= limit,
                Better::Higher => self.value >= limit,
            })
    }

    /// A line of the table.
    pub fn line(&self) -> String {
        let side = match self.better {
            Better::Lower => "<=",
            Better::Higher => ">=",
        };
        let limit = match (self.limit, self.aim) {
            (Some(limit), _) => format!("{side} {}", number(limit)),
            (None, Some(aim)) => format!("aim {side} {}", number(aim)),
            (None, None) => "-".to_owned(),
        };
        let mark = match (self.is_within(), self.limit) {
            (true, _) => "",
            (false, Some(_)) => " MISSED",
            (false, None) => " missed",
        };
        let peer = self.peer.as_ref();
        let peer = peer.map_or_else(
            || "-".to_owned(),
            |peer| format!("{} {}", number(peer.value), peer.name),
        );
        columns(
            self.name,
            &number(self.value),
            self.unit,
            &(limit + mark),
            &peer,
        )
    }

    /// The same as one JSON object.
    pub fn json(&self) -> String {
        let line = PeerLine {
            name: self.name,
            value: self.value,
            unit: self.unit,
            better: self.better,
            limit: self.limit,
            peer: self.peer.as_ref().map(|peer| peer.name.as_str()),
            peer_value: self.peer.as_ref().map(|peer| peer.value),
            aim: self.aim,
        };
        serde_json::to_string(&line).expect("numbers and words are JSON")
    }
}

/// Counts as they are, seconds to the tenth of a millisecond.
fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}
