//! The web page: one static document and a stream of events, for browsers on this machine only.
//!
//! Names from a board are inserted as text. Requests with another host name, or from another site's page, are
//! rejected.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, serve as serve_http};
use futures_util::stream;
use model::Live;
use model::live::Update;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::connections::{Door, ListenerSlot, ListenerSlots};
use super::event_source::notice;

/// Interval between updates of a page.
const TICK: Duration = Duration::from_millis(200);
/// Maximum number of pages with an event stream; further ones are rejected with "retry later".
const LISTENERS: usize = 32;
/// Maximum number of rows in one message, and for a newly opened page.
const ROWS: usize = 2000;
const PAGE: &str = include_str!("../../web/page.html");
const SCRIPT: &str = include_str!("../../web/page.js");
const STYLE: &str = include_str!("../../web/page.css");
/// Content security policy: no resources from elsewhere, no inline scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Shared state of the handlers.
#[derive(Clone)]
struct WebState {
    live: Arc<Mutex<Live>>,
    /// Random per run: an open page recognizes by it that row ids start again.
    run: u64,
    port: u16,
    /// Slots for event streams.
    listeners: ListenerSlots,
    /// The last summary, with its time.
    told: Arc<Mutex<Option<Told>>>,
}

/// Time and text of a summary.
type Told = (Instant, Arc<str>);

impl WebState {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// The current summary; computed at most once per interval for all pages.
    fn summary(&self) -> Arc<str> {
        let mut told = self.told.lock().unwrap_or_else(|held| held.into_inner());
        match &*told {
            Some((at, summary)) if at.elapsed() < TICK => Arc::clone(summary),
            _ => {
                let new: Arc<str> = summary(&self.live()).into();
                *told = Some((Instant::now(), Arc::clone(&new)));
                new
            }
        }
    }
}

/// Serves the page and its event streams on the loopback address until Ctrl-C.
pub fn serve(name: &str, updates: Receiver<Update>, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| format!("port {port}"))?;
        let port = listener.local_addr()?.port();
        let shared = WebState {
            live: Arc::default(),
            run: link::session::seed().into(),
            port,
            listeners: ListenerSlots::default(),
            told: Arc::default(),
        };
        let (taken, live) = (shared.clone(), shared.clone());
        let line = name.to_owned();
        thread::spawn(move || {
            let take = || {
                for update in &updates {
                    if let Some(what) = notice(&update) {
                        eprintln!("note: {line}: {what}");
                    }
                    taken.live().apply(update);
                }
            };
            // A page whose source panicked must not look like a silent board.
            if catch_unwind(AssertUnwindSafe(take)).is_err() {
                let what = "what the board says could not be taken in, which is a bug of pagewalk";
                taken.live().apply(Update::Ended(Some(what.to_owned())));
            }
        });
        crate::output::answer(|out| writeln!(out, "{name}: http://localhost:{port}/"))?;
        let app = Router::new()
            .route("/", get(|| asset("text/html; charset=utf-8", PAGE)))
            .route(
                "/page.js",
                get(|| asset("text/javascript; charset=utf-8", SCRIPT)),
            )
            .route("/page.css", get(|| asset("text/css; charset=utf-8", STYLE)))
            .route("/live.json", get(live_json))
            .route("/events", get(events))
            .layer(middleware::from_fn_with_state(shared.clone(), guard))
            .with_state(shared);
        // Whichever ends first.
        tokio::select! {
            served = serve_http(Door::new(listener), app) => served?,
            () = asked_to_end() => {}
        }
        super::end(&live.live())
    })
}

/// Completes on Ctrl-C, TERM, or HUP when the terminal closes.
async fn asked_to_end() {
    let stop = crate::ending::watch();
    while !stop.load(Ordering::Relaxed) {
        sleep(TICK).await;
    }
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Rejects requests that do not name this machine, or that another site's page makes.
async fn guard(State(shared): State<WebState>, request: Request, next: Next) -> Response {
    let port = shared.port;
    let hosts = ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}"));
    let headers = request.headers();
    let is_ours = |host: &str| hosts.iter().any(|it| it == host);
    let all = |name| {
        headers
            .get_all(name)
            .iter()
            .map(|it| it.to_str().unwrap_or(""))
    };
    // Of two Host headers, one may be the one that a proxy in between has used.
    let is_host = all(header::HOST).count() == 1 && all(header::HOST).all(is_ours);
    let is_target = request
        .uri()
        .authority()
        .is_none_or(|it| is_ours(it.as_str()));
    let is_origin = all(header::ORIGIN).count() <= 1
        && all(header::ORIGIN).all(|it| it.strip_prefix("http://").is_some_and(is_ours));
    if !is_host || !is_target || !is_origin {
        let why = "this page is for http://localhost of the machine it runs on\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

fn summary(live: &Live) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = view::live::json(&mut out, live);
    String::from_utf8_lossy(&out).into_owned()
}

async fn live_json(State(shared): State<WebState>) -> Response {
    let json = summary(&shared.live());
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Position of a page's stream.
struct Stand {
    shared: WebState,
    /// Id of the next row.
    next: u64,
    /// Last summary that was sent.
    told: Arc<str>,
    is_first: bool,
    /// Frees the slot when the stream ends.
    _listener: ListenerSlot,
}

/// Rows after `Last-Event-ID`, or the last few thousand; and the summary whenever it changes.
async fn events(State(shared): State<WebState>, headers: HeaderMap) -> Response {
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
        Some(id) => id + 1,
        None => (shared.live().received() + 1)
            .saturating_sub(ROWS as u64)
            .max(1),
    };
    let place = Stand {
        shared,
        next,
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
        let run = self.shared.run;
        // The page drops rows of another run.
        if std::mem::take(&mut self.is_first) {
            return Some(Event::default().event("begin").data(run.to_string()));
        }
        let live = self.shared.live();
        let rows: Vec<_> = live.rows_from(self.next).take(ROWS).copied().collect();
        drop(live);
        if let Some(last) = rows.last() {
            self.next = last.id + 1;
            let mut out = Vec::new();
            let _ = view::live::rows_json(&mut out, rows.iter());
            let event = Event::default()
                .event("faults")
                .id(format!("{run}:{}", last.id));
            return Some(event.data(String::from_utf8_lossy(&out)));
        }
        let summary = self.shared.summary();
        if summary == self.told {
            return None;
        }
        self.told = Arc::clone(&summary);
        Some(Event::default().event("live").data(summary))
    }
}
