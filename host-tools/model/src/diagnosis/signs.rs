//! What firmware, boot loaders and kernels are known to say, what it means, and what to try.
//!
//! Texts of U-Boot, OpenSBI and Pagewalk are as QEMU printed them; those of the BL808's first
//! stages are as `d0_lowload` and `m0_lowload` of the OpenBouffalo firmware print them, and those of
//! Linux and NuttX as their sources do.

/// Who speaks, in the order in which a boot comes by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootStage {
    /// The ROM of a BL808, which waits to be flashed.
    BootRom,
    /// The BL808's second loader, out of its flash.
    LowLoad,
    /// U-Boot's first part, on boards that load OpenSBI with it.
    UBootSpl,
    /// OpenSBI.
    OpenSbi,
    /// U-Boot.
    UBoot,
    /// Linux.
    Linux,
    /// NuttX.
    NuttX,
    /// A kernel of ours.
    Pagewalk,
}

impl BootStage {
    /// Every one, in order.
    pub const ALL: [BootStage; 8] = [
        BootStage::BootRom,
        BootStage::LowLoad,
        BootStage::UBootSpl,
        BootStage::OpenSbi,
        BootStage::UBoot,
        BootStage::Linux,
        BootStage::NuttX,
        BootStage::Pagewalk,
    ];

    /// Its word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            BootStage::BootRom => "boot-rom",
            BootStage::LowLoad => "lowload",
            BootStage::UBootSpl => "u-boot-spl",
            BootStage::OpenSbi => "opensbi",
            BootStage::UBoot => "u-boot",
            BootStage::Linux => "linux",
            BootStage::NuttX => "nuttx",
            BootStage::Pagewalk => "pagewalk",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            BootStage::BootRom => "BL808 boot ROM",
            BootStage::LowLoad => "BL808 loader",
            BootStage::UBootSpl => "U-Boot SPL",
            BootStage::OpenSbi => "OpenSBI",
            BootStage::UBoot => "U-Boot",
            BootStage::Linux => "Linux",
            BootStage::NuttX => "NuttX",
            BootStage::Pagewalk => "Pagewalk",
        }
    }

    /// What it means that nothing known came after its first words.
    pub(super) fn after_banner(self) -> &'static BootSign {
        match self {
            BootStage::BootRom => &BOOT_ROM,
            BootStage::LowLoad => &LOWLOAD,
            BootStage::UBootSpl => &SPL,
            BootStage::OpenSbi => &OPENSBI,
            BootStage::UBoot => &UBOOT,
            BootStage::Linux => &LINUX,
            BootStage::NuttX => &NUTTX,
            BootStage::Pagewalk => &PAGEWALK,
        }
    }
}

/// A text that shows which stage a boot has reached.
#[derive(Debug, PartialEq, Eq)]
pub struct BootSign {
    /// Its name in JSON; it stays what it is.
    pub id: &'static str,
    /// Who says it.
    pub stage: BootStage,
    /// What stands in the line, or at the end of a prompt.
    pub(super) text: &'static str,
    /// What it means if nothing comes after it.
    pub means: &'static str,
    /// What to try, the likeliest first.
    pub attempts: &'static [&'static str],
    /// What the same stage says afterwards changes nothing: it goes on all the same.
    pub(super) stays: bool,
}

impl BootSign {
    /// Whether it states what went wrong, and not only how far the boot came.
    pub(super) fn is_trouble(&self) -> bool {
        const PROGRESS: [&str; 3] = ["u-boot", "u-boot-countdown", "u-boot-started-kernel"];
        !PROGRESS.contains(&self.id)
    }

    const fn staying(mut self) -> BootSign {
        self.stays = true;
        self
    }
}

const fn row(
    id: &'static str,
    stage: BootStage,
    text: &'static str,
    means: &'static str,
    attempts: &'static [&'static str],
) -> BootSign {
    BootSign {
        id,
        stage,
        text,
        means,
        attempts,
        stays: false,
    }
}

