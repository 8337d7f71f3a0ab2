//! Metrics of a farm as Prometheus text, on a port.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use abi::Cause;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Time for a request to arrive, and for the answer to leave.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest request in bytes.
const REQUEST: usize = 8 << 10;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfBoard {
    board: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCause {
    board: String,
    cause: String,
}

type BoardGauge = Family<OfBoard, Gauge<i64, AtomicI64>>;

/// What is counted.
pub struct FarmMetrics {
    registry: Mutex<Registry>,
    faults: Family<OfCause, Counter>,
    lost: BoardGauge,
    boots: BoardGauge,
    up: BoardGauge,
    bytes: BoardGauge,
    failed: Family<OfBoard, Counter>,
    parquet: Counter,
    all_faults: AtomicU64,
    lost_by_board: Mutex<std::collections::HashMap<String, u64>>,
}

impl Default for FarmMetrics {
    fn default() -> FarmMetrics {
        let metrics = FarmMetrics {
            registry: Mutex::default(),
            faults: Family::default(),
            lost: Family::default(),
            boots: Family::default(),
            up: Family::default(),
            bytes: Family::default(),
            failed: Family::default(),
            parquet: Counter::default(),
            all_faults: AtomicU64::new(0),
            lost_by_board: Mutex::default(),
        };
        let mut registry = Registry::with_prefix("pagewalk");
        registry.register("faults", "Page faults that arrived", metrics.faults.clone());
        registry.register(
            "faults_lost",
            "Page faults that never arrived",
            metrics.lost.clone(),
        );
        registry.register("boots", "Boots that were seen", metrics.boots.clone());
        registry.register("up", "Whether the line is there", metrics.up.clone());
        registry.register(
            "recording_bytes",
            "Size of the recording in bytes",
            metrics.bytes.clone(),
        );
        registry.register(
            "recording_errors",
            "Writes that failed",
            metrics.failed.clone(),
        );
        registry.register(
            "parquet_files",
            "Files of Parquet that were made",
            metrics.parquet.clone(),
        );
        metrics.replace(registry);
        metrics
    }
}

impl FarmMetrics {
    fn replace(&self, registry: Registry) {
        *self.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
    }

    /// A board is known, and nothing of it is.
    pub fn board(&self, board: &str) {
        for gauge in [&self.lost, &self.up, &self.bytes] {
            gauge.get_or_create(&of(board)).set(0);
        }
        // Created, so that it is shown as 0.
        drop(self.failed.get_or_create(&of(board)));
    }

    /// Whether the line is there.
    pub fn up(&self, board: &str, is_up: bool) {
        self.up.get_or_create(&of(board)).set(is_up.into());
    }

    /// A fault arrived.
    pub fn fault(&self, board: &str, cause: Cause) {
        self.all_faults.fetch_add(1, Ordering::Relaxed);
        let labels = OfCause {
            board: board.to_owned(),
            cause: cause.to_string(),
        };
        self.faults.get_or_create(&labels).inc();
    }

    /// Number of lost faults and of boots of a board.
    pub fn lost_of(&self, board: &str, lost: u64, boots: u32) {
        self.lost.get_or_create(&of(board)).set(lost.cast_signed());
        self.boots.get_or_create(&of(board)).set(boots.into());
        let mut all = self
            .lost_by_board
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(board) {
            Some(known) => *known = lost,
            None => drop(all.insert(board.to_owned(), lost)),
        }
    }

    /// Bytes of a recording, and whether the last write was successful.
    pub fn recorded(&self, board: &str, bytes: u64, is_ok: bool) {
        self.bytes
            .get_or_create(&of(board))
            .set(bytes.cast_signed());
        if !is_ok {
            self.failed.get_or_create(&of(board)).inc();
        }
    }

    /// Files of Parquet were made.
    pub fn parquet(&self, files: u64) {
        self.parquet.inc_by(files);
    }

    /// Files of Parquet so far.
    pub fn parquet_files(&self) -> u64 {
        self.parquet.get()
    }

    /// Faults of all boards.
    pub fn faults(&self) -> u64 {
        self.all_faults.load(Ordering::Relaxed)
    }

    /// Lost faults of all boards.
    pub fn lost(&self) -> u64 {
        let all = self
            .lost_by_board
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.values().sum()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

fn of(board: &str) -> OfBoard {
    OfBoard {
        board: board.to_owned(),
    }
}

/// Answers requests on a thread, one after the other.
pub fn serve(listener: TcpListener, metrics: Arc<FarmMetrics>) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is no matter of ours.
            let _ = answer(stream, &metrics);
        }
    });
}

fn answer(mut stream: TcpStream, metrics: &FarmMetrics) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => request.extend(&piece[..count]),
        }
    }
    let (status, kind, body) = if request.starts_with(b"GET /metrics ") {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ("200 OK", kind, metrics.text())
    } else {
        (
            "404 Not Found",
            "text/plain",
            "there is /metrics\n".to_owned(),
        )
    };
    let mut head = String::new();
    let _ = write!(
        head,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}
