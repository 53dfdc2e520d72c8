#!/usr/bin/python3
"""The cheap checks of the source tree: who may include whom, line width, file length.

usage: tools/lint_includes.py [ROOT]      exit 1 and one line per violation
"""

import os
import re
import subprocess
import sys

MAX_COLUMNS = 100
MAX_LINES = 800

CORE = ["engine/base", "engine/model", "engine/batch", "engine/api"]
CONNECTOR = CORE + ["engine/client", "engine/config"]

# Folder -> folders that its files may include, itself apart. The longest matching folder rules; code
# outside of them (tools, tests, bench) puts everything together and may include everything.
MAY_INCLUDE = {
    "engine/base": [],
    "engine/model": CORE[:1],
    "engine/batch": CORE[:2],
    "engine/api": CORE[:3],
    "engine/client": CORE,
    "engine/config": CORE,
    "engine/pipeline": CORE + ["engine/snapshot"],
    "engine/snapshot": CORE,
    "engine/control": CORE + ["engine/config"],
    "offsets": CORE + ["engine/config"],
    "sources/postgres": CONNECTOR,
    "sources/mysql": CONNECTOR,
    "sources/scripted": CONNECTOR,
    "sinks/format": CONNECTOR,
    "sinks/warehouse": CONNECTOR + ["sinks/format"],
}
SINK = CONNECTOR + ["sinks/format", "sinks/warehouse"]

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
SOURCE = (".h", ".cc")
WIDTH_CHECKED = SOURCE + (".py", ".sh", ".cmake", ".txt", ".md")
# Captured text and raw strings are as wide as they are; a link or a table cannot be broken either.
RAW_TEXT = re.compile(r'R"(\w*)\(')
WIDTH_FREE = re.compile(r"https?://|^\s*\|")
DATA = ("tests/golden/", "tests/fuzz/corpus/", "tests/fixtures/")


def folder_of(path):
    """The rule's folder of a file, or None where there is no rule."""
    parts = path.split("/")
    for length in range(len(parts) - 1, 0, -1):
        folder = "/".join(parts[:length])
        if folder in MAY_INCLUDE:
            return folder
    if parts[0] in ("sinks", "sources") and len(parts) > 2:
        return "/".join(parts[:2])
    return None


def allowed(folder):
    if folder in MAY_INCLUDE:
        return MAY_INCLUDE[folder]
    return SINK if folder.startswith("sinks/") else CONNECTOR


def check_includes(path, lines):
    folder = folder_of(path)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        included = match.group(1)
        if "/" not in included and not path.startswith("tests/"):
            yield f'{path}:{number}: include "{included}" by its path from the root'
            continue
        if folder is None or included.startswith(folder + "/"):
            continue
        if not any(included.startswith(other + "/") for other in allowed(folder)):
            yield f"{path}:{number}: {folder} must not include {included}"


def check_text(path, lines):
    if path.endswith(SOURCE) and len(lines) > MAX_LINES:
        yield f"{path}: {len(lines)} lines; split it before {MAX_LINES}"
    if path.startswith(DATA):
        return
    raw_end = None  # what ends the raw string that the line lies in
    for number, line in enumerate(lines, 1):
        raw_text = raw_end is not None
        if raw_end is None:
            opened = RAW_TEXT.search(line)
            if opened and f'){opened.group(1)}"' not in line[opened.end():]:
                raw_end = f'){opened.group(1)}"'
        elif raw_end in line:
            raw_end = None
        if (len(line) > MAX_COLUMNS and path.endswith(SOURCE) and not raw_text
                and not WIDTH_FREE.search(line)):
            yield f"{path}:{number}: {len(line)} columns; at most {MAX_COLUMNS}"
        if path.endswith(WIDTH_CHECKED) and line != line.rstrip():
            yield f"{path}:{number}: white space at the end of the line"


def files(root):
    """Every file of the project: what git knows, or all there is without git."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False,
    )
    if listed.returncode == 0:
        return sorted(set(listed.stdout.splitlines()))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in ("build", ".git", "__pycache__")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..")
    problems = []
    for path in files(root):
        full = os.path.join(root, path)
        if not path.endswith(WIDTH_CHECKED) or not os.path.isfile(full):
            continue
        with open(full, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        if path.endswith(SOURCE):
            problems += check_includes(path, lines)
        problems += check_text(path, lines)
    print("\n".join(problems) if problems else "includes, widths and lengths are in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
