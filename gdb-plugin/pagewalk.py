"""Page-table commands for gdb, on any RISC-V target.

    (gdb) source gdb-plugin/pagewalk.py
    (gdb) pw walk $pc
    (gdb) help pw

gdb reads the memory; what page tables mean is known to `pagewalk bridge`, which is started when
it is first needed and asked over a pipe. $PAGEWALK names another pagewalk than the one that was
built here or is on the PATH.

A Pagewalk kernel's own stub reports to gdb which program a task runs. This finds the program's file: below
target/board-side, or beside the kernel that gdb has been given. `just install` copies this file to where
gdb loads it by itself.

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
    # `just install` put it there, beside this file's own folder.
    built.append(os.path.join(HERE, "..", "..", "bin", "pagewalk"))
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
            # Ctrl-C, or a broken pipe: the state of the other end is not known.
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
    # Versions up to 0.12 do not report it; it is on at the start.
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
    """Options that say which addresses are memory: nothing else may be read, a device least of all."""
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


def stub_is_ours():
    """Is the target the stub of a Pagewalk kernel?"""
    connection = getattr(gdb.selected_inferior(), "connection_num", None)
    if connection is None:
        return False
    if OURS.get("connection") != connection:
        OURS["connection"] = connection
        # First what each stub answers in a few bytes: OpenOCD's help is thousands of packets, and
        # gdb may close the line on the way.
        may_be = packet("qqemu.Supported") == "PhyMemMode"
        OURS["is"] = may_be and "a task's page tables" in (monitor("help") or "")
    return OURS["is"]


# Which connection was asked last, and what it is.
OURS = {}


def number(expression):
    """The value of an expression, as an unsigned number. In every language of gdb: Rust has no
    `(unsigned long)`."""
    if re.fullmatch("0[xX][0-9a-fA-F]+|[0-9]+", expression):
        return int(expression, 0 if expression[:2] in ("0x", "0X") else 10)
    try:
        value = gdb.parse_and_eval(expression)
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_FUNC:
            value = value.address
        return int(value) & (2 ** (8 * max(value.type.sizeof, 4)) - 1)
    except (gdb.error, TypeError, ValueError) as error:
        raise gdb.GdbError(str(error))


def address_of(expression):
    """The same, as wide as an address: -1 is the last one."""
    value = number(expression)
    if value >> 31 == 1 and xlen() == 64 and re.fullmatch("-[0-9]+", expression.strip()):
        value |= 0xffffffff << 32
    return value


def integer_type(bits, signed=False):
    """A type that each language has under another name."""
    return gdb.selected_inferior().architecture().integer_type(bits, signed)


def unsigned(value):
    """An argument of a convenience function, as wide as the hart's addresses."""
    return int(value) & (2 ** xlen() - 1)


def register(name):
    """A register, or an error that says what to do."""
    try:
        return number("$" + name)
    except (gdb.GdbError, gdb.error, TypeError, ValueError):
        raise gdb.GdbError(
            "the target does not report ${}; is it RISC-V, and is anything attached?".format(name)
        )


def note_mode():
    """Says so where the hart's own accesses are not translated. QEMU and OpenOCD have the privilege mode
    as $priv; a target without it says nothing about it."""
    try:
        mode = int(gdb.parse_and_eval("$priv")) & 3
    except (gdb.error, TypeError, ValueError):
        return
    if mode != 3:
        return
    try:
        status = int(gdb.parse_and_eval("$mstatus"))
    except (gdb.error, TypeError, ValueError):
        status = 0
    # MPRV, and MPP other than machine mode: Privileged spec, "Memory Privilege in mstatus Register".
    if status >> 17 & 1 and status >> 11 & 3 != 3:
        said = "translates its loads and stores (MPRV), and not its fetches"
    else:
        said = "translates no address: what follows is what supervisor or user mode would see"
    gdb.write("note: the hart is in machine mode and {}\n".format(said), gdb.STDERR)


def xlen():
    return 8 * gdb.parse_and_eval("$pc").type.sizeof


def split(argument):
    """What stands before the first option, and the options."""
    found = re.search(r"(^|\s)--\w", argument)
    at = found.start() if found else len(argument)
    return argument[:at].strip(), argument[at:].strip()


