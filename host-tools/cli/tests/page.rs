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
}

impl Page {
    fn open() -> Page {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["dash", "run.pwlog@max", "--web", "--port", "0"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("pagewalk starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout was piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (_, rest) = line.split_once("localhost:").expect("an address");
        let port = rest.trim().trim_end_matches('/').parse().expect("a port");
        Page { process, port }
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
