//! QEMU's own monitor, and its own gdb stub: witnesses of what the machine holds.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(150);

/// QEMU's monitor.
pub struct Monitor(UnixStream);

impl Monitor {
    /// Waits for it to be there.
    #[track_caller]
    pub fn connect(at: &Path) -> Monitor {
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(at) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => panic!("{}: {error}", at.display()),
                Err(_) => std::thread::yield_now(),
            }
        };
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket takes a deadline");
        let mut monitor = Monitor(stream);
        monitor.until("(qemu) ");
        monitor
    }

    #[track_caller]
    fn until(&mut self, end: &str) -> String {
        let (mut said, mut piece) = (String::new(), [0; 4096]);
        while !said.ends_with(end) {
            let count = self.0.read(&mut piece).expect("QEMU's monitor");
            assert!(count > 0, "{said}");
            said += &String::from_utf8_lossy(&piece[..count]);
        }
        said
    }

    /// What a command answers, without its echo.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        writeln!(self.0, "{command}").expect("QEMU's monitor");
        let said = self.until("(qemu) ");
        let (_, answer) = said.split_once('\n').expect("an echo");
        answer.trim_end_matches("(qemu) ").to_owned()
    }

    /// The machine is as it was before it was read.
    #[track_caller]
    pub fn must_run(&mut self) {
        let status = self.ask("info status");
        assert!(status.contains("running"), "{status}");
    }

    /// `HOST:PORT` of the gdb stub.
    #[track_caller]
    pub fn stub(&mut self) -> String {
        let devices = self.ask("info chardev");
        let stub = devices.lines().find(|line| line.starts_with("stub:"));
        let (_, address) = stub
            .and_then(|line| line.split_once("tcp:"))
            .expect("a stub");
        address.split(',').next().expect("an address").to_owned()
    }
}

/// What has QEMU open a stub and a monitor in a folder.
pub fn with_stub(folder: &Path) -> ([String; 6], PathBuf) {
    let monitor = folder.join("monitor");
    let arguments = [
        "-chardev".into(),
        "socket,id=stub,host=127.0.0.1,port=0,server=on,wait=off,nodelay=on".into(),
        "-gdb".into(),
        "chardev:stub".into(),
        "-monitor".into(),
        format!("unix:{},server=on,wait=off", monitor.display()),
    ];
    (arguments, monitor)
}
