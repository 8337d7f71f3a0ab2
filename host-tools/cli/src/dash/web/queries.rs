//! Answers in JSON: the board now, a span, rows of faults, one fault, all boards.

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Live;
use model::history::{FaultFilter, GroupBy, HeatAcross, SummaryOptions, TimeSpan};
use serde::Deserialize;
use view::dashboard::{FaultDetail, RowOrder, RowsRequest, Sources, SpanRequest};

use super::state::{BoardTotals, WebBoard, WebState, summary};

/// Parts of a span, rows of a heat map, rows of a table: at most so many in one answer.
const MOST_BINS: usize = 2000;
const MOST_HEAT_ROWS: usize = 512;
const MOST_ROWS: usize = 5000;

/// Which board.
#[derive(Deserialize)]
pub struct BoardQuery {
    /// Its place on the command line, from 0.
    board: Option<String>,
}

/// Which faults.
#[derive(Deserialize)]
struct FaultsQuery {
    from: Option<String>,
    end: Option<String>,
    /// Instead of `from`: the last so many microseconds.
    last: Option<String>,
    filter: Option<String>,
}

/// Query of a span.
#[derive(Deserialize)]
pub struct SpanQuery {
    #[serde(flatten)]
    board: BoardQuery,
    #[serde(flatten)]
    faults: FaultsQuery,
    by: Option<String>,
    across: Option<String>,
    bins: Option<String>,
    heat_rows: Option<String>,
}

/// Query of rows.
#[derive(Deserialize)]
pub struct RowsQuery {
    #[serde(flatten)]
    board: BoardQuery,
    #[serde(flatten)]
    faults: FaultsQuery,
    order: Option<String>,
    /// `1` for the first ones first.
    ascending: Option<String>,
    /// `0` to show each fault.
    fold: Option<String>,
    offset: Option<String>,
    limit: Option<String>,
}

/// Query of a fault.
#[derive(Deserialize)]
pub struct FaultQuery {
    #[serde(flatten)]
    board: BoardQuery,
    id: Option<String>,
}

/// The board that a query names; otherwise the answer that there is none.
pub fn board<'a>(shared: &'a WebState, query: &BoardQuery) -> Result<&'a WebBoard, QueryRefusal> {
    let place: usize = number("board", query.board.as_deref())?.unwrap_or(0);
    shared.boards.get(place).ok_or_else(|| {
        not_found(format!(
            "no board {place}; there are {}",
            shared.boards.len()
        ))
    })
}

/// Why a query has no answer, as the page shows it.
pub struct QueryRefusal {
    status: StatusCode,
    why: String,
}

impl IntoResponse for QueryRefusal {
    fn into_response(self) -> Response {
        (self.status, format!("{}\n", self.why)).into_response()
    }
}

fn refuse(why: String) -> QueryRefusal {
    QueryRefusal {
        status: StatusCode::BAD_REQUEST,
        why,
    }
}

fn not_found(why: String) -> QueryRefusal {
    QueryRefusal {
        status: StatusCode::NOT_FOUND,
        why,
    }
}

fn number<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, QueryRefusal> {
    text.map(|text| {
        text.parse()
            .map_err(|_| refuse(format!("{name}={text}: expected a decimal number")))
    })
    .transpose()
}

impl FaultsQuery {
    fn span(&self, live: &Live) -> Result<Option<TimeSpan>, QueryRefusal> {
        let whole = live.history.whole();
        let from = number("from", self.from.as_deref())?;
        let end: Option<u64> = number("end", self.end.as_deref())?;
        let last = number("last", self.last.as_deref())?;
        Ok(match (from, end, last) {
            (None, None, None) => None,
            (None, end, Some(last)) => {
                let end_us = end.unwrap_or(whole.end_us);
                Some(TimeSpan { end_us, ..whole }.last(last))
            }
            (from, end, _) => Some(TimeSpan {
                from_us: from.unwrap_or(whole.from_us),
                end_us: end.unwrap_or(whole.end_us),
            }),
        })
    }

    fn filter(&self) -> Result<FaultFilter, QueryRefusal> {
        let text = self.filter.as_deref().unwrap_or("");
        FaultFilter::parse(text).map_err(|error| refuse(error.to_string()))
    }
}

fn choice<T: Copy + Default>(
    name: &str,
    text: Option<&str>,
    known: &[(&str, T)],
) -> Result<T, QueryRefusal> {
    let Some(text) = text else {
        return Ok(T::default());
    };
    let found = known.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        refuse(format!(
            "{name}={text}: expected one of {}",
            words.join(", ")
        ))
    })
}

