//! The dashboard's page and those who mean no good: who does not read, who says nothing, who says two things.
#![cfg(feature = "web")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long an answer is waited for: a bound for what never comes, no measure of speed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A page of a recording.
struct Page {
    process: Child,
    port: u16,
    /// Of a page for other machines.
    token: Option<String>,
}

impl Page {
    fn open() -> Page {
        Page::with(&[])
    }

    fn with(options: &[&str]) -> Page {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["dash", "run.pwlog@max", "--web", "--port", "0"])
            .args(options)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("pagewalk starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout was piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (_, rest) = line.split_once("://").expect("an address");
        let (host, rest) = rest.trim().split_once('/').expect("a path");
        let port = host.rsplit(':').next().unwrap_or_default();
        Page {
            process,
            port: port.parse().expect("a port"),
            token: rest.strip_prefix("?token=").map(str::to_owned),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        stream
    }

    /// Asks, and leaves the answer where it is.
    fn ask(&self, request: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("a request");
        stream
    }

    /// The first line of the answer, and all of it.
    fn answer(&self, path: &str, headers: &str) -> (String, String) {
        let request = format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        let mut answer = String::new();
        let mut stream = self.ask(&request);
        stream.read_to_string(&mut answer).expect("an answer");
        (answer.lines().next().unwrap_or_default().to_owned(), answer)
    }

    fn host(&self) -> String {
        format!("Host: localhost:{}\r\n", self.port)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two hundred who ask for everything that is new and read nothing of it, as many who never ask, and some who never
/// end their question.
#[test]
fn listeners_that_do_not_read_do_not_starve_the_others() {
    let page = Page::open();
    let events = format!("GET /events HTTP/1.1\r\n{}\r\n", page.host());
    let deaf: Vec<TcpStream> = (0..200).map(|_| page.ask(&events)).collect();
    let silent: Vec<TcpStream> = (0..100).map(|_| page.connect()).collect();
    let endless: Vec<TcpStream> = (0..100)
        .map(|_| page.ask("GET /live.json HTTP/1.1\r\nHost: "))
        .collect();
    for _ in 0..50 {
        let (first, answer) = page.answer("/live.json", &page.host());
        assert!(first.contains("200"), "{first}");
        assert!(answer.contains("\"pagewalk.live/"), "{answer}");
    }
    // So many connections get what is new; the others get an error that there are too many, and end.
    let (mut told, mut refused) = (0, 0);
    for mut stream in deaf {
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("an answer");
        match &first {
            b"HTTP/1.1 200" => told += 1,
            b"HTTP/1.1 503" => {
                refused += 1;
                let mut rest = String::new();
                stream.read_to_string(&mut rest).expect("an end");
                assert!(rest.contains("close one"), "{rest}");
            }
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    }
    assert_eq!((told, refused), (32, 168));
    drop((silent, endless));
    // When they have gone, there is room again.
    loop {
        let mut stream = page.ask(&events);
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("an answer");
        if &first == b"HTTP/1.1 200" {
            break;
        }
    }
}

#[test]
fn who_names_two_hosts_is_refused() {
    let page = Page::open();
    let (own, port) = (page.host(), page.port);
    let status = |path: &str, headers: &str| page.answer(path, headers).0;
    assert!(status("/live.json", &own).contains("200"));
    for headers in [
        format!("{own}{own}"),
        format!("{own}Host: evil.example\r\n"),
        format!("Host: evil.example\r\n{own}"),
        format!("{own}Origin: http://localhost:{port}\r\nOrigin: http://evil.example\r\n"),
        format!("Host: localhost:{port}, evil.example\r\n"),
        String::new(),
    ] {
        let first = status("/live.json", &headers);
        assert!(
            first.contains("403") || first.contains("400"),
            "{headers}: {first}"
        );
    }
    let first = status("http://evil.example/live.json", &own);
    assert!(first.contains("403"), "{first}");
}

#[test]
fn a_page_for_other_machines_answers_only_who_has_the_token() {
    let page = Page::with(&["--listen", "127.0.0.1"]);
    let token = page.token.clone().expect("a token");
    assert_eq!(token.len(), 32);
    let own = page.host();
    let wrong = "0".repeat(32);
    for (path, headers) in [
        ("/", own.clone()),
        ("/live.json", own.clone()),
        (&format!("/?token={wrong}")[..], own.clone()),
        ("/?token=", own.clone()),
        ("/", format!("{own}Cookie: pagewalk-token={wrong}\r\n")),
    ] {
        let (first, answer) = page.answer(path, &headers);
        assert!(
            first.contains("401") && answer.contains("needs the token"),
            "{path}: {first}"
        );
    }
    let (first, answer) = page.answer(&format!("/?token={token}"), &own);
    assert!(first.contains("200"), "{first}");
    // From then on the browser has it, and no script of a page can read it.
    let cookie = answer
        .lines()
        .find(|it| it.starts_with("set-cookie:"))
        .expect("a cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let headers = format!("{own}Cookie: other=1; pagewalk-token={token}\r\n");
    assert!(page.answer("/live.json", &headers).0.contains("200"));
    // The token is no way round the other rules.
    let evil = format!("Host: evil.example\r\nCookie: pagewalk-token={token}\r\n");
    assert!(page.answer("/live.json", &evil).0.contains("403"));
}

#[test]
fn a_wrong_question_is_answered_with_what_could_be_asked() {
    let page = Page::open();
    for (path, status, wanted) in [
        (
            "/span.json?by=colour",
            "400",
            "by=colour: expected one of outcome, cause, task, hart",
        ),
        (
            "/span.json?filter=x:1",
            "400",
            "unknown filter key `x`; known keys: addr,",
        ),
        (
            "/span.json?from=soon",
            "400",
            "from=soon: expected a decimal number",
        ),
        (
            "/span.json?bins=-1",
            "400",
            "bins=-1: expected a decimal number",
        ),
        (
            "/rows.json?order=size",
            "400",
            "order=size: expected one of time, address, cost",
        ),
        ("/rows.json?board=7", "404", "no board 7; there are 1"),
        ("/fault.json", "400", "the number of a fault is missing"),
        ("/fault.json?id=9999999", "404", "fault 9999999 is not kept"),
        ("/events?board=7", "404", "no board 7"),
    ] {
        let (first, answer) = page.answer(path, &page.host());
        assert!(
            first.contains(status) && answer.contains(wanted),
            "{path}: {answer}"
        );
    }
    // Numbers at the end of their range are spans like others.
    let most = u64::MAX;
    for path in [
        format!("/span.json?from={most}&end=0"),
        format!("/span.json?from=0&end={most}&bins={most}&heat_rows={most}"),
        format!("/span.json?last={most}"),
        format!("/rows.json?offset={most}&limit={most}"),
    ] {
        let (first, answer) = page.answer(&path, &page.host());
        assert!(
            first.contains("200") && answer.contains("pagewalk."),
            "{path}: {first}"
        );
    }
}

/// Contrast of two colours (WCAG 2.2, "contrast ratio"), each as `#rrggbb`.
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let part = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits");
            let value = f64::from(value) / 255.0;
            match value <= 0.040_45 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    };
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

/// Text needs 4.5 to 1 (WCAG AA, 1.4.3); what is drawn in a colour that means something needs 3 to 1 (1.4.11).
#[test]
fn every_colour_can_be_told_from_the_paper_in_light_and_in_dark() {
    let css = include_str!("../web/page.css");
    let themes: Vec<&str> = css.split(":root {").skip(1).collect();
    assert_eq!(themes.len(), 2, "light and dark");
    for theme in themes {
        let (block, _) = theme.split_once('}').expect("an end");
        let colours: Vec<(&str, &str)> = block
            .split(';')
            .filter_map(|it| it.trim().split_once(": "))
            .filter(|(_, value)| value.starts_with('#'))
            .collect();
        let of = |name: &str| {
            let found = colours.iter().find(|(it, _)| *it == name);
            found.unwrap_or_else(|| panic!("no {name}")).1
        };
        let mut checked = 0;
        for (name, value) in &colours {
            let least = match *name {
                "--paper" | "--panel" | "--line" => continue,
                "--ink" | "--dim" | "--bad" | "--link" => 4.5,
                _ => 3.0,
            };
            for ground in ["--paper", "--panel"] {
                let found = contrast(value, of(ground));
                assert!(found >= least, "{name} on {ground}: {found:.2}");
                checked += 1;
            }
        }
        assert_eq!(checked, 2 * 18);
    }
}
