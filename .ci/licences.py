#!/usr/bin/env python3
"""The licences of what is linked into pagewalk: a line for each crate, then each text once.

Reads what `cargo metadata` says of the crates that the program with every feature is built from, and the licence files in
their folders. A crate without a text of its own has the name of its licence.
"""

import json
import pathlib
import subprocess
import sys

FLAGS = ["--locked", "--all-features", "--filter-platform"]


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def linked(metadata):
    """The packages reached from `cli` over ordinary dependencies: not those of tests or of builds."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    waiting = [key for key, package in packages.items() if package["name"] == "cli"]
    seen = set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        for dep in nodes[key]["deps"]:
            if any(kind["kind"] is None for kind in dep["dep_kinds"]):
                waiting.append(dep["pkg"])
    others = [packages[key] for key in seen if packages[key]["source"]]
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def texts(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    for path in sorted(folder.iterdir()):
        name = path.name.upper()
        if path.is_file() and name.startswith(("LICENSE", "LICENCE", "COPYING", "UNLICENSE", "NOTICE")):
            yield path.read_text(encoding="utf-8", errors="replace").strip()


def main():
    version = output("rustc", "-vV")
    host = next(line.split(": ")[1] for line in version.splitlines() if line.startswith("host: "))
    metadata = json.loads(output("cargo", "metadata", "--format-version", "1", *FLAGS, host))
    packages = linked(metadata)
    if len(packages) < 50:
        sys.exit("licences: only {} crates were found".format(len(packages)))
    print("What is linked into pagewalk, and under which licence.\n")
    users = {}
    for package in packages:
        licence = package["license"] or "see its text"
        name = "{} {}".format(package["name"], package["version"])
        print("{}: {}".format(name, licence))
        for text in texts(package):
            users.setdefault(text, []).append(name)
    # Beside the crates: the font of the charts.
    font = pathlib.Path("host-tools/view/src/chart/font/LICENSE-LiberationSans")
    users.setdefault(font.read_text(encoding="utf-8").strip(), []).append("Liberation Sans")
    for text, names in users.items():
        print("\n{}\n{}\n\n{}".format("-" * 100, ", ".join(names), text))


main()
