"""Page-table commands for gdb, on any RISC-V target.

    (gdb) source gdb-plugin/pagewalk.py
    (gdb) pw walk $pc
    (gdb) help pw

gdb reads the memory; what page tables mean is known to `pagewalk bridge`, which is started when
it is first needed and asked over a pipe. $PAGEWALK names another pagewalk than the one that was
built here or is on the PATH.

Python 3.8 or newer, inside gdb 12 or newer.
"""

import contextlib
import os
import re
import shutil
import subprocess

import gdb

HERE = os.path.dirname(os.path.abspath(__file__))


def program():
    """The pagewalk to ask."""
    named = os.environ.get("PAGEWALK")
    built = [os.path.join(HERE, "..", "target", kind, "pagewalk") for kind in ("release", "debug")]
    built = [path for path in built if os.access(path, os.X_OK)]
    # Of two that were built, the newer.
    newest = max(built, key=os.path.getmtime, default=None)
    found = named or newest or shutil.which("pagewalk")
    if not found:
        raise gdb.GdbError(
            "no pagewalk program: build it with `cargo build -p cli`, or set $PAGEWALK"
        )
    return found


class Bridge:
    """A running `pagewalk bridge`."""

    def __init__(self):
        self.process = None

    def start(self):
        path = program()
        try:
            # In a session of its own: Ctrl-C in gdb is not for it.
            self.process = subprocess.Popen(
                [path, "bridge"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                universal_newlines=True,
                start_new_session=True,
            )
        except OSError as error:
            raise gdb.GdbError("{}: {}".format(path, error.strerror))

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.kill()
            self.process.wait()
            self.process = None

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, request, read=None):
        """The answer's lines, and what went wrong or None. What is to be read is asked of
        `read(address, length)`."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        try:
            self.say(request)
            answer = []
            while True:
                line = self.process.stdout.readline()
                if not line:
                    raise gdb.GdbError("pagewalk ended in the middle of an answer")
                kind, _, rest = line.rstrip("\n").partition(" ")
                if kind == "text":
                    answer.append(rest)
                elif kind == "end":
                    return answer, None
                elif kind == "error":
                    return answer, rest
                elif kind == "memory":
                    self.say(known_memory())
                elif kind == "read":
                    words = rest.split()
                    pairs = zip(words[0::2], words[1::2])
                    parts = [read(int(at, 16), int(length)) for at, length in pairs]
                    self.say("data " + " ".join(parts))
                else:
                    raise gdb.GdbError("pagewalk said what this plugin does not know: " + kind)
        except BaseException as error:
            # Ctrl-C, or a broken pipe: nobody knows what it waits for.
            self.stop()
            raise error


BRIDGE = Bridge()


def packet(text):
    """The answer to a packet, or None where there is no remote target."""
    try:
        said = gdb.execute("maintenance packet " + text, to_string=True)
    except gdb.error:
        return None
    found = re.search(r'^received: "(.*)"$', said, re.MULTILINE)
    return found.group(1) if found else None


def monitor(text):
    """What the stub says to a command of its own, or None where it has none."""
    try:
        return gdb.execute("monitor " + text, to_string=True)
    except gdb.error:
        return None


def openocd_mode():
    """How OpenOCD's reads are made physical, and how as they were: a pair of its commands. None
    where the stub is another."""
    if "Open On-Chip Debugger" not in (monitor("version") or ""):
        return None
    mode = (monitor("riscv virt2phys_mode") or "").strip()
    if mode in ("hw", "sw", "off"):
        return "riscv virt2phys_mode off", "riscv virt2phys_mode " + mode
    # Up to 0.12 it does not tell; on is what it begins with.
    return "riscv set_enable_virt2phys off", "riscv set_enable_virt2phys on"


@contextlib.contextmanager
def physical():
    """While this holds, reads go to physical memory, if the stub knows how. QEMU's does,
    Pagewalk's, and OpenOCD's; elsewhere reads go as the target lets them."""
    before = packet("qqemu.PhyMemMode")
    openocd = None if before else openocd_mode()
    switched = bool(before) and before != "1"
    if switched:
        packet("Qqemu.PhyMemMode:1")
    if openocd:
        monitor(openocd[0])
    try:
        yield bool(before or openocd)
    finally:
        if switched:
            packet("Qqemu.PhyMemMode:" + before)
        if openocd:
            monitor(openocd[1])


def known_memory():
    """What tells which addresses are memory: nothing else may be read, a device least of all."""
    if is_core():
        return "all"
    said = ""
    for command in ("info mem", "monitor info mtree -f"):
        try:
            said = gdb.execute(command, to_string=True)
        except gdb.error:
            continue
        if "0x" in said or "ram" in said:
            break
    return "data " + (said.encode().hex() or "-")


def read_memory(at, length):
    """Memory in hexadecimal, or `-` if there is none."""
    try:
        return bytes(gdb.selected_inferior().read_memory(at, length)).hex() or "-"
    except gdb.MemoryError:
        return "-"


def number(expression):
    """The value of an expression, as an unsigned number."""
    try:
        value = gdb.parse_and_eval(expression)
    except gdb.error as error:
        raise gdb.GdbError(str(error))
    return int(value) & (2 ** (8 * max(value.type.sizeof, 4)) - 1)


def unsigned(value):
    """An argument of a convenience function, as wide as the hart's addresses."""
    return int(value) & (2 ** xlen() - 1)


