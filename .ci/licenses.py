"""Collects the licences of the crates that are linked into the extension: THIRD-PARTY-LICENSES.

    python .ci/licenses.py            # writes it, after a change in Cargo.lock
    python .ci/licenses.py --check    # exits with 1 where it is no longer current

Crates that only build or test the package, procedural macros among them, leave nothing in the
wheel. Of several licences to choose from, MIT is taken.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = ROOT / "THIRD-PARTY-LICENSES"

TARGETS = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
]

HEAD = """\
The compiled part of cellsieve contains code of the crates below, and of the Rust standard library
(The Rust Project Contributors, here under the MIT licence; what that contains in turn is listed at
https://github.com/rust-lang/rust/blob/main/COPYRIGHT). Written by .ci/licenses.py.
"""


def cargo(command, *options):
    found = subprocess.run(
        ["cargo", command, "--locked", "--features", "python", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return found.stdout


def linked():
    """Name and version of each crate that is linked in on one of the platforms with wheels."""
    options = ["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]
    for target in TARGETS:
        options += ["--target", target]
    lines = {tuple(line.split()[:2]) for line in cargo("tree", *options).splitlines() if line}
    return {(name, version.removeprefix("v")) for name, version in lines if name != "cellsieve"}


def licence_files(package):
    """The texts that the crate, and code of others in it, comes with.

    Raises:
        FileNotFoundError: it comes with none.
    """
    folder = Path(package["manifest_path"]).parent
    pattern = re.compile(r"(un)?licen[sc]e|copying|notice", re.IGNORECASE)
    found = [path for path in sorted(folder.rglob("*")) if pattern.match(path.name)]
    found = [path for path in found if path.is_file() and path.suffix not in {".rs", ".html"}]
    if not found:
        raise FileNotFoundError(f"{folder}: has no licence file")
    if "MIT" in re.split(r" OR |/", package["license"] or ""):
        chosen = [p for p in found if p.parent == folder and p.stem.lower().endswith("mit")]
        found = [p for p in found if p.parent != folder] + chosen if chosen else found
    return found


def text():
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    of = {(package["name"], package["version"]): package for package in packages}
    crates = defaultdict(list)
    for name, version in sorted(linked()):
        for path in licence_files(of[name, version]):
            lines = path.read_text("utf-8").strip("\ufeff\n\r ").splitlines()
            told = f"{name} {version} ({of[name, version]['license']})"
            crates["\n".join(line.rstrip() for line in lines)].append(told)
    rule = "-" * 100
    parts = [
        "\n".join([rule, *dict.fromkeys(names), rule, "", licence, ""])
        for licence, names in crates.items()
    ]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    made = text()
    if not sys.argv[1:]:
        WRITTEN.write_text(made, "utf-8", newline="\n")
    elif not WRITTEN.exists() or WRITTEN.read_text("utf-8") != made:
        sys.exit(f"{WRITTEN.name} is not current: run python .ci/licenses.py")
