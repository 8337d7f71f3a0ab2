//! The web page: static files, answers in JSON, and a stream of events.
//!
//! ```text
//! board ─► event_source ─► Live (one a board) ◄── /span.json /rows.json /fault.json /live.json
//!                                            ◄── /events: a summary when it changes
//!                                            ◄── /note: a note of a person, kept in the recording
//! ```
//! The page keeps no faults: it asks for what is selected. Names from a board are inserted as text. Requests
//! with another host name, or from another site's page, are rejected.

mod assets;
mod events;
mod guard;
mod note;
mod queries;
mod state;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, bail};
use axum::routing::{get, post};
use axum::{middleware, serve as serve_http};
use link::recording::NoteKeeper;
use model::live::Update;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::connections::{Door, ListenerSlots};
use super::event_source::notice;
use crate::symbols::Programs;
use state::{TICK, WebBoard, WebState};

/// Where the page is served, and the programs whose symbols it shows.
pub struct PageOptions {
    /// Port on this machine; 0 selects a free one.
    pub port: u16,
    /// Address for other machines; `None` for this machine alone.
    pub listen: Option<IpAddr>,
    /// Programs of `--elf`.
    pub programs: Programs,
}

/// A board of the page: where its updates come from, and where notes about it go.
pub struct BoardFeed {
    /// The line or recording, as the command line named it.
    pub name: String,
    /// What it says.
    pub updates: Receiver<Update>,
    /// Keeps notes; `None` where nothing is recorded.
    pub notes: Option<NoteKeeper>,
}

/// Serves the page, its answers and its event streams until Ctrl-C.
pub fn serve(mut boards: Vec<BoardFeed>, options: PageOptions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let names: Vec<String> = boards.iter().map(|it| it.name.clone()).collect();
    runtime.block_on(async {
        let at = options.listen.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let asked = SocketAddr::new(at, options.port);
        let listener = TcpListener::bind(asked).await;
        let listener = listener.with_context(|| match options.listen {
            None => format!("port {}", options.port),
            Some(_) => asked.to_string(),
        })?;
        let port = listener.local_addr()?.port();
        let token = options.listen.map(|_| token()).transpose()?;
        let shared = WebState {
            boards: (boards.iter_mut())
                .map(|it| WebBoard::new(&it.name, it.notes.take()))
                .collect(),
            run: link::session::seed().into(),
            hosts: hosts(options.listen, port).into(),
            token: token.as_deref().map(Into::into),
            listeners: ListenerSlots::default(),
            programs: Arc::new(Mutex::new(options.programs)),
        };
        for (feed, board) in boards.into_iter().zip(shared.boards.iter()) {
            let board = board.clone();
            thread::spawn(move || apply(&feed.name, &feed.updates, &board));
        }
        let host = match options.listen {
            None => "localhost".to_owned(),
            Some(IpAddr::V6(it)) => format!("[{it}]"),
            Some(it) => it.to_string(),
        };
        let rest = token.map_or_else(String::new, |token| format!("?token={token}"));
        crate::output::answer(|out| {
            writeln!(out, "{}: http://{host}:{port}/{rest}", names.join(", "))
        })?;
        let app = assets::routes()
            .route("/live.json", get(queries::live_json))
            .route("/boards.json", get(queries::boards_json))
            .route("/span.json", get(queries::span_json))
            .route("/rows.json", get(queries::rows_json))
            .route("/fault.json", get(queries::fault_json))
            .route("/note", post(note::note))
            .route("/events", get(events::events))
            .layer(middleware::from_fn_with_state(shared.clone(), guard::guard))
            .with_state(shared.clone());
        // Whichever ends first.
        tokio::select! {
            served = serve_http(Door::new(listener), app) => served?,
            () = asked_to_end() => {}
        }
        shared
            .boards
            .iter()
            .try_for_each(|board| super::end(&board.live()))
    })
}

/// Takes in what one board says, until its line ends.
fn apply(line: &str, updates: &Receiver<Update>, board: &WebBoard) {
    let take = || {
        for update in updates {
            if let Some(what) = notice(&update) {
                eprintln!("note: {line}: {what}");
            }
            board.live().apply(update);
        }
    };
    // A page whose source panicked must not look like a silent board.
    if catch_unwind(AssertUnwindSafe(take)).is_err() {
        let what = "what the board sent could not be applied, which is a bug of pagewalk";
        board.live().apply(Update::Ended(Some(what.to_owned())));
    }
}

/// Completes on Ctrl-C, TERM, or HUP when the terminal closes.
async fn asked_to_end() {
    let stop = crate::ending::watch();
    while !stop.load(Ordering::Relaxed) {
        sleep(TICK).await;
    }
}

/// What a Host header may hold. An address of all interfaces is none that a browser would name; which name
/// it uses instead is not known here.
fn hosts(listen: Option<IpAddr>, port: u16) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"]
        .map(|host| format!("{host}:{port}"))
        .into();
    hosts.extend(listen.map(|it| SocketAddr::new(it, port).to_string()));
    hosts
}

/// 128 random bits from the operating system, in hexadecimal.
fn token() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    let mut source = std::fs::File::open("/dev/urandom").context("/dev/urandom")?;
    std::io::Read::read_exact(&mut source, &mut bytes).context("/dev/urandom")?;
    if bytes == [0; 16] {
        bail!("/dev/urandom gives zeros alone: no token");
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
