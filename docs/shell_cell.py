"""`%%sh` for the tutorials: the output of commands in one piece; a failure is an error."""

import os
import subprocess


def sh(line: str, cell: str) -> None:
    done = subprocess.run(
        ["bash", "-ec", cell],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    print(done.stdout, end="")
    done.check_returncode()


def load_ipython_extension(shell) -> None:
    shell.register_magic_function(sh, "cell")
