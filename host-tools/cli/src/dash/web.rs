//! The page: one static document, and a stream of what happens. For browsers on this machine only.
//!
//! Names that a board tells reach the page as text; whoever asks under another host's name, or
//! from another site's page, gets nothing.

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

/// How often a page is told what is new.
const TICK: Duration = Duration::from_millis(200);
/// Pages that are told what is new at a time; the others are told to come again.
const LISTENERS: usize = 32;
/// Rows in one message, and what a page that comes anew gets at most.
const ROWS: usize = 2000;
const PAGE: &str = include_str!("../../web/page.html");
const SCRIPT: &str = include_str!("../../web/page.js");
const STYLE: &str = include_str!("../../web/page.css");
/// Nothing from anywhere else, and nothing that stands in the document itself, is run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the handlers share.
#[derive(Clone)]
struct WebState {
    live: Arc<Mutex<Live>>,
    /// Another one for each run: a page that stays open tells by it that rows begin anew.
    run: u64,
    port: u16,
    /// Pages that are told what is new.
    listeners: ListenerSlots,
    /// The summary that all of them get, and when it was made.
    told: Arc<Mutex<Option<Told>>>,
}

/// When a summary was made, and what it says.
type Told = (Instant, Arc<str>);

impl WebState {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// What all pages are told, made once for all of them in a while.
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

/// Serves until Ctrl-C.
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
            // A page that stands still must not look like a board that is silent.
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

/// Ctrl-C, TERM, or HUP when the terminal goes.
async fn asked_to_end() {
    let stop = crate::ending::watch();
    while !stop.load(Ordering::Relaxed) {
        sleep(TICK).await;
    }
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Who asks must mean this machine by a name of this machine, and must not be another site's page.
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
    // Of two hosts, one may be what another program between the browser and us went by.
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
    // Writing into memory does not fail.
    let _ = view::live::json(&mut out, live);
    String::from_utf8_lossy(&out).into_owned()
}

async fn live_json(State(shared): State<WebState>) -> Response {
    let json = summary(&shared.live());
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Where a page's stream stands.
struct Stand {
    shared: WebState,
    /// The next row's number.
    next: u64,
    /// What was told last of all but the rows.
    told: Arc<str>,
    is_first: bool,
    /// Free for another page when the stream ends.
    _listener: ListenerSlot,
}

/// Rows from the one after `Last-Event-ID` on, or the last few thousand; and whenever anything
/// has changed, all the rest.
async fn events(State(shared): State<WebState>, headers: HeaderMap) -> Response {
    let Some(listener) = shared.listeners.take(LISTENERS) else {
        let why = "as many pages as can be told what is new are open already; close one\n";
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
    // By a comment now and then it is noticed that nobody is there any more.
    Sse::new(told)
        .keep_alive(KeepAlive::default())
        .into_response()
}

impl Stand {
    /// What is to be told next, if anything.
    fn event(&mut self) -> Option<Event> {
        let run = self.shared.run;
        // The page forgets what it had of another run.
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
