//! The dashboard's page in a real browser: what it counts, filters, and how it comes back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
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
        Served::from_all(&[spec], port)
    }

    #[track_caller]
    fn from_all(specs: &[&str], port: &str) -> Served {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .arg("dash")
            .args(specs)
            .args(["--web", "--port", port])
            .current_dir(CAPTURES)
            .stdout(Stdio::piped())
            .spawn()
            .expect("pagewalk starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout was piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (_, address) = line.trim().rsplit_once(": http").expect("an address");
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

/// Where recordings are named without this machine's folders, which pictures would show.
const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");

/// Pictures are kept for inspection; `just pictures` takes some into the documentation.
fn pictures() -> PathBuf {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/pictures"
    ));
    std::fs::create_dir_all(&folder).expect("target/ can be written");
    folder
}

/// The addresses that the table has, from its first row to its last: it draws only those that are in sight.
const ADDRESSES: &str = "(async () => {\
    const [box, seen] = [document.getElementById('rows'), []];\
    const frame = () => new Promise(requestAnimationFrame);\
    for (box.scrollTop = 0; ; box.scrollTop += 220) {\
        const before = box.scrollTop;\
        const drawn = () => document.getElementById('before-rows').style.height === `${Math.floor(before / 22) * 22}px`;\
        while (!drawn()) await frame();\
        for (let rows = [{}]; !rows.every((row) => row.dataset?.id); rows = [...document.querySelectorAll('#faults tr')]) await frame();\
        for (const row of document.querySelectorAll('#faults tr')) {\
            if (!seen.some((it) => it.id === row.dataset.id)) seen.push({ id: row.dataset.id, address: row.cells[4].textContent });\
        }\
        if (before + box.clientHeight >= box.scrollHeight - 30) break;\
    }\
    box.scrollTop = 0;\
    return seen.sort((one, other) => other.id - one.id).map((it) => it.address);\
})()";

fn filter(page: &mut Browser, words: &str) {
    page.eval(&format!(
        "(() => {{ const it = document.getElementById('filter'); it.value = '{words}'; it.dispatchEvent(new Event('input')); }})()"
    ));
}

fn matching(count: &str) -> String {
    format!("document.getElementById('matching').textContent.startsWith('{count} faults')")
}

