"""Runs that are killed, starved and disturbed at random end, once resumed, with the same bytes.

    python tests/campaign.py --minutes 10

Each round takes a command and a misfortune, lets the command run into it, sets right what was
wrong, resumes, and compares every file of the output with that of a run that nothing has disturbed.
Prints what it did, one line per round; a difference, a traceback, an unknown exit code or a run
that does not end is a fault, which it prints in full. Ends with the counts, and 1 if there was a
fault.
"""

import argparse
import faulthandler
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import cellsieve as cs
from cellsieve.cli import COMMANDS, main, parser

LIMIT = 120  # seconds after which a run has not ended
DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
JOURNAL = ["--resume", "--overwrite"]


def make_set(folder, images=24, seed=20261124):
    """Images of two channels with masks, in the Atlas's layout, and their labels."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    lines = ["ID,Label"]
    for number in range(images):
        mask = np.kron(rng.permutation(16).reshape(4, 4), np.ones((16, 20))).astype(np.int32)
        for channel in ("green", "red"):
            pixels = rng.poisson(6 + 2 * (mask % 7)).astype(np.uint8)
            cs.write_png(folder / "images" / f"im{number:02}_{channel}.png", pixels)
        np.savez_compressed(folder / "masks" / f"im{number:02}.npz", mask)
        lines.append(f"im{number:02},{number % 3}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")


def commands():
    """Each command's arguments but the output, its output, and how it is begun again."""
    measure = [
        "measure",
        "images",
        "--masks",
        "masks",
        "--labels",
        "train.csv",
        "--channels",
        "green",
    ]
    tables = ["csv", "csv.gz", *(["parquet"] if find_spec("pyarrow") else [])]
    found = {f"measure {end}": (measure, f"cells.{end}", JOURNAL) for end in tables}
    crops = ["crops", "clean.csv", "--channels", "green"]
    for kind in ("png", "npy", "npz"):
        found[f"crops {kind}"] = ([*crops, "--kind", kind], "", JOURNAL)
    found |= {
        "crops in folders": ([*crops, "--folders"], "", JOURNAL),
        "crops tar": ([*crops, "--kind", "tar", "--shard-cells", "40"], "", JOURNAL),
        "masks": (["masks", "clean.csv"], "", JOURNAL),
        "annotate json": (["annotate", "clean.csv"], "a.json", JOURNAL),
        "annotate pkl": (["annotate", "clean.csv", "--composites", "OUT/rgb"], "a.pkl", JOURNAL),
        "annotate yolo": (
            ["annotate", "clean.csv", "--format", "yolo", "--composites", "OUT/images"],
            "",
            JOURNAL,
        ),
        "merge": (["merge", "part1.csv", "part2.csv"], "cells.csv", ["--overwrite"]),
    }
    for end in tables:
        clean = ["clean", "cells.csv", "--lower", "0.1", "--upper", "0.9"]
        found[f"clean {end}"] = (clean, f"clean.{end}", ["--overwrite"])
    if find_spec("jinja2") and find_spec("PIL"):
        report = ["report", "clean.csv", "--channels", "green", "-n", "3"]
        found["report"] = (report, "report.html", ["--overwrite"])
    return found


class Run:
    """A command in a process of its own, in the folder of the set."""

    def __init__(self, folder, arguments, *, before=lambda: None):
        self.said, saying = os.pipe()  # no file, which a limit would hold for too
        ready, begun = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            code = 99
            try:
                os.dup2(saying, 1)
                os.dup2(saying, 2)
                os.chdir(folder)
                faulthandler.enable()
                os.write(begun, b"!")
                os.close(begun)
                before()
                code = main(arguments)
                sys.stdout.flush()
            except KeyboardInterrupt:
                code = INTERRUPTED
            except SystemExit as stop:
                code = stop.code
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(begun)
        os.close(saying)
        os.read(ready, 1)
        os.close(ready)
        self.begun = time.monotonic()

    def end(self):
        """The exit code, less than 0 for a signal; None where it does not end."""
        while True:
            found, status = os.waitpid(self.process, os.WNOHANG)
            if found:
                break
            if time.monotonic() - self.begun > LIMIT:
                os.kill(self.process, signal.SIGKILL)
                os.waitpid(self.process, 0)
                os.close(self.said)
                self.code, self.text = None, "it does not end"
                return None
            time.sleep(0.002)
        self.code = os.waitstatus_to_exitcode(status)
        with os.fdopen(self.said, "rb") as said:
            self.text = said.read().decode(errors="replace")
        return self.code