def register(name):
    """A register, or an error that says what to do."""
    try:
        return number("$" + name)
    except (gdb.GdbError, gdb.error, TypeError, ValueError):
        raise gdb.GdbError(
            "the target does not tell ${}; is it RISC-V, and is anything attached?".format(name)
        )


def xlen():
    return 8 * gdb.parse_and_eval("$pc").type.sizeof


def split(argument):
    """What stands before the first option, and the options."""
    found = re.search(r"(^|\s)--\w", argument)
    at = found.start() if found else len(argument)
    return argument[:at].strip(), argument[at:].strip()


# The root that `pw root` chose, instead of the hart's; and what `pw ram` said.
CHOSEN = {"satp": None, "ram": []}

# What a command may be told besides; for tab completion.
TABLES = ["--satp", "--mode", "--dialect", "--xlen", "--ram", "--board"]
FILTERS = ["--user", "--kernel", "--write", "--exec", "--range", "--pa", "--level", "--attr"]


def options(given, satp=True):
    """The options of every request: what the target says, unless it is given."""
    words = given.split()
    if satp and "--satp" not in words and "--root" not in words:
        chosen = CHOSEN["satp"]
        words += ["--satp", "{:#x}".format(register("satp") if chosen is None else chosen)]
    if "--xlen" not in words and "--mode" not in words:
        words += ["--xlen", str(xlen())]
    if "--ram" not in words:
        for span in CHOSEN["ram"]:
            words += ["--ram", span]
    return " ".join(words)


def ask(request):
    """The answer's lines, of a target whose memory is read; and what went wrong, or None."""
    if gdb.selected_inferior().pid == 0 and not gdb.selected_inferior().threads():
        raise gdb.GdbError(
            "nothing is attached: try `target remote HOST:PORT`; a board's serial line faster than "
            "460,800 baud, which gdb cannot open, goes through `pagewalk connect "
            "/dev/ttyUSB0@2000000`, then `target remote localhost:3333`"
        )
    with physical() as is_physical:
        answer = BRIDGE.ask(request, read_memory)
    if not is_physical and not is_core():
        gdb.write(
            "warning: this stub cannot read physical memory; reads went the way the hart's own "
            "would\n",
            gdb.STDERR,
        )
    return answer


def tell(request):
    show(ask(request))


