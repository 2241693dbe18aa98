"""A real Dask cluster, a scheduler and two workers on loopback, writes what threads write."""

import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path

import pytest

import cellsieve as cs
from cellsieve.cli import main

distributed = pytest.importorskip("distributed", reason="needs the extra dask")


def until(true, seconds=60):
    """Waits for another process."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "nothing has happened"
        time.sleep(0.02)
    return found


class Cluster:
    """Processes that don't know each other, in a folder of their own."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        file = folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show",
                   "--scheduler-file", str(file))  # fmt: skip
        until(lambda: file.exists() and file.read_text().strip().endswith("}"))
        self.client = distributed.Client(scheduler_file=str(file), set_as_default=False)
        self.address = self.client.scheduler.address
        self.workers = []

    def start(self, *arguments):
        log = self.folder / f"{len(self.processes)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                cwd=self.folder, stdout=file, stderr=file,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def add_worker(self):
        process = self.start("worker", self.address, "--nthreads", "1", "--no-nanny",
                             "--no-dashboard", "--host", "127.0.0.1")  # fmt: skip
        self.workers.append(process)
        return process

    def wait_for(self, number):
        """Until so many workers are there."""
        until(lambda: len(self.client.nthreads()) == number)

    def close(self):
        self.client.close()
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def whole_cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.add_worker()
        cluster.add_worker()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def cluster(whole_cluster):
    """Two workers, whatever became of those of the test before."""
    living = [worker for worker in whole_cluster.workers if worker.poll() is None]
    for worker in living[2:]:
        worker.kill()
        worker.wait()
    for _ in range(2 - len(living)):
        whole_cluster.add_worker()
    whole_cluster.workers = [each for each in whole_cluster.workers if each.poll() is None]
    whole_cluster.wait_for(2)
    return whole_cluster