def files_of(folder):
    """Every file of an output, hidden ones too; a page's date is of no account."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


class Campaign:
    """The set, and what each command makes of it when nothing happens."""

    def __init__(self, folder, chance):
        self.folder, self.chance = folder, chance
        self.out = folder / "out"
        make_set(folder)
        folder.chmod(0o755)
        for words in (
            "measure images --masks masks --labels train.csv --channels green -o cells.csv",
            "measure images --masks masks --labels train.csv --channels green -o part1.csv "
            "--shard 1/2",
            "measure images --masks masks --labels train.csv --channels green -o part2.csv "
            "--shard 2/2",
            "clean cells.csv -o clean.csv --lower 0.1 --upper 0.9",
        ):
            run = Run(folder, [*words.split(), "-q"])
            assert run.end() == DONE, run.text
        self.whole, self.seconds = {}, {}
        for name in commands():
            run = self.start(name)
            begun = time.monotonic()
            assert run.end() == DONE, run.text
            self.seconds[name] = time.monotonic() - begun
            self.whole[name] = files_of(self.out)
            assert self.whole[name]
            self.clear()

    def clear(self):
        shutil.rmtree(self.out, ignore_errors=True)

    def arguments(self, name, *more):
        words, output, _ = commands()[name]
        path = f"out/{output}" if output else "out"
        return [*(word.replace("OUT", "out") for word in words), "-o", path, "-q", *more]

    def start(self, name, *more, before=lambda: None):
        return Run(self.folder, self.arguments(name, *more), before=before)

    def inputs(self):
        """An image or a mask."""
        return self.chance.choice([*(self.folder / "masks").iterdir(),
                                   *(self.folder / "images").glob("*_green.png")])  # fmt: skip

    # Misfortunes: each starts the command and gives the run, once it has ended, and what happened.

    def signalled(self, name, which):
        run = self.start(name)
        after = self.chance.uniform(0, 1.1 * self.seconds[name])
        time.sleep(after)
        os.kill(run.process, which)
        return [run], f"{which.name} after {after:.3f} s", {-which, INTERRUPTED, DONE}

    def killed(self, name):
        return self.signalled(name, signal.SIGKILL)

    def interrupted(self, name):
        return self.signalled(name, signal.SIGINT)

    def terminated(self, name):
        return self.signalled(name, signal.SIGTERM)

    def full_disk(self, name):
        largest = max(map(len, self.whole[name].values()))
        most = int(2 ** self.chance.uniform(0, np.log2(1.2 * largest)))
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
        return [self.start(name, before=limit)], f"files of at most {most} bytes", {DONE, REFUSED}

    def few_handles(self, name):
        number = self.chance.choice([12, 16, 20, 20, 20, 24])
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))  # noqa: E731
        run = self.start(name, before=limit)
        return [run], f"{number} file handles", {DONE, FAILED, REFUSED}

    def read_only(self, name):
        self.out.mkdir()
        run = self.start(name)
        run.end()
        if self.chance.random() < 0.5:
            self.clear()
            self.out.mkdir()
        for path in (self.out, *self.out.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        run = self.start(name, "--overwrite", before=as_nobody)
        run.end()
        for path in (self.out, *self.out.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return [run], "the output can't be written", {REFUSED}

    @contextmanager
    def without(self, path, content):
        """A file that is gone, or holds something else, for as long."""
        aside = path.with_name(f"aside-{path.name}~")
        path.rename(aside)
        if content is not None:
            path.write_bytes(content)
        try:
            yield
        finally:
            aside.replace(path)

    def lost_input(self, name):
        return self.spoilt(name, None, "is gone")

    def changed_input(self, name):
        return self.spoilt(name, b"\x89PNG broken", "is broken")

    def spoilt(self, name, content, said):
        path = self.inputs()
        after = self.chance.choice([0, self.chance.uniform(0, self.seconds[name])])
        run = self.start(name)
        time.sleep(after)
        with self.without(path, content):
            run.end()
        said = f"{path.name} {said} after {after:.3f} s"
        return [run], said, {DONE, FAILED, REFUSED}

    def two_writers(self, name):
        again = self.chance.choice(commands()[name][2])
        one = self.start(name, again)
        time.sleep(self.chance.uniform(0, self.seconds[name]))
        other = self.start(name, self.chance.choice(commands()[name][2]))
        return [one, other], "two writers", {DONE, REFUSED}

    def round(self, name, misfortune):
        """What happened, and what is wrong with how it ended."""
        self.clear()
        runs, said, expected = getattr(self, misfortune)(name)
        faults = []
        for run in runs:
            if not hasattr(run, "code"):
                run.end()
            if run.code not in expected:
                faults.append(f"exit code {run.code}, expected one of {expected}: {run.text}")
            faults += complaints(run)
        codes = " and ".join(str(run.code) for run in runs)
        again = self.chance.choice(commands()[name][2])
        run = self.start(name, again)
        if run.end() != DONE:
            faults.append(f"{again} ended with {run.code}: {run.text}")
        faults += complaints(run) + self.differences(name)
        return f"{said} -> {codes}; {again}", faults

    def differences(self, name):
        found, whole = files_of(self.out), self.whole[name]
        wrong = {
            "differs": {path for path in found.keys() & whole if found[path] != whole[path]},
            "is missing": whole.keys() - found.keys(),
            "is left over": found.keys() - whole.keys(),
        }
        return [f"{path}: {what}" for what, paths in wrong.items() for path in sorted(paths)]


def complaints(run):
    """A traceback, or a crash."""
    signs = ("Traceback", "Fatal Python error", "panicked")
    return [run.text] if any(sign in run.text for sign in signs) else []


def as_nobody():
    """Rights count for nothing to whoever has all of them."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


