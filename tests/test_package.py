"""The package as installed."""

import subprocess
import sys
import threading
import time
from importlib.metadata import requires, version

import numpy as np

import cellsieve


def test_one_version():
    assert cellsieve.__version__ == version("cellsieve")


def test_public_names_say_what_they_do():
    names = [name for name in dir(cellsieve) if not name.startswith("_")]
    public = [value for name in names if callable(value := getattr(cellsieve, name))]
    assert len(public) > 10
    for value in public:
        assert value.__doc__, value


def test_base_dependencies_are_few():
    base = [line.split(";")[0] for line in requires("cellsieve") if "extra ==" not in line]
    names = {line.split(">")[0].split("=")[0].strip() for line in base}
    assert names <= {"numpy", "pandas", "scipy", "tqdm"}


def test_importing_brings_in_nothing_heavy():
    code = (
        "import sys, pandas; before = set(sys.modules); import cellsieve; cellsieve.measure; "
        "print(*sorted(name for name in set(sys.modules) - before if '.' not in name))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"scipy", "tqdm", "pyarrow", "tifffile", "matplotlib", "jinja2", "PIL", "skimage"}
    assert not heavy & set(found)


def test_other_threads_go_on_while_a_kernel_runs():
    """Kernels release the interpreter: a thread of Python runs in the middle of a call."""
    mask, image = np.ones((4000, 4000), np.int64), np.ones((4000, 4000), np.float32)
    mask[0, 0] = 0
    turns, stop = [], threading.Event()

    def take_turns():
        while not stop.is_set():
            turns.append(time.perf_counter())

    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        start = time.perf_counter()
        cellsieve._core.measure(mask, [image], ["area_above"], quantile=0.5)
        end = time.perf_counter()
    finally:
        stop.set()
        thread.join()
    # Held throughout, the lock would leave the other thread no turn but at the ends.
    middle = (start + (end - start) / 4, end - (end - start) / 4)
    assert any(middle[0] < turn < middle[1] for turn in turns)


def test_the_public_names_are_there_at_the_first_use():
    """Whichever is used first, and however."""
    for use in (
        "import cellsieve as cs; cs.measure",
        "import cellsieve as cs; cs.export.crops.CellCrops",
        "from cellsieve import PlateLayout",
        "from cellsieve import *; measure, PlateLayout, report",
        "import cellsieve as cs; assert {'measure', '__version__'} <= set(dir(cs))",
        "import cellsieve.cleaning.judge as c; import cellsieve as cs; assert cs.clean is c.clean",
        "import cellsieve as cs; assert not hasattr(cs, 'mesure')",
        "import cellsieve as cs; assert cs.plot.gallery is cs.plot_gallery",
        "import cellsieve as cs; assert cs.io.read_mask is cs.read_mask",
        "import cellsieve as cs; assert cs.plates.PlateLayout is cs.PlateLayout",
    ):
        subprocess.run([sys.executable, "-c", use], check=True)


def test_version_and_help_come_without_pandas():
    for argument in ("--version", "--help"):
        code = (
            "import sys; from cellsieve.cli import main\n"
            f"try: main([{argument!r}])\n"
            "except SystemExit: print('pandas' in sys.modules, 'numpy' in sys.modules)"
        )
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert said.stdout.splitlines()[-1] == "False False", said.stderr