pub(super) static SILENT: BootSign = row(
    "silent",
    BootStage::BootRom,
    "",
    "not a byte came",
    &[
        "does the board have power? its own supply, not only the adapter's 3.3 V",
        "swap the two data wires: the adapter's TX goes to the board's RX, and RX to TX; GND must be joined",
        "the Ox64's console is on GPIO16 (TX, pin 32) and GPIO17 (RX, pin 31); the M1s Dock's is the second port of its USB serial",
        "press the board's reset button while this listens: a board that has stopped says nothing more",
        "an Ox64 whose boot button was held waits in its ROM, which speaks when it is spoken to alone: pagewalk doctor --boot-rom, on GPIO14 and GPIO15",
        "without a byte at reset the flash may be empty: on the Ox64, m0_lowload, d0_lowload and bl808-firmware.bin",
        "a hart that runs and has no console: pagewalk probe info, through JTAG",
    ],
);

pub(super) static GARBLED: BootSign = row(
    "garbled",
    BootStage::BootRom,
    "",
    "bytes come that are not text: another rate, or a signal that is cut off",
    &[
        "another rate: the Ox64 speaks at 2000000, most boards at 115200; a serial port without a rate is tried at the usual ones",
        "some adapters cannot do 2,000,000 baud and garble it, many with a CP2102 among them; CH340G can",
        "3.3 V on both sides, short wires, GND joined",
    ],
);

pub(super) static UNKNOWN: BootSign = row(
    "unknown",
    BootStage::BootRom,
    "",
    "text comes, from no boot stage that is known here",
    &[
        "look at it: pagewalk monitor LINE",
        "press the board's reset button while this listens: its boot messages say which stage runs",
    ],
);

pub(super) static BOOT_LOOP: BootSign = row(
    "boot-loop",
    BootStage::BootRom,
    "",
    "it boots again and again",
    &[
        "the lines before each restart are the last ones shown; pagewalk record LINE boots.pwlog keeps all of it",
        "a supply that breaks down under load, or a watchdog that no program feeds (the D1's runs after reset), restarts a board",
        "in U-Boot, press a key during the countdown: if it stays there, what it loads restarts it",
    ],
);

pub(super) static IN_FRAMES: BootSign = row(
    "pagewalk-in-session",
    BootStage::Pagewalk,
    "",
    "a kernel of ours runs, in a session with a host",
    &[
        "another program may have the board's session: it ends 5 s after that program did",
        "pagewalk ps --from LINE",
    ],
);

pub(super) static BOOT_ROM: BootSign = row(
    "boot-rom",
    BootStage::BootRom,
    "",
    "the BL808's ROM answers: it waits to be flashed",
    &[
        "release the boot button and press reset to boot instead",
        "flash m0_lowload, d0_lowload and bl808-firmware.bin with Bouffalo's DevCube, which speaks to this port",
    ],
);

pub(super) static LOWLOAD: BootSign = row(
    "lowload",
    BootStage::LowLoad,
    "",
    "the BL808's loader has begun and did not get to OpenSBI",
    &["the firmware in flash may be damaged: flash bl808-firmware.bin at 0x800000 again"],
);

pub(super) static SPL: BootSign = row(
    "u-boot-spl",
    BootStage::UBootSpl,
    "",
    "U-Boot's first part has begun and did not find the second",
    &[
        "the card or flash holds no U-Boot where SPL looks: write the board's own image, with its typed partitions",
    ],
);

pub(super) static OPENSBI: BootSign = row(
    "opensbi",
    BootStage::OpenSbi,
    "",
    "OpenSBI has begun and did not end its report",
    &["the console may have changed its rate or pins after the first lines"],
);

pub(super) static UBOOT: BootSign = row(
    "u-boot",
    BootStage::UBoot,
    "",
    "U-Boot has begun and did not get to its countdown",
    &["the last line says what it was about to start: a card, the network, its environment"],
);

pub(super) static LINUX: BootSign = row(
    "linux",
    BootStage::Linux,
    "",
    "Linux has begun, and said nothing that is known to be its end",
    &[
        "the last line is what it did last; console=, earlycon=sbi and loglevel=8 in the boot arguments make it say more",
    ],
);

