//! Every command that writes, onto a disk that is full: the old file stays, the error is clear.
//!
//! A disk is full in two ways here: `ulimit -f` (`RLIMIT_FSIZE`) ends a file after some blocks, and /dev/full
//! ends everything at its first byte.

#[path = "board/inputs.rs"]
mod inputs;
#[cfg(feature = "probe")]
#[expect(dead_code, reason = "the hart's memory is enough")]
mod simulated;

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use inputs::built;

const PAGEWALK: &str = env!("CARGO_BIN_EXE_pagewalk");
const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
const OLD: &[u8] = b"what a user wants to keep";

/// A folder with inputs that are larger than any limit here.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        let tree = place.0.path().join("tree");
        fs::create_dir(&tree).expect("a folder");
        let noise: Vec<u8> = (0..300_000u32)
            .map(|at| (at.wrapping_mul(at) >> 7) as u8)
            .collect();
        fs::write(tree.join("data"), noise).expect("a file");
        place.succeeds(&["romfs", "build", "tree", "-o", "in.romfs"]);
        fs::write(place.path("faults.log"), faults()).expect("a log");
        place
    }

    /// A card to change, and the kernel that is to go onto it.
    fn with_card(self) -> Place {
        let kernel = built("board-side/riscv64gc-unknown-none-elf/board/kernel");
        let kernel = kernel.to_str().expect("UTF-8");
        let definition = format!(
            "board = \"qemu-virt\"\nsize = \"6MiB\"\ntable = \"mbr\"\n\
             [payload]\nkernel = \"{kernel}\"\ninitrd = \"in.romfs\"\n\
             [[partition]]\nname = \"boot\"\nfat = \"fat16\"\nstart = \"1MiB\"\n\
             bootable = true\nlabel = \"CARD\"\npayload = \"/Image\"\n\
             [partition.extlinux]\nlabel = \"Pagewalk\"\nkernel = \"/Image\"\n"
        );
        fs::write(self.path("card.toml"), definition).expect("a file");
        self.succeeds(&["image", "build", "card.toml", "-o", "card.img"]);
        self.succeeds(&[
            "image", "glue", kernel, "--initrd", "in.romfs", "-o", "Image",
        ]);
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PAGEWALK);
        command.args(words).current_dir(self.0.path());
        command
    }

    /// With files of at most so many blocks of 512 bytes.
    fn limited(&self, blocks: u32, words: &[&str]) -> Output {
        let line = format!("ulimit -f {blocks} && exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &line, "sh", PAGEWALK]).args(words);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command.output().expect("a shell")
    }

    #[track_caller]
    fn succeeds(&self, words: &[&str]) {
        let run = self.command(words).output().expect("our program runs");
        assert!(run.status.success(), "{words:?}: {}", said(&run));
    }

    /// The names of everything in the folder, and what the files hold.
    fn content(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                let name = path.display().to_string();
                all.push((name, fs::read(&path).unwrap_or_default()));
            }
        }
        all.sort();
        all
    }
}

/// A log of more faults than any limit here has room for, in whatever format.
fn faults() -> String {
    let mut log = String::new();
    for seq in 0..4000_u64 {
        // No compressor makes these much smaller.
        let page = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 28 << 12;
        log += &format!(
            "[{:>5}.{:06}] pagewalk: EXCEPTION: Store/AMO page fault. SCAUSE: 0000000f, EPC: \
             {:016x}, STVAL: {page:016x}, task: 2, seq: {seq}, user write, heap, zeroed, level: 0, \
             entry: 0000000000000000, frame: 0000000080431000, cost: {}\r\n",
            seq / 50,
            seq % 50 * 20_000,
            page >> 3 & 0xffff_fffe,
            700 + page % 997
        );
    }
    log
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&run.stderr).into_owned()
}

/// It failed as it should: by itself, with exit code 1 and one line that says what and why.
#[track_caller]
fn assert_clear(words: &[&str], name: &str, why: &str, run: &Output) {
    let said = said(run);
    assert_eq!(
        run.status.code(),
        Some(1),
        "{words:?}: {}: {said}",
        run.status
    );
    let errors: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{words:?}: {said}");
    assert!(
        errors[0].contains(name) && errors[0].contains(why),
        "{words:?}: {said}"
    );
}

const LINUX: [&str; 4] = [
    "--from",
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/linux-sv39/pagetables.core"
    ),
    "--satp",
    "0x80033000000830ca",
];

