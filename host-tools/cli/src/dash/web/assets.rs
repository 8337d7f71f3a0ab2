//! The files of the page, as they lie in the program.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::state::WebState;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type and text of a file.
type Asset = (&'static str, &'static str, &'static str);

/// A file of `web/` under its name.
macro_rules! web {
    ($name:literal, $kind:expr) => {
        (
            concat!("/", $name),
            $kind,
            include_str!(concat!("../../../web/", $name)),
        )
    };
}

/// Every file of the page. A new module of it is a row here.
const ASSETS: [Asset; 16] = [
    ("/", HTML, include_str!("../../../web/page.html")),
    web!("page.css", CSS),
    web!("boards.js", SCRIPT),
    web!("chart.js", SCRIPT),
    web!("compare.js", SCRIPT),
    web!("cost.js", SCRIPT),
    web!("dom.js", SCRIPT),
    web!("export.js", SCRIPT),
    web!("fault.js", SCRIPT),
    web!("heat.js", SCRIPT),
    web!("main.js", SCRIPT),
    web!("memory.js", SCRIPT),
    web!("rows.js", SCRIPT),
    web!("selection.js", SCRIPT),
    web!("spaces.js", SCRIPT),
    web!("tasks.js", SCRIPT),
];

/// Routes of all files.
pub fn routes() -> Router<WebState> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        let (path, kind, text) = *asset;
        router.route(path, get(move || serve(kind, text)))
    })
}

async fn serve(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
