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

    def ask(self, request, read):
        """The answer's lines. What is to be read is asked of `read(address, length)`."""
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
                    return answer
                elif kind == "error":
                    raise gdb.GdbError(rest)
                elif kind == "read":
                    words = rest.split()
                    pairs = zip(words[0::2], words[1::2])
                    parts = [read(int(at, 16), int(length)) for at, length in pairs]
                    self.say("data " + " ".join(parts))
                else:
                    raise gdb.GdbError("pagewalk said what this plugin does not know: " + kind)
        except gdb.GdbError:
            raise
        except BaseException:
            # Ctrl-C, or a broken pipe: nobody knows what it waits for.
            self.stop()
            raise


BRIDGE = Bridge()


def packet(text):
    """The answer to a packet, or None where there is no remote target."""
    try:
        said = gdb.execute("maintenance packet " + text, to_string=True)
    except gdb.error:
        return None
    found = re.search(r'^received: "(.*)"$', said, re.MULTILINE)
    return found.group(1) if found else None


@contextlib.contextmanager
def physical():
    """While this holds, reads go to physical memory, if the stub knows how. QEMU's does, and
    Pagewalk's; elsewhere reads go as the target lets them."""
    before = packet("qqemu.PhyMemMode")
    switched = bool(before) and before != "1"
    if switched:
        packet("Qqemu.PhyMemMode:1")
    try:
        yield bool(before)
    finally:
        if switched:
            packet("Qqemu.PhyMemMode:" + before)


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


def options(given):
    """The options of every request: what the target says, unless it is given."""
    words = given.split()
    if "--satp" not in words:
        words += ["--satp", "{:#x}".format(register("satp"))]
    if "--xlen" not in words and "--mode" not in words:
        words += ["--xlen", str(xlen())]
    return " ".join(words)


def tell(request):
    if gdb.selected_inferior().pid == 0 and not gdb.selected_inferior().threads():
        raise gdb.GdbError("nothing is attached: try `target remote HOST:PORT`")
    with physical() as is_physical:
        lines = BRIDGE.ask(request, read_memory)
    if not is_physical and not is_core():
        gdb.write(
            "remark: this stub cannot read physical memory; reads went the way the hart's own "
            "would\n",
            gdb.STDERR,
        )
    gdb.write("".join(line + "\n" for line in lines))


def is_core():
    return "Local core dump" in gdb.execute("info target", to_string=True)


class Prefix(gdb.Command):
    """Page tables: how addresses are translated, what is mapped, why something faulted.

    pw walk ADDR    each level of one translation, and who may do what with the page
    pw map          everything the tables map, and what the MMU refuses
    pw satp [VALUE] the root of the tables, field by field
    pw faults [N]   the last faults that a Pagewalk kernel keeps
    pw explain      why the hart trapped last: scause, sepc, stval

The tables are those in satp; --satp VALUE names others, --mode sv39, --dialect thead and
--xlen 32 say how they are written. The target is only read."""

    def __init__(self):
        super().__init__("pw", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Walk(gdb.Command):
    """Translate one address: each level, the answer, or why it faults.

Usage: pw walk ADDR [--satp VALUE] [--mode MODE] [--dialect none|svpbmt|thead|auto]
ADDR is any expression: pw walk $sp, pw walk &main, pw walk 0x10000"""

    def __init__(self):
        super().__init__("pw walk", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        address, given = split(argument)
        if not address:
            raise gdb.GdbError("of which address? Example: pw walk $pc")
        tell("walk {:#x} {}".format(number("(unsigned long)(%s)" % address), options(given)))


class Map(gdb.Command):
    """List everything the tables map, and what the MMU refuses.

Usage: pw map [--satp VALUE] [--mode MODE] [--dialect none|svpbmt|thead|auto]"""

    def __init__(self):
        super().__init__("pw map", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        address, given = split(argument)
        if address:
            raise gdb.GdbError("pw map takes no address; did you mean: pw walk " + address)
        tell("map " + options(given))


class Satp(gdb.Command):
    """Take satp apart: the target's own, or a value.

Usage: pw satp [VALUE] [--xlen 32|64]"""

    def __init__(self):
        super().__init__("pw satp", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        value, given = split(argument)
        value = number(value) if value else register("satp")
        if "--xlen" not in given.split():
            given += " --xlen {}".format(xlen())
        gdb.write(
            "".join(line + "\n" for line in BRIDGE.ask("satp {:#x} {}".format(value, given), None))
        )


class Faults(gdb.Command):
    """List the last faults that a Pagewalk kernel keeps.

Usage: pw faults [N]"""

    def __init__(self):
        super().__init__("pw faults", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

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


class Explain(gdb.Command):
    """Say why the hart trapped last, and how the address is translated.

Usage: pw explain [--satp VALUE] [--mode MODE] [--dialect none|svpbmt|thead|auto]"""

    def __init__(self):
        super().__init__("pw explain", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        _, given = split(argument)
        told = " ".join(
            "--{} {:#x}".format(name, register(name)) for name in ("scause", "sepc", "stval", "sp", "ra")
        )
        tell("explain {} {}".format(told, options(given)))


Prefix()
for command in (Walk, Map, Satp, Faults, Explain):
    command()