MISFORTUNES = ["killed", "killed", "interrupted", "terminated", "full_disk", "few_handles",
               "read_only", "lost_input", "changed_input", "two_writers"]  # fmt: skip


def campaign(minutes, seed, only=""):
    """Rounds until the time is over; whether there was no fault."""
    end = time.monotonic() + 60 * minutes
    for command in COMMANDS:
        parser(command)  # what each needs is imported once, for all processes
    chance = random.Random(seed)
    counts, faulty = Counter(), 0
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        rounds = Campaign(Path(folder, "set"), chance)
        Path(folder).chmod(0o755)
        names = [name for name in commands() if only in name]
        while time.monotonic() < end:
            name, misfortune = chance.choice(names), chance.choice(MISFORTUNES)
            said, faults = rounds.round(name, misfortune)
            counts[misfortune] += 1
            counts[name] += 1
            print(f"{name}: {said}: {'FAULT' if faults else 'the same bytes'}", flush=True)
            faulty += bool(faults)
            for fault in faults:
                print("    " + "\n    ".join(fault.splitlines()), flush=True)
    rows = sum(counts[name] for name in names)
    print(f"\nseed {seed}: {rows} rounds, {faulty} with a fault")
    print(", ".join(f"{name} {counts[name]}" for name in [*names, *dict.fromkeys(MISFORTUNES)]))
    return faulty == 0 and rows > 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=random.randrange(10**6))
    options.add_argument("--only", default="", help="commands with this in their name")
    asked = options.parse_args()
    # What runs in the background may ignore interrupts, and so would the runs that it interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(0 if campaign(asked.minutes, asked.seed, asked.only) else 1)
