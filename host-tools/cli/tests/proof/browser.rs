//! A headless browser, controlled over its debugging pipe.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::{path, tool};

const PATIENCE: Duration = Duration::from_secs(150);

/// A browser with one page.
pub struct Browser {
    process: Child,
    to: File,
    from: BufReader<File>,
    session: String,
    next: u64,
    _folder: TempDir,
}

impl Browser {
    /// Starts it, its window of a size, at an address.
    #[track_caller]
    pub fn open(address: &str, width: u32, height: u32) -> Browser {
        let folder = tempfile::tempdir().expect("a folder");
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        tool("mkfifo", &[path(&to), path(&from)], b"");
        // Its ends of the pipes are its descriptors 3 and 4.
        let script = "exec chromium --headless --no-sandbox --disable-gpu --no-first-run \
                      --user-data-dir=\"$2\" --window-size=\"$3\" --remote-debugging-pipe \
                      about:blank 3<\"$0\" 4>\"$1\"";
        let process = Command::new("sh")
            .args(["-c", script, path(&to), path(&from)])
            .arg(folder.path().join("profile"))
            .arg(format!("{width},{height}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh");
        let to = File::options().write(true).open(&to).expect("a pipe");
        let from = BufReader::new(File::open(&from).expect("a pipe"));
        let mut browser = Browser {
            process,
            to,
            from,
            session: String::new(),
            next: 0,
            _folder: folder,
        };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}));
        let id = &target["targetId"];
        let attached = browser.ask(
            "Target.attachToTarget",
            json!({"targetId": id, "flatten": true}),
        );
        browser.session = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        browser.ask("Page.navigate", json!({"url": address}));
        browser.until("document.readyState === 'complete' && location.href !== 'about:blank'");
        browser
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser listens");
        loop {
            let mut said = Vec::new();
            self.from
                .read_until(0, &mut said)
                .expect("the browser speaks");
            assert_eq!(
                said.pop(),
                Some(0),
                "the browser has gone; run `./setup --tests`"
            );
            let said: Value = serde_json::from_slice(&said).expect("JSON");
            if said["id"] == json!(id) {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    /// What an expression is on the page.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression,
            "returnByValue": true,
            "awaitPromise": true,
        });
        let result = self.ask("Runtime.evaluate", asked);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true on the page.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.eval(expression) != json!(true) {
            assert!(Instant::now() < deadline, "{expression}: {}", self.text());
        }
    }

    /// Gives the page another size, and a dark or a light scheme.
    #[track_caller]
    pub fn resize(&mut self, width: u32, height: u32, is_dark: bool) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.ask("Emulation.setEmulatedMedia", features);
    }

    /// All text of the page.
    #[track_caller]
    pub fn text(&mut self) -> String {
        let text = self.eval("document.body ? document.body.innerText : ''");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Keeps a picture of the page as PNG.
    #[track_caller]
    pub fn picture(&mut self, to: &Path) {
        let shot = self.ask("Page.captureScreenshot", json!({"format": "png"}));
        let data = shot["data"].as_str().expect("a picture");
        let encoded = self._folder.path().join("picture");
        std::fs::write(&encoded, data).expect("a file");
        let bytes = tool("base64", &["-d", path(&encoded)], b"");
        std::fs::write(to, bytes).expect("a file");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