pub(super) static NUTTX: BootSign = row(
    "nuttx",
    BootStage::NuttX,
    "",
    "NuttX has begun",
    &["look at it: pagewalk monitor LINE"],
);

pub(super) static PAGEWALK: BootSign = row(
    "pagewalk",
    BootStage::Pagewalk,
    "",
    "the kernel has begun, and its shell has not",
    &[
        "the last line is what it did last",
        "pagewalk connect LINE, then gdb: target remote localhost:3333",
    ],
);

/// Lines of a boot that show where it is.
static SIGNS: &[BootSign] = &[
    row(
        "lowload-no-firmware",
        BootStage::LowLoad,
        "invalid boot header",
        "the BL808's loader finds no firmware in flash at 0x800000",
        &["flash bl808-firmware.bin at 0x800000, single download, with DevCube 1.8.3"],
    )
    .staying(),
    row(
        "lowload-started-opensbi",
        BootStage::LowLoad,
        "Running OpenSBI",
        "OpenSBI was started and says nothing",
        &[
            "bl808-firmware.bin holds another OpenSBI, or one for another UART: flash the board's own",
        ],
    ),
    row(
        "lowload-returned",
        BootStage::LowLoad,
        "Return from OpenSBI",
        "OpenSBI came back: it is not an OpenSBI for this board",
        &["flash the board's own bl808-firmware.bin at 0x800000"],
    ),
    row(
        "m0-console",
        BootStage::LowLoad,
        "Starting Mailbox Handlers",
        "this is the console of the M0 core, which forwards interrupts; OpenSBI, U-Boot and kernels speak on another one",
        &[
            "move the wires: GPIO16 (TX, pin 32) and GPIO17 (RX, pin 31) instead of GPIO14 and GPIO15, at 2000000",
        ],
    ),
    row(
        "opensbi-handed-over",
        BootStage::OpenSbi,
        "Boot HART MEDELEG",
        "OpenSBI has started what comes after it, which says nothing",
        &[
            "`Domain0 Next Address` above must be where U-Boot or the kernel was loaded; 0 is nowhere",
            "a kernel that was started by OpenSBI alone must be loaded at RAM base + 0x200000 (RV64) or + 0x400000 (RV32)",
            "earlycon=sbi for Linux; a kernel of ours says in one line what it lacks",
        ],
    ),
    row(
        "opensbi-trap",
        BootStage::OpenSbi,
        "sbi_trap_error",
        "OpenSBI itself trapped: what runs above it asked for something that it cannot do, or jumped away",
        &[
            "mepc and mtval in the lines after it show where: pagewalk explain --scause … --sepc … --stval …",
        ],
    ),
    row(
        "u-boot-countdown",
        BootStage::UBoot,
        "Hit any key to stop autoboot",
        "U-Boot has counted down, and what it started says nothing",
        &[
            "press a key during the countdown and run its steps by hand: printenv bootcmd",
            "press reset while this listens: the lines after the countdown name what it tries",
        ],
    ),
    row(
        "u-boot-no-card",
        BootStage::UBoot,
        "Card did not respond to voltage select",
        "U-Boot finds no card that answers",
        &[
            "push the card in again; some cards answer at the second `mmc rescan` only",
            "try another card, of at most 32 GB",
        ],
    ),
    row(
        "u-boot-no-card-present",
        BootStage::UBoot,
        "no card present",
        "U-Boot finds no card",
        &[
            "push the card in again",
            "`mmc rescan`, then `part list mmc 0` at the prompt",
        ],
    ),
    row(
        "u-boot-no-partition",
        BootStage::UBoot,
        "No partition table",
        "the card has no partition table that U-Boot knows",
        &[
            "write the image onto the whole card (/dev/sdX), not into a partition (/dev/sdX1): just flash /dev/sdX ox64",
        ],
    ),
    row(
        "u-boot-bad-device",
        BootStage::UBoot,
        "Bad device specification",
        "U-Boot looks for a partition or device that is not there",
        &[
            "`part list mmc 0` shows what is there",
            "write the card again: just flash /dev/sdX ox64",
        ],
    ),
    row(
        "u-boot-no-file",
        BootStage::UBoot,
        "Failed to load",
        "U-Boot finds the card and not the file",
        &["`ls mmc 0:1 /` shows what is there; the paths stand in /extlinux/extlinux.conf"],
    ),
    row(
        "u-boot-unreadable",
        BootStage::UBoot,
        "Unable to read file",
        "U-Boot finds the card and not the file",
        &["`ls mmc 0:1 /` shows what is there; the paths stand in /extlinux/extlinux.conf"],
    ),
    row(
        "u-boot-label-skipped",
        BootStage::UBoot,
        "Skipping ",
        "U-Boot leaves a boot entry out, for the reason in the line",
        &[
            "an `initrd` line needs ramdisk_addr_r in U-Boot's environment, which the Ox64 has not: glue the initrd onto the Image (pagewalk image glue)",
        ],
    ),
    row(
        "u-boot-bad-magic",
        BootStage::UBoot,
        "Bad Linux RISCV Image magic",
        "what U-Boot loaded is not a RISC-V Image",
        &[
            "load an Image, not an ELF file or a compressed one: pagewalk image inspect Image",
            "`md.l ADDRESS+0x38 1` must show 05435352",
        ],
    ),
    row(
        "u-boot-no-size",
        BootStage::UBoot,
        "Image lacks image_size",
        "the Image's header gives no size",
        &["pagewalk image inspect Image; pagewalk image glue writes the header"],
    ),
    row(
        "u-boot-compressed",
        BootStage::UBoot,
        "kernel_comp_addr_r or kernel_comp_size is not provided",
        "U-Boot was given a compressed kernel and has no room to unpack it",
        &["load the Image uncompressed"],
    ),
    row(
        "u-boot-no-tree",
        BootStage::UBoot,
        "Device tree not found",
        "U-Boot has no device tree for the kernel",
        &[
            "give booti its third word: booti ${kernel_addr_r} - ${fdt_addr_r}",
            "an `fdt` line in /extlinux/extlinux.conf, with a file that is there",
        ],
    ),
    row(
        "u-boot-no-tree",
        BootStage::UBoot,
        "Did not find a cmdline Flattened Device Tree",
        "U-Boot has no device tree for the kernel",
        &[
            "give booti its third word: booti ${kernel_addr_r} - ${fdt_addr_r}",
            "an `fdt` line in /extlinux/extlinux.conf, with a file that is there",
        ],
    ),
    row(
        "u-boot-loading",
        BootStage::UBoot,
        "Retrieving file",
        "U-Boot was reading a file and did not end",
        &["the card may be bad: read the file by hand at the prompt, and write the card again"],
    ),
    row(
        "u-boot-exception",
        BootStage::UBoot,
        "Unhandled exception",
        "U-Boot itself trapped",
        &[
            "EPC and TVAL in the lines after it show where; a wrong address in a command is the usual reason",
        ],
    ),
    row(
        "u-boot-started-kernel",
        BootStage::UBoot,
        "Starting kernel ...",
        "U-Boot has started the kernel, which says nothing",
        &[
            "Linux: console=ttyS0,2000000 earlycon=sbi in the boot arguments",
            "the Image must be loaded where it runs: 0x50200000 on the Ox64, RAM base + text_offset of its header elsewhere",
            "an initrd that is glued on is lost if U-Boot moves the Image (`Moving Image from`)",
            "the device tree must name this UART in /chosen stdout-path",
        ],
    ),
    row(
        "linux-no-root",
        BootStage::Linux,
        "Unable to mount root fs",
        "Linux finds no root file system",
        &[
            "root= in the boot arguments must name what the card has: root=PARTLABEL=rootfs rootwait",
            "the lines before it list the partitions that it sees",
        ],
    ),
    row(
        "linux-waits-for-root",
        BootStage::Linux,
        "Waiting for root device",
        "Linux waits for the device that root= names",
        &[
            "the driver of the card may be missing, or the name wrong: the lines before it list what it sees",
        ],
    ),
    row(
        "linux-panic",
        BootStage::Linux,
        "Kernel panic - not syncing",
        "Linux has given up; the line says why",
        &["pagewalk explain LOG, where the lines before it are a trap's"],
    ),
    row(
        "linux-oops",
        BootStage::Linux,
        "Unable to handle kernel",
        "Linux trapped in the kernel",
        &["pagewalk explain LOG --elf vmlinux"],
    ),
    row(
        "linux-init",
        BootStage::Linux,
        "Run /sbin/init as init process",
        "Linux has started its first program, which says nothing",
        &[
            "a getty on this console: console= must be the last of several, and inittab or systemd must know it",
        ],
    ),
    row(
        "nuttx-assert",
        BootStage::NuttX,
        "up_assert",
        "NuttX has given up; the line says where",
        &["pagewalk explain LOG"],
    ),
    row(
        "nuttx-assert",
        BootStage::NuttX,
        "_assert: Current Version",
        "NuttX has given up; the line says where",
        &["pagewalk explain LOG"],
    ),
    row(
        "nuttx-exception",
        BootStage::NuttX,
        "riscv_exception: EXCEPTION",
        "NuttX trapped; the line says why",
        &["pagewalk explain LOG"],
    ),
    row(
        "pagewalk-fault",
        BootStage::Pagewalk,
        "pagewalk: kernel fault",
        "the kernel trapped, and waits for gdb",
        &[
            "pagewalk explain LOG --elf KERNEL",
            "gdb can still ask: pagewalk connect LINE, then target remote localhost:3333",
        ],
    ),
    row(
        "pagewalk-gdb",
        BootStage::Pagewalk,
        "pagewalk: keys are not read: gdb is attached",
        "a kernel of ours runs, and gdb has its line",
        &["end gdb, or press Ctrl-C three times"],
    ),
    row(
        "pagewalk-no-shell",
        BootStage::Pagewalk,
        "pagewalk: no shell",
        "the kernel runs and finds no shell in its initrd",
        &["pagewalk image inspect Image: is the initrd glued on, with bin/sh in it?"],
    ),
    row(
        "pagewalk-lacks",
        BootStage::Pagewalk,
        "needs a hart",
        "the kernel does not run on this hart; the line says what is missing",
        &["pagewalk board list shows what the kernel is built for"],
    ),
    row(
        "pagewalk-lacks",
        BootStage::Pagewalk,
        "pagewalk: this hart has no",
        "the kernel does not run on this hart; the line says what is missing",
        &["pagewalk board list shows what the kernel is built for"],
    ),
    row(
        "pagewalk-machine-mode",
        BootStage::Pagewalk,
        "pagewalk: entered in machine mode",
        "the kernel was started without firmware below it",
        &["start it by OpenSBI: as its payload, or through U-Boot"],
    ),
    row(
        "pagewalk-loaded-wrong",
        BootStage::Pagewalk,
        "pagewalk: loaded at an address",
        "the kernel was loaded where it cannot run; the line says where it must be",
        &["RAM base + 0x200000 (RV64) or + 0x400000 (RV32): 0x50200000 on the Ox64"],
    ),
    row(
        "pagewalk-no-tree",
        BootStage::Pagewalk,
        "pagewalk: no device tree at a1",
        "the kernel was given no device tree",
        &["booti ${kernel_addr_r} - ${fdt_addr_r}"],
    ),
    row(
        "pagewalk-initrd",
        BootStage::Pagewalk,
        "pagewalk: initrd",
        "the kernel refuses its initrd; the line says why",
        &["pagewalk image inspect Image; glue it again: pagewalk image glue"],
    ),
];

