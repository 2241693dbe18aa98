"""The benchmarks run, and find equal values: each asserts that before it times anything."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
SHARED = {"planting.py", "timing.py"}  # imported by the others
SCRIPTS = sorted({path.name for path in FOLDER.glob("*.py")} - SHARED)


@pytest.mark.parametrize("script", SCRIPTS)
def test_quick_run(script):
    found = subprocess.run(
        [sys.executable, str(FOLDER / script), "--quick"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("|") > 10, "a table is printed"
