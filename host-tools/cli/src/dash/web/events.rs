//! Server-sent events of one board: its rows, and the summary whenever it changes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::time::sleep;

use super::queries::{self, BoardQuery};
use super::state::{TICK, WebBoard, WebState};
use crate::dash::connections::ListenerSlot;

/// Maximum number of pages with an event stream; further ones are rejected with "retry later".
const LISTENERS: usize = 32;
/// Maximum number of rows in one message, and for a newly opened page.
const ROWS: usize = 2000;

/// Which events.
#[derive(Deserialize)]
pub struct EventsQuery {
    #[serde(flatten)]
    board: BoardQuery,
    /// Rows too; a page that asks for spans needs only the summaries.
    rows: Option<String>,
}

/// Position of a page's stream.
struct Stand {
    board: WebBoard,
    run: u64,
    /// Id of the next row; `None` for summaries alone.
    next: Option<u64>,
    /// Last summary that was sent.
    told: Arc<str>,
    is_first: bool,
    /// Frees the slot when the stream ends.
    _listener: ListenerSlot,
}

/// Rows after `Last-Event-ID`, or the last few thousand; and the summary whenever it changes.
pub async fn events(
    State(shared): State<WebState>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Response {
    let board = match queries::board(&shared, &query.board) {
        Ok(board) => board.clone(),
        Err(why) => return why.into_response(),
    };
    let Some(listener) = shared.listeners.take(LISTENERS) else {
        let why = "the maximum number of pages is open already; close one\n";
        let again = [(header::RETRY_AFTER, "5"), (header::CONNECTION, "close")];
        return (StatusCode::SERVICE_UNAVAILABLE, again, why).into_response();
    };
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let resumed = last.and_then(|last| {
        let (run, id) = last.split_once(':')?;
        (run.parse() == Ok(shared.run)).then_some(id.parse::<u64>().ok()?)
    });
    let next = match resumed {
        Some(id) => id.saturating_add(1),
        None => (board.live().received() + 1)
            .saturating_sub(ROWS as u64)
            .max(1),
    };
    let place = Stand {
        board,
        run: shared.run,
        next: (query.rows.as_deref() != Some("0")).then_some(next),
        told: "".into(),
        is_first: resumed.is_none(),
        _listener: listener,
    };
    let told = stream::unfold(place, |mut place| async move {
        loop {
            if let Some(event) = place.event() {
                return Some((Ok::<_, Infallible>(event), place));
            }
            sleep(TICK).await;
        }
    });
    // Periodic comments detect a closed connection.
    Sse::new(told)
        .keep_alive(KeepAlive::default())
        .into_response()
}

impl Stand {
    /// The next event, if there is one.
    fn event(&mut self) -> Option<Event> {
        // The page drops rows of another run.
        if std::mem::take(&mut self.is_first) {
            return Some(Event::default().event("begin").data(self.run.to_string()));
        }
        if let Some(event) = self.rows() {
            return Some(event);
        }
        let summary = self.board.summary();
        if summary == self.told {
            return None;
        }
        self.told = Arc::clone(&summary);
        Some(Event::default().event("live").data(summary))
    }

    fn rows(&mut self) -> Option<Event> {
        let live = self.board.live();
        let rows: Vec<_> = live.rows_from(self.next?).take(ROWS).copied().collect();
        drop(live);
        let last = rows.last()?.id;
        self.next = Some(last + 1);
        let mut out = Vec::new();
        // Writing to memory does not fail.
        let _ = view::live::rows_json(&mut out, rows.iter());
        let event = Event::default()
            .event("faults")
            .id(format!("{}:{last}", self.run));
        Some(event.data(String::from_utf8_lossy(&out)))
    }
}