/// What a line ends in that waits for a command, without an end of its own.
pub(super) static PROMPTS: &[BootSign] = &[
    row(
        "u-boot-prompt",
        BootStage::UBoot,
        "=> ",
        "U-Boot stands at its prompt: it was stopped, or found nothing to boot",
        &[
            "`boot` tries again, and says what it misses",
            "`mmc rescan`, then `ls mmc 0:1 /` shows what is on the card",
            "by hand: load mmc 0:1 ${kernel_addr_r} /Image; booti ${kernel_addr_r} - ${fdt_addr_r}",
        ],
    ),
    row(
        "pagewalk-prompt",
        BootStage::Pagewalk,
        "pw> ",
        "the board is well: the kernel's shell waits for a command",
        &["pagewalk monitor LINE, then `help`"],
    ),
    row(
        "nuttx-prompt",
        BootStage::NuttX,
        "nsh> ",
        "the board is well: NuttX's shell waits for a command",
        &["pagewalk monitor LINE"],
    ),
    row(
        "linux-login",
        BootStage::Linux,
        "login: ",
        "the board is well: Linux waits for a login",
        &["pagewalk monitor LINE"],
    ),
    row(
        "linux-shell",
        BootStage::Linux,
        "# ",
        "the board is well: a shell waits for a command",
        &["pagewalk monitor LINE"],
    ),
    row(
        "linux-shell",
        BootStage::Linux,
        "$ ",
        "the board is well: a shell waits for a command",
        &["pagewalk monitor LINE"],
    ),
];