const GROUPS: [(&str, GroupBy); 4] = [
    ("outcome", GroupBy::Outcome),
    ("cause", GroupBy::Cause),
    ("task", GroupBy::Task),
    ("hart", GroupBy::Hart),
];
const ACROSS: [(&str, HeatAcross); 2] = [("time", HeatAcross::Time), ("task", HeatAcross::Task)];
const ORDERS: [(&str, RowOrder); 5] = [
    ("time", RowOrder::Time),
    ("address", RowOrder::Address),
    ("cost", RowOrder::Cost),
    ("task", RowOrder::Task),
    ("cause", RowOrder::Cause),
];

fn json(out: impl Into<axum::body::Body>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, out.into()).into_response()
}

/// `/live.json`
pub async fn live_json(
    State(shared): State<WebState>,
    Query(query): Query<BoardQuery>,
) -> Response {
    match board(&shared, &query) {
        Ok(board) => json(summary(&board.live())),
        Err(why) => why.into_response(),
    }
}

/// `/boards.json`
pub async fn boards_json(State(shared): State<WebState>) -> Response {
    let boards = shared.boards.iter().map(BoardTotals::of);
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = view::json::JsonObject::begin(&mut out, "pagewalk.boards/1").and_then(|mut object| {
        object.list("boards", boards)?;
        object.end()
    });
    json(out)
}

/// `/span.json`
pub async fn span_json(State(shared): State<WebState>, Query(query): Query<SpanQuery>) -> Response {
    span(&shared, &query).unwrap_or_else(IntoResponse::into_response)
}

fn span(shared: &WebState, query: &SpanQuery) -> Result<Response, QueryRefusal> {
    let board = board(shared, &query.board)?;
    let bins: Option<usize> = number("bins", query.bins.as_deref())?;
    let heat_rows: Option<usize> = number("heat_rows", query.heat_rows.as_deref())?;
    let filter = query.faults.filter()?;
    let live = board.live();
    let request = SpanRequest {
        span: query.faults.span(&live)?,
        filter,
        options: SummaryOptions {
            by: choice("by", query.by.as_deref(), &GROUPS)?,
            bins: bins.unwrap_or(240).clamp(1, MOST_BINS),
            heat_rows: heat_rows.unwrap_or(48).clamp(1, MOST_HEAT_ROWS),
            across: choice("across", query.across.as_deref(), &ACROSS)?,
        },
    };
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = request.json(&mut out, &live);
    Ok(json(out))
}

/// `/rows.json`
pub async fn rows_json(State(shared): State<WebState>, Query(query): Query<RowsQuery>) -> Response {
    rows(&shared, &query).unwrap_or_else(IntoResponse::into_response)
}

fn rows(shared: &WebState, query: &RowsQuery) -> Result<Response, QueryRefusal> {
    let board = board(shared, &query.board)?;
    let offset: Option<usize> = number("offset", query.offset.as_deref())?;
    let limit: Option<usize> = number("limit", query.limit.as_deref())?;
    let filter = query.faults.filter()?;
    let live = board.live();
    let request = RowsRequest {
        span: query.faults.span(&live)?,
        filter,
        order: choice("order", query.order.as_deref(), &ORDERS)?,
        descending: query.ascending.as_deref() != Some("1"),
        fold: query.fold.as_deref() != Some("0"),
        offset: offset.unwrap_or(0),
        limit: limit.unwrap_or(200).min(MOST_ROWS),
    };
    let mut out = Vec::new();
    with_sources(shared, |sources| {
        // Writing to memory does not fail.
        let _ = request.json(&mut out, &live, sources);
    });
    Ok(json(out))
}

/// `/fault.json`
pub async fn fault_json(
    State(shared): State<WebState>,
    Query(query): Query<FaultQuery>,
) -> Response {
    fault(&shared, &query).unwrap_or_else(IntoResponse::into_response)
}

fn fault(shared: &WebState, query: &FaultQuery) -> Result<Response, QueryRefusal> {
    let board = board(shared, &query.board)?;
    let id: u64 = number("id", query.id.as_deref())?
        .ok_or_else(|| refuse("id=N: the number of a fault is missing".to_owned()))?;
    let detail = FaultDetail {
        id,
        spec: board.spec.to_string(),
    };
    let live = board.live();
    let mut out = Vec::new();
    let mut is_found = false;
    with_sources(shared, |sources| {
        // Writing to memory does not fail.
        is_found = detail.json(&mut out, &live, sources).unwrap_or(false);
    });
    match is_found {
        true => Ok(json(out)),
        false => Err(not_found(format!(
            "fault {id} is not kept; the last 1,048,576 and those that killed are"
        ))),
    }
}

fn with_sources(shared: &WebState, answer: impl FnOnce(&Sources<'_>)) {
    let programs = shared
        .programs
        .lock()
        .unwrap_or_else(|held| held.into_inner());
    let lines = |at| {
        programs
            .line(at)
            .map(|it| format!("{}:{}", it.file, it.number))
    };
    answer(&Sources {
        names: &|at| programs.name(at),
        lines: &lines,
    });
}
