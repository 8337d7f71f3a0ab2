//! The dashboard's page under load: a million faults of a recording, opened and looked at.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::export::recording;
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, scratch};

const FAULTS: u64 = 1_000_000;

/// From the start of the program until every fault of a recording can be asked for, beside a checksum of the same
/// bytes; the faults that this is in a second; the most memory it had, also while it was looked at; and a look at
/// the whole run, beside one at a thousandth of it.
pub fn open() -> Vec<FigureRow> {
    let folder = scratch();
    let path = folder.path().join("run.pwlog");
    let line = recording(&path, FAULTS);
    let name = path.to_str().expect("paths of the build are UTF-8");

    let start = Instant::now();
    let sum = crc32fast::hash(&line);
    let peer = start.elapsed().as_secs_f64();
    assert_ne!(sum, 0);

    let start = Instant::now();
    let page = Page::of(&format!("{name}@max"));
    page.until_ended();
    let open = start.elapsed().as_secs_f64();
    let look = |query: &str| {
        let mut times: Vec<f64> = (0..9)
            .map(|_| {
                let start = Instant::now();
                let answer = page.get(query);
                assert!(answer.contains("\"schema\""), "{answer:.200}");
                start.elapsed().as_secs_f64()
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[4] * 1e3
    };
    let whole = look("/span.json");
    let part = look("/span.json?last=1000000");
    let memory = page.peak_mib();

    let row = |name, value, unit, better, aim, peer: (&str, f64)| FigureRow {
        name,
        value,
        unit,
        better,
        limit: None,
        aim: Some(aim),
        peer: Some(PeerFigure {
            name: peer.0.to_owned(),
            value: peer.1,
        }),
    };
    let crc = "CRC-32 of the line's bytes";
    vec![
        row("log.open_1m_s", open, "s", Better::Lower, 1.0, (crc, peer)),
        row(
            "dash.events_per_s",
            FAULTS as f64 / open,
            "faults/s",
            Better::Higher,
            20_000.0,
            ("a line of 2 Mbaud", 17_000.0),
        ),
        row(
            "dash.span_ms",
            whole,
            "ms",
            Better::Lower,
            33.0,
            ("one second of it", part),
        ),
        FigureRow {
            peer: Some(PeerFigure {
                name: "its rows, 64 bytes each".to_owned(),
                value: 64.0,
            }),
            ..FigureRow::count("dash.rss_mib_1m", memory, "MiB", 150.0)
        },
    ]
}

/// The program as it serves its page.
struct Page {
    program: Child,
    address: String,
}

impl Page {
    fn of(spec: &str) -> Page {
        let mut program = Command::new(PAGEWALK)
            .args(["dash", spec, "--web", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("pagewalk starts");
        let said = program.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("a line");
        let (_, address) = line.split_once("http://").expect("an address");
        Page {
            program,
            address: address.trim_end_matches(['/', '\n']).to_owned(),
        }
    }

    /// The body of an answer.
    fn get(&self, path: &str) -> String {
        let mut line = TcpStream::connect(&self.address).expect("the page is served");
        let host = &self.address;
        write!(
            line,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .expect("a request");
        let mut answer = String::new();
        line.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Waits until the recording is read, and asserts that nothing of it is missing.
    fn until_ended(&self) {
        loop {
            let answer = self.get("/live.json");
            if answer.contains("\"ended\": true") {
                let all = format!("\"shown\": {FAULTS},");
                assert!(answer.contains(&all), "{answer:.400}");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The most memory that it had so far: proc(5), `VmHWM`.
    fn peak_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.program.id());
        let status = fs::read_to_string(path).expect("a running process");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let digits = line.expect("its peak").split_whitespace().nth(1);
        let kib: f64 = digits.and_then(|it| it.parse().ok()).expect("a number");
        kib / 1024.0
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