/// First words, at the beginning of a line. The version follows where `true`.
const BANNERS: &[(&str, BootStage, bool)] = &[
    ("OpenSBI v", BootStage::OpenSbi, true),
    ("U-Boot SPL ", BootStage::UBootSpl, true),
    ("U-Boot 2", BootStage::UBoot, true),
    ("Linux version ", BootStage::Linux, true),
    ("NuttShell (NSH) ", BootStage::NuttX, true),
    ("Pagewalk ", BootStage::Pagewalk, true),
    ("D0 start...", BootStage::LowLoad, false),
];

/// Who begins with this line, and which version it says it is.
pub(super) fn banner(line: &str) -> Option<(BootStage, &str)> {
    let line = past_prefix(line);
    BANNERS.iter().find_map(|(words, stage, has_version)| {
        line.strip_prefix(words)?;
        // A digit of it, or a letter before, may be part of the words that identify it.
        let words = words.trim_end_matches(|it: char| it == 'v' || it.is_ascii_digit());
        let version = line[words.len()..].split_whitespace().next();
        Some((*stage, version.filter(|_| *has_version).unwrap_or("")))
    })
}

/// A line without the time that Linux puts before it, and without the level and place that the
/// BL808's loaders do.
fn past_prefix(mut line: &str) -> &str {
    while let Some((_, rest)) = line.strip_prefix('[').and_then(|it| it.split_once(']')) {
        line = rest.trim_start();
    }
    line
}