# The root that `pw root` chose, instead of the hart's; and what `pw ram` said.
CHOSEN = {"satp": None, "ram": []}

# Further options of a command, for tab completion.
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


def print_answer(request):
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
    pw lint         entries that cannot be intended
    pw stats        tables by level, page sizes, permissions, what a TLB reaches
    pw ws           what has been used and written
    pw snapshot F   keep the tables in a file; pw diff F: what changed since
    pw chart F      draw the address space as .svg or .png
    pw satp [VALUE] the root of the tables, field by field
    pw root N|SATP  look at the tables of another process from now on
    pw ps           the tasks of a Linux; pw task N: look at the tables of one from now on
    pw roots        every root of page tables that is in memory, of any kernel
    pw x/FMT PA     physical memory, as gdb's own x shows virtual
    pw faults [N]   the last faults that a Pagewalk kernel keeps
    pw catch fault  stop before a page fault is served
    pw explain      why the hart trapped last: scause, sepc, stval

The tables are those in satp; --satp VALUE names others, --mode sv39, --dialect thead and
--xlen 32 say how they are written. $pw_pa(ADDR) and $pw_flags(ADDR) are what an address is
mapped to, in any expression. The target is only read, and of it only what is known to be
memory: by its memory map, by QEMU's `info mtree`, or by `pw ram 0x80000000+128M`."""

    def __init__(self):
        super().__init__("pw", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Command(gdb.Command):
    """A command of ours, its name and its options."""

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
        note_mode()
        print_answer("walk {:#x} {}".format(address_of(address), options(given)))


class OfAll(Command):
    """A command that looks at all the tables and takes options only."""

    words = TABLES + FILTERS

    def invoke(self, argument, from_tty):
        address, given = split(argument)
        if address:
            raise gdb.GdbError(
                "pw {} takes no address; did you mean: pw walk {}".format(self.name, address)
            )
        print_answer("{} {}".format(self.name, options(given)))


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
            place = "{:#x}".format(address_of(place))
        print_answer("find {} {}".format(place, options(given)))


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
        print_answer("diff {} pipe: {}".format(files[0], options(given, satp=is_chosen)))


class Snapshot(OfFile):
    """Keep the tables in a file that `pw diff` and `pagewalk --from FILE` read.

Usage: pw snapshot FILE [--satp VALUE,VALUE]"""

    name = "snapshot"

    def invoke(self, argument, from_tty):
        file, given = split(argument)
        if not file or " " in file:
            raise gdb.GdbError("into which file? Example: pw snapshot before.json")
        print_answer("snapshot save {} {}".format(file, options(given)))


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
        print_answer("chart {} -o {} {}".format(kind, file, options(given)))
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
            CHOSEN["satp"] = address_of(argument)
        chosen = CHOSEN["satp"]
        whose = "the hart's" if chosen is None else "chosen"
        chosen = register("satp") if chosen is None else chosen
        gdb.write("satp {:#x}, {}\n".format(chosen, whose))


def satp_of(task):
    """The root of a task, as the stub of a kernel reports it for a thread."""
    # The stub does not know which thread is selected in gdb: the request names the task.
    said = monitor("satp {}".format(task)) or ""
    found = re.search("task {}: satp ([0-9a-f]+)".format(task), said)
    if found:
        return int(found.group(1), 16)
    raise gdb.GdbError(
        "this stub has no task {}; give its satp: pw root 0x8000000000080120".format(task)
    )


class Tasks(Command):
    """List the tasks of the system that is found in memory, with the roots of their tables.

Usage: pw ps [--os linux] [--elf KERNEL]"""

    name = "ps"
    words = ["--os", "--elf", "--format", "--ram", "--xlen"]

    def invoke(self, argument, from_tty):
        stray, given = split(argument)
        if stray:
            raise gdb.GdbError("pw ps takes no number; did you mean: pw task " + stray)
        print_answer("ps {}".format(options(given, satp=False)))


class Task(Command):
    """Look at the tables of a task from now on, by its number.

Usage: pw task N [--os linux] [--elf KERNEL]        `pw ps` lists them; `pw root hart` goes back"""

    name = "task"
    words = ["--os", "--elf", "--ram", "--xlen"]

    def invoke(self, argument, from_tty):
        task, given = split(argument)
        if not re.fullmatch("[0-9]+", task or ""):
            raise gdb.GdbError("of which task? Example: pw task 1; `pw ps` lists them")
        if stub_is_ours():
            satp = satp_of(int(task))
        else:
            satp = self.satp(task, given)
        CHOSEN["satp"] = satp
        gdb.write("satp {:#x}, chosen\n".format(satp))

    def satp(self, task, given):
        """The root of a task of the system that is found in memory."""
        lines, wrong = ask("ps --format csv {}".format(options(given, satp=False)))
        if wrong:
            raise gdb.GdbError(wrong)
        rows = [line.split(",") for line in lines[1:]]
        found = [row[2] for row in rows if row[0] == task]
        if not found:
            raise gdb.GdbError("there is no task {}; `pw ps` lists them".format(task))
        if int(found[0], 16) == 0:
            raise gdb.GdbError("task {} has no tables of its own".format(task))
        return int(found[0], 16)


class Roots(Command):
    """Find every root of page tables in memory, without symbols.

Usage: pw roots [--all-pages] [--satp VALUE]"""

    name = "roots"
    words = ["--all-pages", "--satp", "--format", "--ram", "--xlen"]

    def invoke(self, argument, from_tty):
        stray, given = split(argument)
        if stray:
            raise gdb.GdbError("pw roots takes no address")
        print_answer("roots {}".format(options(given)))


class Ram(Command):
    """Say what is memory on the target: nothing else is read.

Usage: pw ram [START+SIZE …]        Example: pw ram 0x80000000+128M"""

    name = "ram"
    words = []

    def invoke(self, argument, from_tty):
        spans = argument.split()
        if spans:
            show(BRIDGE.ask("ram " + " ".join(spans)))
        CHOSEN["ram"] = spans
        known = ", ".join(CHOSEN["ram"]) or "what the target reports"
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
        stray, given = split(argument)
        if stray:
            raise gdb.GdbError("pw explain takes no address; did you mean: pw walk " + stray)
        try:
            trap = [number("$" + name) for name in ("scause", "sepc", "stval")]
        except (gdb.GdbError, gdb.error, TypeError, ValueError):
            # The kernel's own stub has them where a stop is a fault's.
            if not stub_is_ours():
                register("scause")
            raise gdb.GdbError(
                "this stop is not a fault of the selected thread: `pw faults` lists those that "
                "were, `pw catch fault` stops at the next one"
            )
        if not any(trap):
            raise gdb.GdbError("nothing has trapped yet: scause, sepc and stval are all 0")
        names = ("scause", "sepc", "stval", "sp", "ra")
        arguments = " ".join("--{} {:#x}".format(name, register(name)) for name in names)
        print_answer("explain {} {}".format(arguments, options(given)))


class Examine(OfAddress):
    """Show physical memory, as gdb's own x shows virtual.

Usage: pw x[/COUNT FORMAT SIZE] PA      Example: pw x/8gx 0x80200000
FORMAT is x, d, u, o, t, a, c or f, SIZE is b, h, w or g. Only what is known to be memory is read."""

    name = "x"
    words = ["--ram", "--board"]
    format, size = "x", "g"

    def invoke(self, argument, from_tty):
        argument, given = split(argument)
        found = re.fullmatch(r"(?:/(\d*)([a-z]*))?\s*(\S.*)?", argument)
        count, letters, place = found.groups() if found else (None, None, None)
        if not place or place.startswith("/"):
            raise gdb.GdbError("which physical address? Example: pw x/8gx 0x80200000")
        for letter in letters or "":
            if letter in "xduotacf":
                self.format = letter
            elif letter in "bhwg":
                self.size = letter
            else:
                raise gdb.GdbError(
                    "`{}` is not a format of pw x: x, d, u, o, t, a, c, f; b, h, w, g".format(letter)
                )
        count = int(count) if count else 1
        unit = {"b": 1, "h": 2, "w": 4, "g": 8}[self.size]
        at = address_of(place)
        request = "bytes {:#x} {} {}".format(at, count * unit, options(given))
        lines, wrong = ask(request)
        if wrong:
            raise gdb.GdbError(wrong)
        self.show(at, bytes.fromhex("".join(lines)), unit)

    def show(self, at, data, unit):
        kind = integer_type(8 * unit, signed=self.format in "dc")
        if self.format == "f":
            kind = real_type(unit) or kind
        in_line = {1: 8, 2: 8, 4: 4, 8: 2}[unit]
        words = [data[n:n + unit] for n in range(0, len(data), unit)]
        for first in range(0, len(words), in_line):
            texts = []
            for word in words[first:first + in_line]:
                if self.format == "x":
                    texts.append("0x{:0{}x}".format(int.from_bytes(word, "little"), 2 * unit))
                else:
                    texts.append(gdb.Value(word, kind).format_string(format=self.format))
            gdb.write("{:#x}:\t{}\n".format(at + first * unit, "\t".join(texts)))


def real_type(size):
    """The floating type of so many bytes, as the language at hand calls it."""
    for name in {4: ("float", "f32"), 8: ("double", "f64")}.get(size, ()):
        with contextlib.suppress(gdb.error):
            return gdb.lookup_type(name)
    return None


class Catch(Command):
    """Stop before a page fault is served, with its walk: of a Pagewalk kernel's programs.

Usage: pw catch fault [TASK] [ADDRESS|START-END|START+SIZE] [read|write|execute]
       pw catch off     none any more
       pw catch         which are caught
TASK is a task's number; an address is any expression that does not begin with a digit, or
hexadecimal. A second `pw catch fault` takes the place of the first. While one is there, no fault
takes the fast path; without one nothing is slower. `continue` serves the fault."""

    name = "catch"
    words = []
    causes = ("read", "write", "execute", "load", "store", "fetch")

    def arguments(self, text):
        return ["fault", "off"] if " " not in text else gdb.COMPLETE_EXPRESSION

    def invoke(self, argument, from_tty):
        if not stub_is_ours():
            raise gdb.GdbError(
                "this stub catches no faults: ask a Pagewalk kernel's own, over its serial line"
            )
        verb, *words = argument.split() or [""]
        if verb == "fault":
            words = [self.word(word) for word in words]
        said = monitor(" ".join(["catch", verb] + words).strip()) or ""
        if "is no further" in said:
            raise gdb.GdbError(said.strip())
        CAUGHT["wanted"] = "no fault is caught" not in said
        gdb.write(said)

    def word(self, word):
        """A word as the stub takes it: numbers, not names."""
        if word in self.causes or re.fullmatch("[0-9]{1,5}", word):
            return word
        if re.fullmatch("0x[0-9a-fA-F]+([-+].+)?", word):
            start, plus, size = word.partition("+")
            return start + plus + self.bytes_of(size)
        return "{:#x}".format(address_of(word))

    def bytes_of(self, size):
        found = re.fullmatch("([0-9]+)([KMG])", size)
        scale = {"K": 10, "M": 20, "G": 30}
        return str(int(found.group(1)) << scale[found.group(2)]) if found else size


# Are faults caught? Then a stop at one shows its walk.
CAUGHT = {"wanted": False}


def on_stop(event):
    """After a stop: the walk of a fault that was caught."""
    with contextlib.suppress(gdb.error):
        on_connection()
    # A breakpoint and a signal that kills have events of their own.
    if not CAUGHT["wanted"] or type(event) is not gdb.StopEvent:
        return
    try:
        number("$scause")
    except (gdb.GdbError, gdb.error, TypeError, ValueError):
        return
    try:
        gdb.execute("pw explain")
    except gdb.error as error:
        gdb.write("{}\n".format(error), gdb.STDERR)


def follow():
    """Gives gdb the symbols of the selected thread's program: the stub reports those of the thread that was
    read last. Whether they are others than before."""
    if not gdb.selected_inferior().pid or not stub_is_ours():
        return False
    before = shown()
    with contextlib.suppress(gdb.error):
        gdb.selected_inferior().read_memory(number("$pc"), 1)
    gdb.execute("sharedlibrary", to_string=True)
    return shown() != before


def shown():
    """The programs whose symbols gdb has."""
    return gdb.execute("info sharedlibrary", to_string=True)


class Follow(gdb.Command):
    """Give gdb the symbols of the selected thread's program: done before `bt` and after `thread`."""

    def __init__(self):
        super().__init__("pw follow", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        if argument == "away":
            # Rather none than another program's, in the line that `thread` prints.
            if stub_is_ours():
                gdb.execute("nosharedlibrary", to_string=True)
        elif follow() and argument == "thread":
            gdb.execute("frame")


# Where programs for harts of 64 and of 32 bits are built, below target/board-side.
TARGETS = {64: "riscv64gc-unknown-none-elf/board", 32: "riscv32imac-unknown-none-elf/board"}


def search(built, bits):
    """Has gdb look for programs below a folder of what is built for boards, those of that width first.
    Whether that is new."""
    path = gdb.parameter("solib-search-path") or ""
    before = [part for part in path.split(":") if part]
    widths = sorted(TARGETS, key=lambda width: width != bits)
    ours = [os.path.join(built, TARGETS[width]) for width in widths]
    ours = [folder for folder in ours if os.path.isdir(folder)]
    folders = ours + [part for part in before if part not in ours]
    if folders != before:
        gdb.execute("set solib-search-path " + ":".join(folders))
    return folders != before


# Where the programs were built: here, or beside the kernel that gdb was given.
BUILT = {"folder": os.path.abspath(os.path.join(HERE, "..", "target", "board-side")), "bits": 64}


def programs_of(objfile):
    """Of a kernel as `just build` leaves it: its programs are beside it."""
    file = os.path.abspath(objfile.filename or "")
    for bits, target in TARGETS.items():
        if os.path.basename(file) == "kernel" and os.path.dirname(file).endswith("/" + target):
            BUILT["folder"] = os.path.dirname(file)[:-len(target) - 1]
            BUILT["bits"] = bits
            search(BUILT["folder"], bits)


def on_objfile(event):
    """A file of symbols was given."""
    programs_of(event.new_objfile)


def on_connection():
    """The first stop of a connection. Programs are found by name, and both widths have the same: those of
    this hart come first. Without a file of its own gdb has not asked yet what runs."""
    before = OURS.get("connection")
    if not stub_is_ours() or OURS["connection"] == before:
        return
    if BUILT["bits"] != xlen():
        BUILT["bits"] = xlen()
        search(BUILT["folder"], BUILT["bits"])
        gdb.execute("nosharedlibrary", to_string=True)
    if follow():
        gdb.execute("frame")


def hooks():
    """What happens by itself. A plugin that was loaded before gives way."""
    for registry, handler in getattr(gdb, "pagewalk_handlers", []):
        with contextlib.suppress(ValueError):
            registry.disconnect(handler)
    gdb.pagewalk_handlers = [
        (gdb.events.stop, on_stop),
        (gdb.events.new_objfile, on_objfile),
    ]
    for registry, handler in gdb.pagewalk_handlers:
        registry.connect(handler)
    search(BUILT["folder"], BUILT["bits"])
    # Where gdb loads this by itself it has no files yet, and not all of its Python.
    for objfile in gdb.objfiles() if hasattr(gdb, "objfiles") else ():
        programs_of(objfile)
    # A name that no program has yet waits for the program that has it.
    gdb.execute("set breakpoint pending on")
    for name, argument in (
        ("hook-backtrace", ""), ("hook-thread", " away"), ("hookpost-thread", " thread"),
    ):
        gdb.execute("define {}\npw follow{}\nend".format(name, argument))


class PhysicalAddress(gdb.Function):
    """Where a virtual address lies in memory: $pw_pa(ADDR). An error if it is not mapped."""

    def __init__(self):
        super().__init__("pw_pa")

    def invoke(self, address):
        note_mode()
        said = value_of("pa {:#x} {}".format(unsigned(address), options("")))
        # As wide as a register of 64 bits: a physical address of RV32 has 34.
        return gdb.Value(int(said, 16)).cast(integer_type(64))


class FlagsOf(gdb.Function):
    """What an address is mapped as: $pw_flags(ADDR) is text, `rwxugad`, `-` for a clear bit."""

    def __init__(self):
        super().__init__("pw_flags")

    def invoke(self, address):
        return value_of("flags {:#x} {}".format(unsigned(address), options("")))


Prefix()
for command in (
    Walk, Map, Find, Lint, Stats, Ws, Snapshot, Diff, Chart, Satp, Root, Tasks, Task, Roots, Ram, Examine,
    Faults, Catch, Explain,
):
    command()
PhysicalAddress()
FlagsOf()
Follow()
hooks()
