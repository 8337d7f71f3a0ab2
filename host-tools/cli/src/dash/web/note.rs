//! Notes of a person, kept in the recording that is shown or written.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::state::WebState;
use crate::dash::notes;

/// A note as the page sends it.
#[derive(Deserialize)]
pub struct PostedNote {
    /// The board's place on the command line, from 0.
    board: usize,
    /// Position on the session axis, in microseconds.
    at_us: u64,
    /// One line.
    text: String,
}

/// Keeps a note; the answer names the recording. Without one, or if it cannot be written, the answer says why, and the
/// page keeps the note in its link.
pub async fn note(State(shared): State<WebState>, Json(posted): Json<PostedNote>) -> Response {
    let refuse = |status: StatusCode, why: String| (status, format!("{why}\n")).into_response();
    let Some(board) = shared.boards.get(posted.board) else {
        let why = format!(
            "no board {}; there are {}",
            posted.board,
            shared.boards.len()
        );
        return refuse(StatusCode::NOT_FOUND, why);
    };
    if posted.text.trim().is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "the note is empty".to_owned());
    }
    let mut live = board.live();
    let note = notes::note(&live, posted.at_us, &posted.text);
    let kept = match notes::keep(&live, board.notes.as_deref(), &note) {
        Ok(path) => path.display().to_string(),
        Err(why) => return refuse(StatusCode::CONFLICT, why),
    };
    live.apply(notes::update(note));
    drop(live);
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = view::json::JsonObject::begin(&mut out, "pagewalk.note/1").and_then(|mut object| {
        object.member("kept", kept)?;
        object.end()
    });
    ([(header::CONTENT_TYPE, "application/json")], out).into_response()
}