/// What a line shows of the stage of the boot. Text that only one stage prints identifies it even if its
/// first words were missed.
pub(super) fn sign(line: &str, now: Option<BootStage>) -> Option<&'static BootSign> {
    let mut here = SIGNS.iter().filter(|sign| line.contains(sign.text));
    // A kernel that prints what its loader said does not go back to it.
    here.find(|sign| now.is_none_or(|now| sign.stage >= now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_as_they_are_told() {
        let told = [
            ("OpenSBI v1.2-80-g1234", "v1.2-80-g1234"),
            ("U-Boot 2023.04-rc2 (Apr 01 2023)", "2023.04-rc2"),
            ("[    0.000000] Linux version 6.12.1 (x@y)", "6.12.1"),
            ("NuttShell (NSH) NuttX-12.5.0", "NuttX-12.5.0"),
            ("Pagewalk 0.1.0 on QEMU", "0.1.0"),
            ("[I][MAIN] D0 start...", ""),
        ];
        for (line, version) in told {
            assert_eq!(banner(line).map(|it| it.1), Some(version), "{line}");
        }
        assert_eq!(banner("nothing of U-Boot 2023 here"), None);
    }

    #[test]
    fn each_sign_says_what_it_means_and_what_to_try() {
        let stages = BootStage::ALL.map(BootStage::after_banner);
        let others = [&SILENT, &GARBLED, &UNKNOWN, &BOOT_LOOP, &IN_FRAMES];
        for sign in SIGNS.iter().chain(PROMPTS).chain(stages).chain(others) {
            assert!(
                !sign.means.is_empty() && !sign.attempts.is_empty(),
                "{sign:?}"
            );
            let is_word = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
            assert!(sign.id.chars().all(is_word), "{sign:?}");
        }
        for sign in SIGNS {
            assert!(!sign.text.is_empty(), "{sign:?}");
        }
    }
}