/// Every command that replaces a file; `OUT` stands for it.
fn replacing() -> Vec<Vec<String>> {
    let linux = LINUX.join(" ");
    let [log, samples] = ["pagewalk-line.bin", "samples.csv"].map(|it| format!("{CAPTURES}/{it}"));
    let other = format!("{CAPTURES}/nuttx-sv32/pagetables.core");
    let kernel = built("board-side/riscv64gc-unknown-none-elf/board/kernel");
    [
        format!("snapshot save OUT {linux}"),
        format!("chart map {linux} -o OUT.svg"),
        format!("chart map {linux} --physical -o OUT.png"),
        format!("chart ws {linux} -o OUT.svg"),
        format!("chart levels {linux} -o OUT.svg"),
        format!("chart timeline {samples} -o OUT.svg"),
        format!("chart faults {log} -o OUT.png"),
        format!("chart diff {CAPTURES}/before.json {CAPTURES}/after.json -o OUT.svg"),
        "romfs build tree -o OUT".to_owned(),
        format!("image glue {} --initrd in.romfs -o OUT", kernel.display()),
        "image build card.toml -o OUT".to_owned(),
        "image build card.toml --no-sha256 -o OUT".to_owned(),
        "export faults.log --csv -o OUT".to_owned(),
        "export faults.log --json -o OUT".to_owned(),
        "export faults.log --perfetto -o OUT".to_owned(),
        "export faults.log --firefox -o OUT".to_owned(),
        "report faults.log -o OUT".to_owned(),
    ]
    .iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .inspect(|_| assert!(Path::new(&other).exists()))
    .collect()
}

fn name_of(words: &[String], name: &str) -> (Vec<String>, String) {
    let put = |word: &String| word.replace("OUT", name);
    let output = words.iter().find(|word| word.contains("OUT")).expect("OUT");
    (words.iter().map(put).collect(), put(output))
}

#[test]
fn a_disk_that_is_full_leaves_the_old_file_and_nothing_else() {
    let place = Place::new().with_card();
    for words in replacing() {
        let (words, output) = name_of(&words, "kept");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        fs::write(place.path(&output), OLD).expect("the old file");
        let before = place.content();
        let run = place.limited(2, &words);
        assert_clear(&words, &output, "File too large", &run);
        let after = place.content();
        let names = |all: &[(String, Vec<u8>)]| -> Vec<String> {
            all.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&before), names(&after), "{words:?}");
        assert!(before == after, "{words:?}: a file has changed");
        // With room it is replaced, and the new file is no empty one.
        place.succeeds(&words);
        assert!(fs::read(place.path(&output)).expect("the new file").len() > 1000);
    }
}

#[test]
fn a_device_that_is_full_is_an_error_and_nothing_stands_beside_it() {
    let place = Place::new().with_card();
    let devices = || {
        let mut names: Vec<_> = fs::read_dir("/dev")
            .expect("/dev")
            .map(|entry| entry.expect("an entry").file_name())
            .filter(|name| name.to_string_lossy().contains("full"))
            .collect();
        names.sort();
        names
    };
    let (before, was) = (devices(), place.content());
    std::os::unix::fs::symlink("/dev/full", place.path("full.svg")).expect("a link");
    std::os::unix::fs::symlink("/dev/full", place.path("full.png")).expect("a link");
    for words in replacing() {
        let is_chart = words[0] == "chart";
        let (words, output) = name_of(&words, if is_chart { "full" } else { "/dev/full" });
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = place.command(&words).output().expect("our program runs");
        assert_clear(&words, &output, "No space left on device", &run);
    }
    assert_eq!(devices(), before);
    for name in ["full.svg", "full.png"] {
        assert!(
            fs::symlink_metadata(place.path(name))
                .expect("it")
                .is_symlink()
        );
        fs::remove_file(place.path(name)).expect("the link");
    }
    assert!(place.content() == was, "something is left");
}

#[test]
fn a_dump_takes_the_place_of_no_device_and_of_no_link() {
    let place = Place::new();
    let pipe = place.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let mut words = vec!["dump", LINUX[0], LINUX[1], "-o", "pipe"];
    let run = place.command(&words).output().expect("our program runs");
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert!(said(&run).contains("is no regular file"), "{}", said(&run));
    assert!(!fs::metadata(&pipe).expect("the pipe").is_file());
    fs::write(place.path("real"), OLD).expect("a file");
    std::os::unix::fs::symlink("real", place.path("link")).expect("a link");
    words[4] = "link";
    place.succeeds(&words);
    let link = fs::symlink_metadata(place.path("link")).expect("the link");
    assert!(link.is_symlink());
    assert!(fs::read(place.path("real")).expect("the dump").len() > OLD.len());
}

