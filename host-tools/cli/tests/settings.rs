//! What a user sets once: the file of settings, variables, `--color`, `-q` and `-v`.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");

/// A user, and what stands in their `~/.config/pagewalk.toml`.
struct User {
    home: TempDir,
}

impl User {
    fn with(config: &str) -> User {
        let home = tempfile::tempdir().expect("a folder");
        fs::create_dir(home.path().join(".config")).expect("a folder");
        fs::write(home.path().join(".config/pagewalk.toml"), config).expect("a file");
        User { home }
    }

    fn run(&self, words: &str, variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pagewalk"));
        for name in ["XDG_CONFIG_HOME", "NO_COLOR", "TERM", "PAGEWALK_CONFIG"] {
            command.env_remove(name);
        }
        let words = words.split_whitespace();
        command
            .args(words)
            .current_dir(CAPTURES)
            .env("HOME", self.home.path())
            .envs(variables.iter().copied())
            .output()
            .expect("our program runs")
    }

    fn stdout(&self, words: &str, variables: &[(&str, &str)]) -> String {
        let output = self.run(words, variables);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn stderr(&self, words: &str, variables: &[(&str, &str)]) -> String {
        String::from_utf8(self.run(words, variables).stderr).expect("text")
    }
}

#[test]
fn the_command_line_outranks_a_variable_and_that_the_file() {
    let user = User::with("format = \"csv\"\n");
    let satp = "decode satp 0x8000000000050407";
    assert!(user.stdout(satp, &[]).starts_with("bits,field"));
    let variable = [("PAGEWALK_FORMAT", "json")];
    assert!(user.stdout(satp, &variable).starts_with("{\n"));
    let table = user.stdout(&format!("{satp} --format table"), &variable);
    assert!(table.starts_with("satp"), "{table}");
    let wrong = user.run(satp, &[("PAGEWALK_FORMAT", "yaml")]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_board_and_its_line_have_a_name_of_the_users() {
    let user = User::with("[boards.lab]\nboard = \"./mine.toml\"\nline = \"/dev/ttyNONE\"\n");
    let mine = user.home.path().join(".config/mine.toml");
    fs::copy(format!("{CAPTURES}/fpga.toml"), mine).expect("it is copied");
    for words in [
        "ps --from lab",
        "monitor lab --once",
        "connect lab --once --gdb-port 0 --port 0",
        "walk 0 --from lab",
    ] {
        let said = user.stderr(words, &[]);
        assert!(said.contains("/dev/ttyNONE@921600: "), "{words}: {said}");
    }
    assert!(user.stdout("board show lab", &[]).contains("My FPGA"));
    let shown = user.stdout("board show --format json", &[("PAGEWALK_BOARD", "lab")]);
    assert!(shown.contains("\"name\":\"mine\""), "{shown}");
}

#[test]
fn a_port_without_a_baud_takes_that_of_the_board() {
    let user = User::with("board = \"ox64\"\n");
    let asks = |words: &str, variables: &[(&str, &str)]| user.stderr(words, variables);
    let ps = "ps --from /dev/ttyNONE";
    assert!(asks(ps, &[]).contains("/dev/ttyNONE@2000000: "));
    assert!(asks(ps, &[("PAGEWALK_BOARD", "qemu-virt")]).contains("/dev/ttyNONE@115200: "));
    let fpga = format!("{ps} --board ./fpga.toml");
    assert!(asks(&fpga, &[]).contains("/dev/ttyNONE@921600: "));
    let line = [("PAGEWALK_LINE", "/dev/ttyNONE")];
    for words in ["ps", "satp", "monitor --once", "walk 0", "map", "stats"] {
        assert!(
            asks(words, &line).contains("/dev/ttyNONE@2000000: "),
            "{words}"
        );
    }
    let nobody = User::with("").run(ps, &[]);
    assert_eq!(nobody.status.code(), Some(2));
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(
        said.contains("without a baud") && said.contains("--board"),
        "{said}"
    );
}

/// The line of the settings is a source of memory where no other is named, and never a second one.
#[test]
fn a_file_that_is_named_is_read_alone_whatever_the_settings_say() {
    let user = User::with("line = \"/dev/ttyNONE@115200\"\n");
    let from = "walk 0xffffffff80000000 --satp 0x80033000000830ca";
    let asked = user.stderr(from, &[]);
    assert!(asked.contains("/dev/ttyNONE@115200: "), "{asked}");
    for source in ["--from", "--core"] {
        let words = format!("{from} {source} linux-sv39/pagetables.core");
        assert!(user.stdout(&words, &[]).contains("0xffffffff80000000"));
    }
    let unset = User::with("").run(from, &[]);
    let said = String::from_utf8_lossy(&unset.stderr).into_owned();
    assert!(said.contains("--from <SPEC>"), "{said}");
}

/// In gdb a board of the user's has the name that it has on the command line.
#[test]
fn the_bridge_knows_the_boards_of_the_settings() {
    use std::io::Write;
    let user = User::with("[boards.lab]\nboard = \"qemu-virt\"\n");
    let mut child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .arg("bridge")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("PAGEWALK_CONFIG")
        .env("HOME", user.home.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("our program runs");
    let mut requests = child.stdin.take().expect("a pipe");
    // The memory map is asked for, and cannot be had: the board's own stands in for it.
    requests
        .write_all(b"map --satp 0 --board lab\ndata -\nmap --satp 0 --board nowhere\n")
        .expect("it reads");
    drop(requests);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("unknown board `lab`"), "{said}");
    assert!(
        said.contains("unknown board `nowhere`; known boards: "),
        "{said}"
    );
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_place_and_what_may_stand_there() {
    for (config, says) in [
        (
            "borad = \"ox64\"\n",
            "pagewalk.toml:1:1: unknown field `borad`, expected one of `board`",
        ),
        (
            "\ncolor = \"blue\"\n",
            "pagewalk.toml:2:9: unknown variant `blue`, expected one of `auto`",
        ),
        (
            "[boards.x]\nbaud = 1\n",
            "pagewalk.toml:2:1: unknown field `baud`, expected `board` or `line`",
        ),
    ] {
        let run = User::with(config).run("board list", &[]);
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{said}");
    }
    let named = User::with("").run("board list", &[("PAGEWALK_CONFIG", "/nowhere.toml")]);
    assert_eq!(
        named.status.code(),
        Some(1),
        "a file that is named must be there"
    );
    let none = User::with("borad = 1\n").run("board list", &[("PAGEWALK_CONFIG", "")]);
    assert!(none.status.success());
}

#[test]
fn the_file_is_looked_for_where_xdg_says() {
    let user = User::with("borad = 1\n");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("pagewalk.toml"), "format = \"json\"\n").expect("a file");
    let there = folder.path().to_str().expect("text");
    let list = user.stdout("board list", &[("XDG_CONFIG_HOME", there)]);
    assert!(list.starts_with("{\n"), "{list}");
}

#[test]
fn colour_is_where_it_is_wanted() {
    let user = User::with("");
    let warns = "lint --from before.json --board spike-rv32";
    let is_coloured = |words: &str, variables: &[(&str, &str)]| {
        let said = user.stderr(words, variables);
        assert!(said.contains("warning:"), "{said}");
        said.contains("\x1b[")
    };
    assert!(!is_coloured(warns, &[]), "this stderr is no terminal");
    assert!(is_coloured(&format!("--color always {warns}"), &[]));
    assert!(is_coloured(
        &format!("{warns} --color=always"),
        &[("NO_COLOR", "1")]
    ));
    assert!(is_coloured(warns, &[("PAGEWALK_COLOR", "always")]));
    assert!(!is_coloured(
        &format!("{warns} --color never"),
        &[("PAGEWALK_COLOR", "always")]
    ));
    // A command line that is wrong, too.
    let wrong = |words: &str| user.stderr(words, &[]).contains("\x1b[");
    assert!(wrong("--color always no-such-command"));
    assert!(!wrong("--color never no-such-command"));
}

#[test]
fn quiet_leaves_warnings_and_errors_and_verbose_says_what_was_taken_for_what() {
    let user = User::with("format = \"csv\"\n");
    let bare = "map --satp 0 --from before.json";
    assert!(user.stderr(bare, &[]).contains("note: "));
    assert_eq!(user.stderr(&format!("-q {bare}"), &[]), "");
    assert_eq!(user.stderr(bare, &[("PAGEWALK_QUIET", "1")]), "");
    assert!(
        user.stderr(bare, &[("PAGEWALK_QUIET", "0")])
            .contains("note: ")
    );
    let warns = "lint --quiet --from before.json --board spike-rv32";
    assert!(user.stderr(warns, &[]).contains("warning: "));
    let said = user.stderr(&format!("{bare} -v"), &[]);
    assert!(
        said.contains(".config/pagewalk.toml") && said.contains("before.json: a snapshot"),
        "{said}"
    );
    let both = user.run(&format!("-q -v {bare}"), &[]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn completions_know_boards_modes_and_the_users_own_names() {
    let user = User::with("[boards.lab]\nline = \"qemu\"\n");
    for shell in ["bash", "zsh", "fish"] {
        let script = user.stdout(&format!("completions {shell}"), &[]);
        for word in ["ox64", "qemu-virt-rv32", "lab", "sv57"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
