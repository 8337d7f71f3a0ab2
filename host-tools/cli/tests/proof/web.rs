//! The dashboard's page in a real browser: what it counts, filters, and how it comes back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::board::{PROMPT, SocketBoard};
use crate::browser::Browser;
use crate::tools::path;

/// A server of the page.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    #[track_caller]
    fn from(spec: &str, port: &str) -> Served {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["dash", spec, "--web", "--port", port])
            .stdout(Stdio::piped())
            .spawn()
            .expect("pagewalk starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout was piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (_, address) = line.trim().split_once(": http").expect("an address");
        Served {
            process,
            address: format!("http{address}"),
        }
    }

    fn host(&self) -> &str {
        let host = self.address.strip_prefix("http://").expect("http");
        host.trim_end_matches('/')
    }

    /// The first line of the answer to a request with these headers.
    #[track_caller]
    fn status(&self, headers: &str) -> String {
        let port = self.host().rsplit(':').next().expect("a port");
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("the server");
        let request = format!("GET / HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // As Ctrl-C would end it: the session with the board ends.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}

/// Pictures are kept for inspection.
fn pictures() -> PathBuf {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/pictures"
    ));
    std::fs::create_dir_all(&folder).expect("target/ can be written");
    folder
}

const STORES: &str = "[...document.querySelectorAll('#faults tr')]\
    .filter((row) => row.cells[4].textContent.startsWith('0x20000')).map((row) => row.cells[4].textContent)";

#[test]
fn the_page_counts_filters_pauses_and_comes_back() {
    let board = SocketBoard::boot(&[]);
    let served = Served::from(&format!("unix:{}", path(&board.line())), "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until("document.getElementById('board').textContent === 'qemu-virt (rv64)'");
    page.until("document.querySelectorAll('#tasks tr').length === 1");
    page.until("document.querySelectorAll('#spaces svg rect').length > 5");
    let before = page.eval("Number(document.getElementById('shown').textContent)");
    drop(page);
    drop(served);

    // Forty faults, once and in order.
    let port = "0";
    board.terminal().run("touch_test 40");
    let served = Served::from(&format!("unix:{}", path(&board.line())), port);
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until(&format!(
        "Number(document.getElementById('shown').textContent) >= {before} + 40"
    ));
    page.until(&format!("{STORES}.length === 40"));
    let stores = page.eval(STORES);
    let wanted: Vec<String> = (0..40)
        .rev()
        .map(|it| format!("{:#x}", 0x20_0000_0000_u64 + it * 4096))
        .collect();
    assert_eq!(stores, serde_json::json!(wanted));
    assert_eq!(
        page.eval("document.getElementById('lost').textContent"),
        "0"
    );

    // A filter shows what it says, and nothing else.
    page.eval("(() => { const it = document.getElementById('filter'); it.value = '0x2000003000'; it.dispatchEvent(new Event('input')); })()");
    page.until("document.querySelectorAll('#faults tr').length === 1");
    page.eval("(() => { const it = document.getElementById('filter'); it.value = ''; it.dispatchEvent(new Event('input')); })()");
    page.until(&format!("{STORES}.length === 40"));

    // Paused it stands still; what came meanwhile is there afterwards.
    page.eval("document.getElementById('pause').click()");
    assert_eq!(
        page.eval("document.getElementById('state').textContent"),
        "paused"
    );
    page.eval("document.getElementById('pause').click()");
    page.until("document.getElementById('state').textContent === 'live'");
    page.picture(&pictures().join("page.png"));

    // A page whose connection broke goes on behind the last row it had.
    let run = page.eval(
        "fetch('/events').then((it) => it.body.getReader().read())\
        .then(({value}) => new TextDecoder().decode(value))",
    );
    let run = run
        .as_str()
        .and_then(|it| it.split("data: ").nth(1))
        .unwrap_or_default();
    let run = run.split_whitespace().next().expect("the run's number");
    let resumed = page.eval(&format!(
        "fetch('/events', {{headers: {{'Last-Event-ID': '{run}:10'}}}}).then((it) => it.body.getReader().read())\
        .then(({{value}}) => new TextDecoder().decode(value))"
    ));
    let resumed = resumed.as_str().expect("an event");
    assert!(resumed.contains("event: faults"), "{resumed}");
    assert!(resumed.contains("[{\"id\":11,"), "{resumed}");

    // The server goes and comes back at the same place: the page finds it, and starts again.
    let port = served.host().rsplit(':').next().expect("a port").to_owned();
    drop(served);
    page.until("document.getElementById('state').textContent.startsWith('no connection')");
    let served = Served::from(&format!("unix:{}", path(&board.line())), &port);
    page.until("document.getElementById('state').textContent === 'live'");
    page.until(&format!("{STORES}.length === 40"));
    page.until("document.getElementById('matching').textContent.includes(document.getElementById('shown').textContent)");

    // Names are shown and never run.
    drop((page, served));
    let mut terminal = board.terminal();
    terminal.send(b"spin forever <img/src=x/onerror=document.title='run'> &\r");
    terminal.expect(PROMPT);
    drop(terminal);
    let served = Served::from(&format!("unix:{}", path(&board.line())), "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until("document.getElementById('tasks').textContent.includes('<img/src=x')");
    assert_eq!(page.eval("document.querySelectorAll('img').length"), 0);
    assert_eq!(page.eval("document.title"), "Pagewalk");
}

#[test]
fn only_this_machine_by_its_own_name_is_answered() {
    let board = SocketBoard::boot(&[]);
    let served = Served::from(&format!("unix:{}", path(&board.line())), "0");
    let host = served.host().to_owned();
    let status = |headers: String| served.status(&headers);
    assert!(status(format!("Host: {host}\r\n")).contains("200"));
    let own = format!("Host: {host}\r\nOrigin: http://{host}\r\n");
    assert!(status(own).contains("200"));
    for refused in [
        "Host: evil.example\r\n".to_owned(),
        format!("Host: {host}.evil.example\r\n"),
        format!("Host: {host}\r\nOrigin: http://evil.example\r\n"),
        format!("Host: {host}\r\nOrigin: null\r\n"),
        format!("Host: {host}\r\nOrigin: https://{host}\r\n"),
    ] {
        assert!(status(refused.clone()).contains("403"), "{refused}");
    }
    let port = host.rsplit(':').next().expect("a port");
    let elsewhere = format!("0.0.0.0:{port}");
    let bound = std::net::TcpListener::bind(("127.0.0.2", port.parse().expect("a port")));
    assert!(bound.is_ok(), "only 127.0.0.1 is taken, not {elsewhere}");
}