def files_of(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


COMMANDS = {
    "measure": ["-o", "out/cells.csv"],
    "annotate": ["-o", "out/a.json", "--composites", "out/rgb"],
    "masks": ["-o", "out"],
    "crops": ["-o", "out", "--folders"],
    "crops in shards": ["-o", "out", "--kind", "tar", "--shard-cells", "4"],
}
commands = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture
def command(small_set, clean_table, monkeypatch):
    """A command's arguments, with paths that only hold in this folder; an image fails in each."""
    monkeypatch.chdir(small_set)
    (small_set / "masks" / "im3.npz").write_bytes(b"broken")

    def of(name):
        word = name.split()[0]
        before = [word, "clean.csv"]
        if word == "measure":
            before = [word, "images", "--masks", "masks", "--labels", "train.csv"]
        channels = ["--channels", "green"] if word in ("measure", "crops") else []
        return [*before, *channels, *COMMANDS[name], "-q"]

    return of


@commands
def test_the_bytes_of_threads(cluster, command, small_set, name):
    assert main(command(name)) == 1
    (small_set / "out").rename(small_set / "threads")
    assert main([*command(name), "--dask", cluster.address]) == 1
    assert files_of(small_set / "out") == files_of(small_set / "threads")
    assert len(files_of(small_set / "out")) >= 2


class Keeping(Executor):
    """Whoever keeps a future keeps its result in the memory of the cluster."""

    def __init__(self, executor):
        self._executor, self._client, self._kept = executor, executor._client, []

    def submit(self, function, *arguments):
        self._kept.append(self._executor.submit(function, *arguments))
        return self._kept[-1]


@commands
def test_the_same_again_is_done_again(cluster, command, small_set, name):
    """Dask takes the same call for one that is done, as long as it remembers it."""
    executor, out = Keeping(cluster.client.get_executor()), small_set / "out"

    def run():
        word = name.split()[0]
        options = {"executor": executor, "progress": False, "overwrite": True}
        if word == "measure":
            images = cs.ImageSet.hpa("images", "masks", "train.csv")
            cs.measure_to(images, out / "cells.csv", "green", **options)
        elif word == "crops":
            kind = "tar" if "shards" in name else "png"
            cs.crops("clean.csv", out, channels=["green"], kind=kind, **options)
        elif word == "masks":
            cs.masks("clean.csv", out, **options)
        else:
            cs.annotate("clean.csv", out / "a.json", composites=out / "rgb", **options)
        return files_of(out)

    before = run()
    assert run() == before
    assert len(before) >= 2


@commands
def test_a_client_that_is_killed(cluster, command, small_set, name):
    """Whoever resumes, on the cluster or on threads, ends with the same."""
    assert main(command(name)) == 1
    (small_set / "out").rename(small_set / "whole")
    code = (
        "import sys\nfrom pathlib import Path\nfrom cellsieve.cli import main\n"
        "replace, left = Path.replace, [2]\n"
        "def slow(self, target):\n"
        "    if str(target).endswith('.cells.csv'):\n"
        "        left[0] -= 1\n"
        "        if left[0] == 0:\n"
        "            print('written', file=sys.__stdout__, flush=True)\n"
        "            sys.stdin.readline()\n"
        "    return replace(self, target)\n"
        "Path.replace = slow\nmain(sys.argv[1:])\n"
    )
    for again in ([], ["--dask", cluster.address]):
        with subprocess.Popen(
            [sys.executable, "-c", code, *command(name), "--dask", cluster.address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout.readline() == "written\n"
            process.kill()
        parts = [path for path in files_of(small_set / "out") if ".parts/" in path]
        assert any(path.endswith(".images.csv") for path in parts)
        assert main([*command(name), *again, "--resume"]) == 1
        assert files_of(small_set / "out") == files_of(small_set / "whole")
        for path in sorted((small_set / "out").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def gate(folder):
    """A measure that says who measures, and waits until it may go on; not in this process."""
    here = os.getpid()

    def passed(cell, pixels):
        import os
        import time
        from pathlib import Path

        if os.getpid() != here:
            Path(folder, str(os.getpid())).touch()
            while not Path(folder, "go").exists():
                time.sleep(0.01)
        return float(cell.sum())

    return passed


def test_workers_die_and_come(cluster, small_set):
    images = cs.ImageSet.hpa(small_set / "images", small_set / "masks", small_set / "train.csv")
    meeting = small_set / "meeting"
    meeting.mkdir()
    options = {"properties": [gate(str(meeting))], "progress": False}
    cs.measure_to(images, small_set / "threads.csv", "green", **options)
    met = []

    def meddle():
        until(lambda: len(list(meeting.iterdir())) == 2)
        one, _ = cluster.workers
        one.kill()
        one.wait()
        added = cluster.add_worker()
        until(lambda: (meeting / str(added.pid)).exists())
        met.extend(path.name for path in meeting.iterdir())
        (meeting / "go").touch()

    meddling = threading.Thread(target=meddle)
    meddling.start()
    try:
        executor = cluster.client.get_executor()
        cs.measure_to(images, small_set / "dask.csv", "green", executor=executor, **options)
    finally:
        (meeting / "go").touch()
        meddling.join()
    assert len(met) == 3
    for end in (".csv", ".images.csv"):
        both = [(small_set / f"{name}{end}").read_bytes() for name in ("dask", "threads")]
        assert both[0] == both[1]


def test_progress(cluster, command, capsys):
    arguments = [word for word in command("measure") if word != "-q"]
    executor = cluster.client.get_executor()
    images = cs.ImageSet.hpa("images", "masks", "train.csv")
    cs.measure_to(images, "cells2.csv", "green", executor=executor, progress=True)
    assert "6/6" in capsys.readouterr().err
    assert main([*arguments, "--dask", cluster.address]) == 1
    assert "5 images" in capsys.readouterr().out


def test_as_many_tasks_as_the_cluster_has_threads(cluster, small_images, monkeypatch):
    executor = cluster.client.get_executor()
    assert cs.run.parallel.workers_of(None, executor) == 2
    assert cs.run.parallel.workers_of(5, executor) == 5
    added = cluster.add_worker()
    cluster.wait_for(3)
    assert cs.run.parallel.workers_of(None, executor) == 3
    added.kill()
    added.wait()


def test_no_such_cluster(command, capsys, monkeypatch):
    monkeypatch.setattr(cs.run.cluster, "WAIT", 1)
    for address, said in (
        ("tcp://127.0.0.1:9", "tcp://127.0.0.1:9: no Dask scheduler answers"),
        ("nonsense://x", "nonsense"),
    ):
        assert main([*command("measure"), "--dask", address]) == 2
        found = capsys.readouterr().err
        assert said in found
        assert found.count("\n") == 1
    assert not Path("out").exists()


class Weighing(Executor):
    """Runs everything here, and notes how much would have to be sent."""

    def __init__(self):
        self.sizes = []

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        sent = len(pickle.dumps((function, arguments)))
        self.sizes.append((sent, len(pickle.dumps(future.result()))))
        return future


def test_tasks_and_results_are_small(small_images, clean_table, tmp_path):
    """No pixels travel: names go out, a table comes back."""
    weighing = Weighing()
    options = {"executor": weighing, "progress": False}
    cs.measure_to(small_images, tmp_path / "cells2.csv", "green", **options)
    cs.crops(clean_table, tmp_path / "crops", channels=["green", "red"][:1], **options)
    cs.masks(clean_table, tmp_path / "clean", **options)
    cs.annotate(clean_table, tmp_path / "a.json", composites=tmp_path / "rgb", **options)
    assert len(weighing.sizes) >= 12
    assert max(sent for sent, _ in weighing.sizes) < 4000
    assert max(back for _, back in weighing.sizes) < 12000


def fall(*_):
    os._exit(1)


def test_an_executor_that_gives_up_is_one_line(small_set, capsys, monkeypatch):
    """What is finished is kept; here, workers die with each task."""
    with ProcessPoolExecutor(1) as pool, pytest.raises(OSError, match="has given up: Broken"):
        list(cs.run.parallel.run(fall, [[1]], executor=pool, progress=False))