def show(answer):
    """Prints lines; what could be said is said, also where the end is an error."""
    lines, wrong = answer
    gdb.write("".join(line + "\n" for line in lines))
    if wrong:
        raise gdb.GdbError(wrong)


def value_of(request):
    """The one line of an answer, for an expression."""
    lines, wrong = ask(request)
    if wrong:
        raise gdb.GdbError(wrong)
    return lines[0]


def is_core():
    return "Local core dump" in gdb.execute("info target", to_string=True)


class Prefix(gdb.Command):
    """Page tables: how addresses are translated, what is mapped, why something faulted.

    pw walk ADDR    each level of one translation, and who may do what with the page
    pw map          everything the tables map, and what the MMU refuses
    pw find PA      every address that reaches a physical one; --pattern HEX: where bytes are
    pw lint         what the tables say that nobody can have meant
    pw stats        tables by level, page sizes, permissions, what a TLB reaches
    pw ws           what has been used and written
    pw snapshot F   keep the tables in a file; pw diff F: what changed since
    pw chart F      draw the address space as .svg or .png
    pw satp [VALUE] the root of the tables, field by field
    pw root N|SATP  look at the tables of another process from now on
    pw faults [N]   the last faults that a Pagewalk kernel keeps
    pw explain      why the hart trapped last: scause, sepc, stval

The tables are those in satp; --satp VALUE names others, --mode sv39, --dialect thead and
--xlen 32 say how they are written. $pw_pa(ADDR) and $pw_flags(ADDR) are what an address is
mapped to, in any expression. The target is only read, and of it only what is known to be
memory: by its memory map, by QEMU's `info mtree`, or by `pw ram 0x80000000+128M`."""

    def __init__(self):
        super().__init__("pw", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Command(gdb.Command):
    """A command of ours, its name and what it may be told."""

    name = ""
    words = TABLES

    def __init__(self):
        super().__init__("pw " + self.name, gdb.COMMAND_DATA)

    def complete(self, text, word):
        last = text.split(" ")[-1]
        if not last.startswith("-"):
            return self.arguments(text)
        # gdb puts the answer in the place of `word`, which may begin behind the dashes.
        skip = len(last) - len(word)
        return [option[skip:] for option in self.words if option.startswith(last)]

    def arguments(self, text):
        return gdb.COMPLETE_NONE


class OfAddress(Command):
    def arguments(self, text):
        return gdb.COMPLETE_EXPRESSION


class OfFile(Command):
    def arguments(self, text):
        return gdb.COMPLETE_FILENAME


class Walk(OfAddress):
    """Translate one address: each level, the answer, or why it faults.

Usage: pw walk ADDR [--satp VALUE] [--mode MODE] [--dialect none|svpbmt|thead|auto]
ADDR is any expression: pw walk $sp, pw walk &main, pw walk 0x10000"""

    name = "walk"

    def invoke(self, argument, from_tty):
        address, given = split(argument)
        if not address:
            raise gdb.GdbError("of which address? Example: pw walk $pc")
        tell("walk {:#x} {}".format(number("(unsigned long)(%s)" % address), options(given)))


class OfAll(Command):
    """A command that looks at all the tables and takes options only."""

    words = TABLES + FILTERS

    def invoke(self, argument, from_tty):
        address, given = split(argument)
        if address:
            raise gdb.GdbError(
                "pw {} takes no address; did you mean: pw walk {}".format(self.name, address)
            )
        tell("{} {}".format(self.name, options(given)))


class Map(OfAll):
    """List everything the tables map, and what the MMU refuses.

Usage: pw map [--user|--kernel] [--write] [--exec] [--range START-END] [--pa START-END]
              [--level N] [--attr WORD] [--merge all|va|none] [--satp VALUE] [--mode MODE]"""

    name = "map"
    words = TABLES + FILTERS + ["--merge"]


class Lint(OfAll):
    """Judge the tables: reserved bits, W+X, tables that users reach, and more.

Usage: pw lint [--board NAME] [--satp VALUE,VALUE] [--dialect none|svpbmt|thead|auto]"""

    name = "lint"
    words = TABLES


class Stats(OfAll):
    """Count tables by level, the empty ones, bytes by page size and permission.

Usage: pw stats [--satp VALUE,VALUE]"""

    name = "stats"
    words = TABLES


class Ws(OfAll):
    """Show what has been used (A) and written (D).

Usage: pw ws [--user|--kernel] [--range START-END]"""

    name = "ws"


class Find(OfAddress):
    """Find every virtual address that reaches a physical one, or where bytes are mapped.

Usage: pw find PA | START-END | START+SIZE [--satp VALUE,VALUE]
       pw find --pattern HEX [--user|--kernel] [--range START-END]"""

    name = "find"
    words = TABLES + ["--pattern", "--user", "--kernel", "--range", "--most"]

    def invoke(self, argument, from_tty):
        place, given = split(argument)
        if not place and "--pattern" not in given:
            raise gdb.GdbError("what? Example: pw find 0x80200000, pw find --pattern 7f454c46")
        if place and not re.search(r"[0-9a-fA-Fx_]+[-+]", place):
            place = "{:#x}".format(number("(unsigned long)(%s)" % place))
        tell("find {} {}".format(place, options(given)))


class Diff(OfFile):
    """Say what changed since a snapshot was kept, or between two.

Usage: pw diff FILE [FILE] [--ignore used,moved] [--satp VALUE]"""

    name = "diff"
    words = TABLES + ["--ignore"]

    def invoke(self, argument, from_tty):
        files, given = split(argument)
        files = files.split()
        if len(files) not in (1, 2):
            raise gdb.GdbError("since which snapshot? Example: pw diff before.json")
        if len(files) == 2:
            show(BRIDGE.ask("diff {} {}".format(" ".join(files), given)))
            return
        # The snapshot's own root, unless another was chosen.
        is_chosen = CHOSEN["satp"] is not None
        tell("diff {} pipe: {}".format(files[0], options(given, satp=is_chosen)))


class Snapshot(OfFile):
    """Keep the tables in a file that `pw diff` and `pagewalk --from FILE` read.

Usage: pw snapshot FILE [--satp VALUE,VALUE]"""

    name = "snapshot"

    def invoke(self, argument, from_tty):
        file, given = split(argument)
        if not file or " " in file:
            raise gdb.GdbError("into which file? Example: pw snapshot before.json")
        tell("snapshot save {} {}".format(file, options(given)))


class Chart(OfFile):
    """Draw the address space, its working set, or its tables, as .svg or .png.

Usage: pw chart [map|ws|levels] FILE [--satp VALUE]"""

    name = "chart"
    words = TABLES + FILTERS

    def invoke(self, argument, from_tty):
        words, given = split(argument)
        kind, file = (["map"] + words.split())[-2:] if words else (None, None)
        if kind not in ("map", "ws", "levels") or len(words.split()) > 2:
            raise gdb.GdbError("what, and into which file? Example: pw chart map space.svg")
        tell("chart {} -o {} {}".format(kind, file, options(given)))
        gdb.write("{} is drawn\n".format(file))


class Satp(OfAddress):
    """Take satp apart: the target's own, or a value.

Usage: pw satp [VALUE] [--xlen 32|64]"""

    name = "satp"
    words = ["--xlen"]

    def invoke(self, argument, from_tty):
        value, given = split(argument)
        value = number(value) if value else register("satp")
        if "--xlen" not in given.split():
            given += " --xlen {}".format(xlen())
        show(BRIDGE.ask("satp {:#x} {}".format(value, given)))


class Root(OfAddress):
    """Look at the tables of another process from now on.

Usage: pw root        whose tables are looked at
       pw root N      those of task N, of a stub that knows tasks: a Pagewalk kernel's own
       pw root SATP   those of this value of satp
       pw root hart   those that the hart uses, as in the beginning"""

    name = "root"

    def invoke(self, argument, from_tty):
        if argument == "hart":
            CHOSEN["satp"] = None
        elif re.fullmatch("[0-9]{1,4}", argument):
            CHOSEN["satp"] = satp_of(int(argument))
        elif argument:
            CHOSEN["satp"] = number("(unsigned long)(%s)" % argument)
        chosen = CHOSEN["satp"]
        whose = "the hart's" if chosen is None else "chosen"
        chosen = register("satp") if chosen is None else chosen
        gdb.write("satp {:#x}, {}\n".format(chosen, whose))


def satp_of(task):
    """The root of a task, as the stub of a kernel tells it for a thread."""
    before = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            if task not in thread.ptid:
                continue
            thread.switch()
            said = gdb.execute("monitor satp", to_string=True)
            found = re.search("task {}: satp ([0-9a-f]+)".format(task), said)
            if found:
                return int(found.group(1), 16)
    except gdb.error:
        pass
    finally:
        if before is not None and before.is_valid():
            before.switch()
    raise gdb.GdbError(
        "this stub knows no task {}; give its satp: pw root 0x8000000000080120".format(task)
    )


class Ram(Command):
    """Say what is memory on the target: nothing else is read.

Usage: pw ram [START+SIZE …]        Example: pw ram 0x80000000+128M"""

    name = "ram"
    words = []

    def invoke(self, argument, from_tty):
        CHOSEN["ram"] = argument.split()
        known = ", ".join(CHOSEN["ram"]) or "what the target tells"
        gdb.write("memory: {}\n".format(known))


class Faults(Command):
    """List the last faults that a Pagewalk kernel keeps.

Usage: pw faults [N]"""

    name = "faults"
    words = []

    def invoke(self, argument, from_tty):
        if argument and not argument.isdigit():
            raise gdb.GdbError("how many? Example: pw faults 20")
        try:
            said = gdb.execute("monitor faults " + argument, to_string=True)
        except gdb.error:
            said = ""
        # QEMU takes the command for one of its own monitor's, and knows none.
        if not said or "unknown command" in said:
            raise gdb.GdbError(
                "this stub keeps no faults: ask a Pagewalk kernel's own, over its serial line"
            )
        gdb.write(said)


class Explain(Command):
    """Say why the hart trapped last, and how the address is translated.

Usage: pw explain [--satp VALUE] [--mode MODE] [--dialect none|svpbmt|thead|auto]"""

    name = "explain"

    def invoke(self, argument, from_tty):
        _, given = split(argument)
        names = ("scause", "sepc", "stval", "sp", "ra")
        told = " ".join("--{} {:#x}".format(name, register(name)) for name in names)
        tell("explain {} {}".format(told, options(given)))


class PhysicalAddress(gdb.Function):
    """Where a virtual address lies in memory: $pw_pa(ADDR). An error if it is not mapped."""

    def __init__(self):
        super().__init__("pw_pa")

    def invoke(self, address):
        said = value_of("pa {:#x} {}".format(unsigned(address), options("")))
        # As wide as a register of 64 bits: a physical address of RV32 has 34.
        return gdb.Value(int(said, 16)).cast(gdb.lookup_type("unsigned long long"))


class FlagsOf(gdb.Function):
    """What an address is mapped as: $pw_flags(ADDR) is text, `rwxugad`, `-` for a clear bit."""

    def __init__(self):
        super().__init__("pw_flags")

    def invoke(self, address):
        return value_of("flags {:#x} {}".format(unsigned(address), options("")))


Prefix()
for command in (
    Walk, Map, Find, Lint, Stats, Ws, Snapshot, Diff, Chart, Satp, Root, Ram, Faults, Explain,
):
    command()
PhysicalAddress()
FlagsOf()
