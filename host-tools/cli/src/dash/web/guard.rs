//! Who is answered: this machine's browsers by its own name, or a browser that has the token.

use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::state::WebState;

/// Content security policy: no resources from elsewhere, no inline scripts. The chart library sets sizes
/// through the object model, which this permits; pictures of charts are `blob:` and `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Name of the cookie that carries the token after the first request.
const COOKIE: &str = "pagewalk-token";

/// Rejects requests that do not name this machine, or that another site's page makes, or that lack the token.
pub async fn guard(State(shared): State<WebState>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let all = |name: HeaderName| {
        let values = headers.get_all(name);
        values
            .iter()
            .map(|it| it.to_str().unwrap_or(""))
            .collect::<Vec<_>>()
    };
    let is_ours = |host: &str| shared.hosts.iter().any(|it| it == host);
    // Of two Host headers, one may be the one that a proxy in between has used.
    let hosts = all(header::HOST);
    let is_host = hosts.len() == 1 && hosts.iter().all(|it| is_ours(it));
    let authority = request.uri().authority();
    let is_target = authority.is_none_or(|it| is_ours(it.as_str()));
    let origins = all(header::ORIGIN);
    let from_us = |origin: &str| origin.strip_prefix("http://").is_some_and(is_ours);
    let is_origin = origins.len() <= 1 && origins.iter().all(|it| from_us(it));
    if !is_host || !is_target || !is_origin {
        let why = "this page is for http://localhost of the machine it runs on, or for the address of --listen\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let mut cookie = None;
    if let Some(token) = &shared.token {
        let query = request.uri().query().unwrap_or("");
        let in_query = query.split('&').any(|it| {
            it.strip_prefix("token=")
                .is_some_and(|it| is_same(it, token))
        });
        let wanted = format!("{COOKIE}={token}");
        let cookies = all(header::COOKIE);
        let in_cookie = cookies
            .iter()
            .flat_map(|it| it.split(';'))
            .any(|it| is_same(it.trim(), &wanted));
        if !in_query && !in_cookie {
            let why = "this page needs the token that `pagewalk dash` printed: open the address as it stands there\n";
            return (StatusCode::UNAUTHORIZED, why).into_response();
        }
        cookie = in_query.then(|| format!("{wanted}; HttpOnly; SameSite=Strict; Path=/"));
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
    if let Some(cookie) = cookie.and_then(|it| header::HeaderValue::from_str(&it).ok()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Compares without ending at the first difference, so that the time shows nothing of the token.
fn is_same(given: &str, wanted: &str) -> bool {
    let differ = given
        .bytes()
        .zip(wanted.bytes())
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == wanted.len() && differ == 0
}