#[test]
fn the_page_counts_filters_pauses_and_comes_back() {
    let board = SocketBoard::boot(&[]);
    let served = Served::from(&format!("unix:{}", path(&board.line())), "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until("document.getElementById('board').textContent === 'qemu-virt (rv64)'");
    page.until("document.querySelectorAll('#tasks tr').length === 1");
    page.until("document.querySelectorAll('#spaces svg rect').length > 5");

    // Physical memory by owner is what the tables say; a task's working set is no more than what it has.
    page.until("document.querySelectorAll('#memory rect').length > 5");
    let owners = "fetch('/live.json').then((it) => it.json()).then((it) => it.tasks.map((task) => it.owned.filter((part) => part.pid === task.pid).reduce((sum, part) => sum + part.bytes, 0) > 0 && task.used > 0 && task.written <= task.used))";
    assert_eq!(page.eval(owners), serde_json::json!([true]));
    let before = page.eval("Number(document.getElementById('shown').textContent)");
    drop(page);
    drop(served);

    // Forty faults, once and in order.
    let port = "0";
    let said = board.terminal().run("touch_test 40");
    assert!(said.contains("40 pages"), "{said:?}");
    let served = Served::from(&format!("unix:{}", path(&board.line())), port);
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until(&format!(
        "Number(document.getElementById('shown').textContent) >= {before} + 40"
    ));
    filter(&mut page, "addr:0x2000000000-0x20000fffff cause:store");
    page.until(&matching("40"));
    let stores = page.eval(ADDRESSES);
    let wanted: Vec<String> = (0..40)
        .rev()
        .map(|it| format!("{:#x}", 0x20_0000_0000_u64 + it * 4096))
        .collect();
    assert_eq!(stores, serde_json::json!(wanted));
    assert_eq!(
        page.eval("document.getElementById('lost').textContent"),
        "0"
    );

    // A filter shows what it says, and nothing else; a wrong one says what is known.
    filter(&mut page, "0x2000003000");
    page.until(&matching("1"));
    filter(&mut page, "tsk:3");
    page.until("document.getElementById('filter-error').textContent.startsWith('unknown filter key `tsk`')");
    filter(&mut page, "");
    page.until("!document.getElementById('filter-error').textContent");

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
    page.until("document.getElementById('matching').textContent.startsWith(Number(document.getElementById('shown').textContent).toLocaleString('en-US') + ' faults')");
    filter(&mut page, "addr:0x2000000000-0x20000fffff cause:store");
    page.until(&matching("40"));

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

/// A drag over a chart, from one share of its width to another.
fn brush(page: &mut Browser, chart: &str, from: f64, to: f64) {
    page.eval(&format!(
        "(() => {{ const it = document.getElementById('{chart}'); const box = it.getBoundingClientRect();\
        const at = (kind, share) => it.dispatchEvent(new PointerEvent(kind, {{ clientX: box.left + share * box.width, clientY: box.top + 20, bubbles: true }}));\
        at('pointerdown', {from}); at('pointermove', {to}); at('pointerup', {to}); }})()"
    ));
}

#[test]
fn what_is_selected_is_what_every_part_of_the_page_shows() {
    let recording = "run.pwlog@max";
    let served = Served::from(recording, "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until("document.getElementById('state').textContent === 'the line has ended'");
    page.until(&matching("107"));
    // What the model counts, the page shows, group by group.
    let counted = "fetch('/span.json').then((it) => it.json()).then((it) => it.groups.map((group) => `${group.count} ${group.group}`))";
    let legend = "[...document.querySelectorAll('#causes button')].map((it) => it.textContent)";
    page.until("document.querySelectorAll('#causes button').length === 5");
    assert_eq!(page.eval(counted), page.eval(legend));
    assert_eq!(
        page.eval("document.querySelectorAll('#percentiles tr').length"),
        5
    );

    // The fault that killed is named, and opens with its walk and what shows the same elsewhere.
    page.until("document.getElementById('killed').textContent.includes('no region at 0x8')");
    page.eval("document.querySelector('#killed button').click()");
    page.until("document.getElementById('fault-body').textContent.includes('the task was ended')");
    page.until("document.querySelectorAll('#fault-body .stopped').length === 2");
    page.until("document.getElementById('fault-body').textContent.includes('pw walk 0x8')");
    page.picture(&pictures().join("fault.png"));
    page.eval("document.getElementById('close-fault').click()");
    page.until("document.getElementById('fault').hidden");

    // A drag over the whole run selects a span, and totals, legend and table follow.
    brush(&mut page, "overview", 0.75, 1.0);
    page.until("location.hash.includes('span=')");
    let passing = "fetch(`/span.json?${new URLSearchParams(Object.fromEntries([...location.hash.slice(1).matchAll(/span=(\\d+)-(\\d+)/g)].flatMap((it) => [['from', it[1]], ['end', it[2]]])))}`)\
        .then((it) => it.json()).then((it) => it.passing)";
    let selected = page.eval(passing).as_u64().expect("a count");
    assert!((1..107).contains(&selected), "{selected}");
    page.until(&matching(&selected.to_string()));

    // It is in the link, which shows the same to each reader.
    let link = page.eval("location.href");
    let mut other = Browser::open(link.as_str().expect("a link"), 1200, 1000);
    other.until(&matching(&selected.to_string()));

    // Two spans side by side: the one that was kept, and the whole.
    page.eval("document.getElementById('keep').click()");
    page.eval("document.querySelector('[data-span=all]').click()");
    page.until(&matching("107"));
    page.until(&format!(
        "[...document.querySelector('#compare-rows tr').cells].slice(0, 3).map((it) => it.textContent).join() === 'faults,{selected},107'"
    ));

    // Each row of the heat map says what kind of region it is.
    let regions = "fetch('/span.json').then((it) => it.json()).then((it) => it.heat.rows.map((row, at) => `${row} ${it.heat.regions[at]}`))";
    let regions = page.eval(regions).to_string();
    assert!(regions.contains("0x2000003000 mmap"), "{regions}");

    // A legend filters; the heat map goes down to one page.
    page.eval("[...document.querySelectorAll('#causes button')].find((it) => it.textContent.includes('zeroed')).click()");
    page.until(&matching("80"));
    filter(&mut page, "outcome:zeroed addr:0x2000003000");
    page.until(
        "document.getElementById('heat-text').textContent.startsWith('1 page; a row is 4 KiB')",
    );

    // Each chart as a drawing of its own, each table as text.
    let drawn = "import('/export.js').then((it) => ['rate', 'cost', 'heat'].map((name) => it.svgText(name)))";
    for chart in page.eval(drawn).as_array().expect("drawings") {
        let text = chart.as_str().expect("a drawing");
        assert!(text.starts_with("<svg") && text.contains("<rect"), "{text}");
    }
    let csv = "import('/export.js').then((it) => it.csv([{ a: 1, b: 'x,\"y\"' }]))";
    assert_eq!(page.eval(csv), "a,b\n1,\"x,\"\"y\"\"\"\n");

    // Phone width, dark and light: nothing to scroll to the side for.
    for is_dark in [true, false] {
        page.resize(390, 800, is_dark);
        page.until("innerWidth === 390");
        page.until("document.documentElement.scrollWidth <= document.documentElement.clientWidth");
        page.picture(&pictures().join(if is_dark { "dark.png" } else { "phone.png" }));
    }
}

/// Sets a note from the keyboard, at the middle of what is selected.
fn note(page: &mut Browser, text: &str) {
    page.eval(&format!(
        "(() => {{ window.prompt = () => '{text}'; document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'n', bubbles: true }})); }})()"
    ));
}

/// How many notes of that text the overview shows.
fn shown_notes(text: &str) -> String {
    format!(
        "[...document.querySelectorAll('#overview .note text')].filter((it) => it.textContent === '⚑ {text}').length"
    )
}

#[test]
fn a_note_is_kept_in_the_recording_and_otherwise_in_the_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("run.pwlog");
    std::fs::copy(Path::new(CAPTURES).join("run.pwlog"), &recording).expect("a copy");
    let spec = format!("{}@max", path(&recording));
    // Each later reader sees the note once, also while another page shows it.
    for earlier in 0..2 {
        let served = Served::from(&spec, "0");
        let mut page = Browser::open(&served.address, 1200, 1000);
        page.until(&matching("107"));
        page.until(&format!(
            "{} === {earlier}",
            shown_notes("here <i>it</i> began")
        ));
        note(&mut page, "here <i>it</i> began");
        page.until("document.getElementById('note-text').textContent.endsWith('run.pwlog.')");
        page.until(&format!(
            "{} === {}",
            shown_notes("here <i>it</i> began"),
            earlier + 1
        ));
        assert_eq!(page.eval("location.hash.includes('notes')"), false);
    }
    let info = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["recording", "info", path(&recording), "--format", "json"])
        .output()
        .expect("pagewalk runs");
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert_eq!(info["recordings"][0]["notes"], 2);
    assert_eq!(info["recordings"][0]["faults"], 107);

    // Where it cannot be written it is in the link, and the page says why.
    let gone = folder.path().join("gone.pwlog");
    std::fs::copy(Path::new(CAPTURES).join("run.pwlog"), &gone).expect("a copy");
    let served = Served::from(&format!("{}@max", path(&gone)), "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until(&matching("107"));
    std::fs::remove_file(&gone).expect("the recording");
    note(&mut page, "lost?");
    page.until("document.getElementById('note-text').textContent.includes('link only: ')");
    page.until(&format!("{} === 1", shown_notes("lost?")));
    assert!(!gone.exists());
    let link = page.eval("location.href");
    let mut other = Browser::open(link.as_str().expect("a link"), 1200, 1000);
    other.until(&format!("{} === 1", shown_notes("lost?")));
}

#[test]
fn several_boards_have_a_tab_each_and_a_sum() {
    let recording = "run.pwlog@max";
    let served = Served::from_all(&[recording; 2], "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until("document.querySelectorAll('#boards [role=tab]').length === 2");
    page.until("document.querySelector('#boards .sum').textContent === 'all 2: 214 faults, 2 killed, 0 lost'");
    page.eval("document.querySelectorAll('#boards [role=tab]')[1].click()");
    page.until("location.hash.includes('board=1')");
    page.until(&matching("107"));
}

/// The page's next stream of events is `stream`; after `hold()` the next rows come when `release()` is called.
const HELD: &str = "(() => {\
    window.EventSource = class extends EventSource { constructor(url) { super(url); window.stream = this; } };\
    const real = window.fetch;\
    window.hold = () => { window.fetch = (url) => {\
        if (!url.startsWith('/rows.json')) return real(url);\
        window.fetch = real;\
        return new Promise((go) => { window.release = () => go(real(url)); });\
    }; };\
})()";

#[test]
fn what_comes_while_the_page_draws_is_drawn_after_it() {
    let served = Served::from_all(&["run.pwlog@max"; 2], "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until("document.querySelectorAll('#boards [role=tab]').length === 2");
    page.eval(HELD);
    page.eval("document.querySelectorAll('#boards [role=tab]')[1].click()");
    page.until("window.stream?.readyState === 1");
    page.until("document.getElementById('state').textContent === 'the line has ended'");
    page.until(&matching("107"));
    page.eval(
        "fetch('/live.json?board=1').then((it) => it.json()).then((it) => {\
            const task = { pid: 999, command: 'late', state: 'ready', resident: 0, tables: 0, faults: 0, bands: [] };\
            const say = (live) => stream.dispatchEvent(new MessageEvent('live', { data: JSON.stringify(live) }));\
            window.before = () => say(it);\
            window.after = () => say({ ...it, tasks: [...it.tasks, task] });\
        })",
    );
    // The table of tasks is drawn, and the rows of the same drawing are on their way.
    page.eval("hold(), before(), null");
    page.until("Boolean(window.release)");
    page.eval("after(), release(), null");
    page.until("document.getElementById('tasks').textContent.includes('late')");
}

#[test]
fn a_reader_whose_link_is_slow_gets_a_coarser_rate_and_is_told() {
    let served = Served::from("run.pwlog@max", "0");
    let mut page = Browser::open(&served.address, 1200, 1000);
    page.until(&matching("107"));
    // Each answer about a span takes a minute by the page's own clock.
    page.eval(
        "(() => {\
        const [real, clock] = [window.fetch, performance.now.bind(performance)];\
        let late = 0;\
        performance.now = () => clock() + late;\
        window.fetch = (url) => { if (url.startsWith('/span.json')) late += 60000; return real(url); };\
        })()",
    );
    page.eval("document.querySelector('[data-span=all]').click()");
    page.until("/^drawn every \\d{3,} s: /.test(document.getElementById('slow').textContent)");
}