#[cfg(feature = "export")]
#[test]
fn parquet_on_a_full_disk_leaves_no_part_of_a_partition() {
    let place = Place::new();
    let before = place.content();
    let words = ["export", "faults.log", "--parquet", "-o", "folder"];
    let run = place.limited(2, &words);
    assert_clear(&words, "folder", "File too large", &run);
    let files = |all: Vec<(String, Vec<u8>)>| -> Vec<String> {
        let is_file = |path: &String| Path::new(path).is_file();
        all.into_iter()
            .map(|(name, _)| name)
            .filter(is_file)
            .collect()
    };
    assert_eq!(files(place.content()), files(before), "something is left");
    place.succeeds(&words);
}

#[test]
fn what_can_be_a_stream_reaches_stdout_whole() {
    let place = Place::new().with_card();
    for words in replacing().iter().filter(|words| words[0] != "chart") {
        let (file, output) = name_of(words, "file");
        let file: Vec<&str> = file.iter().map(String::as_str).collect();
        place.succeeds(&file);
        let wanted = fs::read(place.path(&output)).expect("the file");
        let (stream, _) = name_of(words, "/dev/stdout");
        let stream: Vec<&str> = stream.iter().map(String::as_str).collect();
        let run = place.command(&stream).output().expect("our program runs");
        assert!(run.status.success(), "{stream:?}: {}", said(&run));
        assert!(
            run.stdout == wanted,
            "{stream:?}: {} bytes, not {}",
            run.stdout.len(),
            wanted.len()
        );
    }
}

#[test]
fn swap_kernel_on_a_full_disk_leaves_card_map_and_sum_as_they_were() {
    let place = Place::new().with_card();
    let before = place.content();
    let words = ["image", "swap-kernel", "Image", "card.img"];
    for blocks in [2, 4096, 12_000] {
        let run = place.limited(blocks, &words);
        assert_clear(&words, "card.img", "File too large", &run);
        assert!(place.content() == before, "{blocks}: a file has changed");
    }
    place.succeeds(&words);
    let sums = Command::new("sha256sum")
        .args(["-c", "card.img.sha256"])
        .current_dir(place.0.path())
        .output();
    assert!(sums.expect("sha256sum").status.success());
}

/// Killed at any moment: the sum beside the card is right, or there is none.
#[test]
fn swap_kernel_interrupted_leaves_no_stale_sum() {
    let place = Place::new().with_card();
    let words = ["image", "swap-kernel", "Image", "card.img"];
    let mut other = fs::read(place.path("Image")).expect("the Image");
    const ROUNDS: u64 = 12;
    // How long one takes, in looks at it: the rounds are spread over that.
    let mut whole = 0;
    for round in 0..=ROUNDS {
        // Another kernel each time, so that a stale sum is a wrong one: its last pad differs.
        let at = other.len() - 64;
        other[at] = round as u8;
        fs::write(place.path("Image"), &other).expect("the Image");
        let mut command = place.command(&words);
        let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
        let patience = if round == 0 {
            u64::MAX
        } else {
            whole * round / ROUNDS
        };
        let mut looks = 0;
        while child.try_wait().expect("a child").is_none() && looks < patience {
            std::thread::yield_now();
            looks += 1;
        }
        whole = whole.max(looks);
        let _ = child.kill();
        let _ = child.wait();
        if place.path("card.img.sha256").exists() {
            let sums = Command::new("sha256sum")
                .args(["--status", "-c", "card.img.sha256"])
                .current_dir(place.0.path())
                .status();
            assert!(
                sums.expect("sha256sum").success(),
                "round {round}: a stale sum"
            );
        }
        if place.path("card.img.bmap").exists() {
            let words = ["flash", "card.img", "used", "--yes"];
            fs::write(place.path("used"), "").expect("a card");
            place.succeeds(&words);
        }
        let left: Vec<_> = place.content().into_iter().map(|(name, _)| name).collect();
        assert!(
            !left.iter().any(|name| name.ends_with(".partial")),
            "{left:?}"
        );
    }
}

#[test]
fn flash_onto_a_file_that_cannot_hold_it_leaves_the_file() {
    let place = Place::new().with_card();
    for old in [vec![0xa5; 17 << 20], Vec::new()] {
        fs::write(place.path("used"), &old).expect("a card");
        let before = place.content();
        let words = ["flash", "card.img", "used", "--yes"];
        let run = place.limited(1000, &words);
        assert_clear(&words, "used", "File too large", &run);
        assert!(place.content() == before, "a file has changed");
    }
}

#[test]
fn extract_onto_a_full_disk_leaves_no_part_of_the_tree() {
    let place = Place::new();
    fs::create_dir(place.path("there")).expect("a folder");
    fs::write(place.path("there/mine"), OLD).expect("a file");
    for folder in ["new", "there"] {
        let before = place.content();
        let words = ["romfs", "extract", "in.romfs", "-o", folder];
        let run = place.limited(2, &words);
        assert_clear(&words, &format!("{folder}/data"), "File too large", &run);
        assert!(place.content() == before, "{folder}: something is left");
        place.succeeds(&words);
        assert_eq!(fs::read(place.path("there/mine")).expect("mine"), OLD);
    }
}

/// A board that says so many bytes and then ends the line.
fn board(bytes: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a caller");
            let _ = stream.write_all(&lines(bytes));
        }
    });
    format!("tcp://127.0.0.1:{port}")
}

/// Lines that are alike, with others between them that no compressor makes much smaller.
fn lines(bytes: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut number = 1u64;
    while text.len() < bytes {
        text.extend(b"a line of text\r\n");
        for _ in 0..8 {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.extend(format!("{:016x}\r\n", number.rotate_left(29)).as_bytes());
        }
    }
    text
}

#[test]
fn a_recording_on_a_full_disk_ends_with_an_error_and_can_be_read() {
    let line = board(1 << 20);
    let place = Place::new();
    let full = "No space left on device";
    std::os::unix::fs::symlink("/dev/full", place.path("full.pwlog")).expect("a link");
    for (words, name, limited) in [
        (
            vec!["record", &line, "kept.pwlog", "--silent"],
            "kept.pwlog",
            true,
        ),
        (
            vec!["record", &line, "full.pwlog", "--silent"],
            "full.pwlog",
            false,
        ),
        (
            vec!["monitor", &line, "--log", "kept.txt"],
            "kept.txt",
            true,
        ),
        (
            vec!["monitor", &line, "--log", "/dev/full"],
            "/dev/full",
            false,
        ),
    ] {
        if limited {
            let run = place.limited(400, &words);
            assert_clear(&words, name, "File too large", &run);
        } else {
            let mut command = place.command(&words);
            let run = command.stdin(Stdio::null()).output().expect("it runs");
            assert_clear(&words, name, full, &run);
        }
    }
    let whole = format!("{CAPTURES}/run.pwlog");
    for verb in ["cut", "merge"] {
        let words = ["recording", verb, &whole, "-o", "/dev/full"];
        let run = place.command(&words).output().expect("it runs");
        assert_clear(&words, "/dev/full", full, &run);
    }
    // What was written until then is whole.
    let kept = place.path("kept.pwlog");
    let run = place
        .command(&["replay", "kept.pwlog", "--speed", "max"])
        .output();
    let run = run.expect("it runs");
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(
        text.lines()
            .filter(|line| *line == "a line of text")
            .count()
            > 100,
        "{}",
        said(&run)
    );
    assert!(!said(&run).contains("cut"), "{}", said(&run));
    assert!(fs::metadata(kept).expect("the recording").len() <= 400 * 512);
}

#[cfg(feature = "probe")]
#[test]
fn memory_read_by_a_probe_onto_a_full_disk_leaves_the_old_file() {
    use link::probe::sim::Profile;
    let place = Place::new();
    let (_tap, probe) = simulated::start(Profile::FULL, &simulated::FIXTURES[0]);
    fs::write(place.path("kept"), OLD).expect("the old file");
    let before = place.content();
    let words = [
        "probe",
        "read",
        "0x830ca000",
        "4096",
        "--probe",
        &probe,
        "-o",
        "kept",
    ];
    let run = place.limited(2, &words);
    assert_clear(&words, "kept", "File too large", &run);
    assert!(place.content() == before);
    let words = [
        "probe",
        "read",
        "0x830ca000",
        "4096",
        "--probe",
        &probe,
        "-o",
        "/dev/full",
    ];
    let run = place.command(&words).output().expect("it runs");
    assert_clear(&words, "/dev/full", "No space left on device", &run);
}

/// Answers on stdout are as good as files.
#[test]
fn every_answer_onto_a_full_device_is_an_error() {
    let place = Place::new().with_card();
    let linux = LINUX.join(" ");
    for line in [
        "completions bash".to_owned(),
        "romfs ls in.romfs".to_owned(),
        "image inspect card.img".to_owned(),
        "decode satp 0x8000000000050407".to_owned(),
        format!("map {linux}"),
        format!("lint {linux}"),
        format!("stats {linux}"),
        format!("faults {CAPTURES}/pagewalk-line.bin --format csv"),
        format!("replay {CAPTURES}/run.pwlog --speed max"),
        format!("recording info {CAPTURES}/run.pwlog"),
        "--help".to_owned(),
        "map --help".to_owned(),
        "image -h".to_owned(),
        "--version".to_owned(),
        format!("dash {CAPTURES}/run.pwlog@max"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let mut command = place.command(&words);
        let run = command
            .stdout(full)
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        assert_clear(&words, "", "No space left", &run);
    }
}
