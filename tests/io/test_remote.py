"""Data in a bucket, an archive or memory: what fsspec opens, and what becomes of it on the way."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.io import ahead
from cellsieve.io.ahead import AHEAD
from cellsieve.io.places import Remote, entries, on_disk, place

fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")

KEY, SECRET = "AKIANOBODYSEESME", "nor/this+secret"


@pytest.fixture
def memory(small_set):
    """The small data set in fsspec's memory."""
    system = fsspec.filesystem("memory")
    system.put(f"{small_set}/", "/set/", recursive=True)
    yield "memory://set"
    system.rm("/", recursive=True)


def free_port():
    """One that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def served(arguments, port):
    """A server in a process of its own, from when it answers."""
    server = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def moto():
    """A real S3 server on loopback."""
    pytest.importorskip("s3fs", reason="needs s3fs")
    pytest.importorskip("moto.server", reason="needs moto's server")
    port = free_port()
    with served(["-m", "moto.server", "-p", str(port)], port):
        yield port


class Between(BaseHTTPRequestHandler):
    """Passes requests on to the server, unless it is told to fail them."""

    protocol_version = "HTTP/1.1"

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        how = self.server.fails(self.command, self.path)
        if how == "drop":
            self.close_connection = True
            self.connection.close()
            return
        status, headers, content = 503, [], b""
        if how is None:
            onward = http.client.HTTPConnection("127.0.0.1", self.server.port)
            onward.request(self.command, self.path, body, dict(self.headers))
            answer = onward.getresponse()
            status, content = answer.status, answer.read()
            headers = answer.getheaders()
            onward.close()
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = len(content)
        if self.command == "HEAD" and how is None:
            length = int(dict(answer.getheaders()).get("Content-Length", 0))
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if how != "short" else content[:9])

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def bucket(moto, small_set, monkeypatch):
    """The small data set in a bucket, and a server before it that fails on demand."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    server.port, server.fails = moto, lambda command, path: None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    settings = {
        "key": KEY,
        "secret": SECRET,
        "endpoint_url": address,
        "config_kwargs": {"retries": {"max_attempts": 1}},
    }
    monkeypatch.setitem(fsspec.config.conf, "s3", settings)
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 2)
    for name, value in (("KEY", KEY), ("SECRET", SECRET), ("ENDPOINT_URL", address)):
        monkeypatch.setenv(f"FSSPEC_S3_{name}", value)
    system = fsspec.filesystem("s3")
    name = f"b{time.monotonic_ns()}"
    system.mkdir(name)
    system.put(f"{small_set}/", f"{name}/set/", recursive=True)
    server.system, server.url = system, f"s3://{name}/set"
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measure(root, output, *more):
    arguments = [f"{root}/images", "--masks", f"{root}/masks", "--labels", f"{root}/train.csv"]
    return main(["measure", *arguments, "-o", str(output), "--channels", "green", *more])


def contents(url):
    return place(url).read_bytes()


@pytest.fixture
def expected(small_set):
    """What the same commands write on this machine."""
    (small_set / "out").mkdir()
    for suffix in ("csv", "parquet"):
        assert measure(small_set, small_set / "out" / f"cells.{suffix}", "--overwrite") == 0
    return small_set / "out"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_from_memory_into_memory(memory, expected, suffix):
    output = f"{memory}/out/cells.{suffix}"
    assert measure(memory, output) == 0
    names = {f"cells.{suffix}", "cells.images.csv"}
    names |= {"cells.record.json"} if suffix == "csv" else set()
    for name in names:
        assert contents(f"{memory}/out/{name}") == (expected / name).read_bytes()
    assert {name for name, _ in entries(f"{memory}/out")} == {
        *names,
    }
    assert measure(memory, output) == 2, "it is there"
    assert measure(memory, output, "--resume") == 0
    assert contents(output) == (expected / f"cells.{suffix}").read_bytes()
    table = cs.read_image_table(f"{memory}/out/cells.images.csv")
    assert table["path_green"][0] == f"{memory}/images/im0_green.png"
    assert table["path_mask"][0] == f"{memory}/masks/im0.npz"


def test_from_memory_into_a_folder(memory, expected, tmp_path):
    assert measure(memory, tmp_path / "here.csv") == 0
    assert (tmp_path / "here.csv").read_bytes() == (expected / "cells.csv").read_bytes()
    assert cs.read_image_table(tmp_path / "here.images.csv")["path_red"][0].startswith("memory://")


@pytest.mark.filterwarnings("ignore:.* none can be cut:UserWarning")
def test_every_command_takes_urls(memory, expected, capsys):
    """What they write is what they write on this machine, byte for byte."""
    assert measure(memory, f"{memory}/out/cells.csv") == 0
    for root in (f"{expected}", f"{memory}/out"):
        clean = f"{root}/clean.csv"
        rule = ["--column", "area", "--values", "--lower", "9", "--by", "none"]
        assert main(["clean", f"{root}/cells.csv", "-o", clean, *rule]) == 0
        assert main(["annotate", clean, "-o", f"{root}/a.json"]) == 0
        assert main(["masks", clean, "-o", f"{root}/masks"]) == 0
        assert main(["crops", clean, "-o", f"{root}/crops"]) == 0
        assert main(["crops", clean, "-o", f"{root}/crops", "--resume"]) == 0
        assert main(["crops", clean, "-o", f"{root}/tars", "--kind", "tar"]) == 0
        assert main(["report", clean, "-o", f"{root}/r.html"]) == 0
    files = [path.relative_to(expected) for path in expected.rglob("*") if path.is_file()]
    assert len(files) > 50
    for name in files:
        # What images were asked for is told apart by where they lie.
        if name.suffix not in (".parquet", ".html") and not name.match("*.images.csv"):
            assert contents(f"{memory}/out/{name}") == (expected / name).read_bytes(), name
    assert b"no cell" not in contents(f"{memory}/out/r.html")
    assert str(expected) not in capsys.readouterr().err


def test_images_in_an_archive(small_set, expected, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "set"), "zip", small_set)
    images, masks = f"zip://images::{archive}", f"zip://masks::{archive}"
    arguments = [images, "--masks", masks, "--labels", f"zip://train.csv::{archive}"]
    arguments += ["--channels", "green"]
    assert main(["measure", *arguments, "-o", str(tmp_path / "a.csv")]) == 0
    assert (tmp_path / "a.csv").read_bytes() == (expected / "cells.csv").read_bytes()
    table = cs.read_image_table(expected / "cells.images.csv")[["image_id", "class_label"]]
    for name, what in (("mask", "masks/{}.npz"), ("green", "images/{}_green.png")):
        table[f"path_{name}"] = [f"zip://{what.format(i)}::{archive}" for i in table["image_id"]]
    table.to_csv(tmp_path / "files.csv", index=False)
    output = str(tmp_path / "c.csv")
    assert main(["measure", "--images", str(tmp_path / "files.csv"), "-o", output]) == 0
    assert Path(output).read_bytes() == (expected / "cells.csv").read_bytes()


def test_from_the_bucket_into_the_bucket(bucket, expected):
    for suffix in ("csv", "parquet"):
        assert measure(bucket.url, f"{bucket.url}/out/cells.{suffix}", "--overwrite") == 0
        for name in (f"cells.{suffix}", "cells.images.csv"):
            assert contents(f"{bucket.url}/out/{name}") == (expected / name).read_bytes()


def test_a_killed_run_resumes_in_the_bucket(bucket, expected):
    """SIGKILL while parts are there; the rest is measured, and the bytes are the same."""
    output = f"{bucket.url}/out/cells.csv"
    held, stop = threading.Event(), threading.Event()

    def hold(command, path):
        """The last image waits until the others are there."""
        if command == "GET" and "im5_green" in path:
            held.set()
            stop.wait(60)

    bucket.fails = hold
    arguments = [f"{bucket.url}/images", "--masks", f"{bucket.url}/masks", "--jobs", "1"]
    arguments += ["--labels", f"{bucket.url}/train.csv", "-o", output, "--channels", "green"]
    run = subprocess.Popen([sys.executable, "-m", "cellsieve", "measure", *arguments])
    try:
        assert held.wait(60)
        parts = f"{output}.parts"
        for _ in range(600):
            if any(name.endswith("images.csv") for name, _ in entries(parts)):
                break
            time.sleep(0.05)
    finally:
        run.kill()
        run.wait()
        stop.set()
        bucket.fails = lambda command, path: None
    assert not place(output).exists()
    asked = []
    bucket.fails = lambda command, path: asked.append(path)
    assert measure(bucket.url, output) == 2
    assert measure(bucket.url, output, "--resume") == 0
    names = ["cells.csv", "cells.images.csv", "cells.record.json"]
    for name in names:
        assert contents(f"{bucket.url}/out/{name}") == (expected / name).read_bytes()
    assert not any("im0_green" in path for path in asked), "it was measured before"
    assert [name for name, _ in entries(f"{bucket.url}/out")] == names


@pytest.mark.parametrize("how", ["503", "drop", "short"])
def test_a_server_that_fails_now_and_then(bucket, expected, how):
    lock, seen = threading.Lock(), {}

    def fails(command, path):
        """A fifth of the requests fail the first time."""
        if (command == "PUT" and how == "short") or sum(path.encode()) % 5:
            return None
        with lock:
            seen[command, path] = seen.get((command, path), 0) + 1
            return how if seen[command, path] == 1 else None

    bucket.fails = fails
    assert measure(bucket.url, f"{bucket.url}/out/cells.csv") == 0
    assert contents(f"{bucket.url}/out/cells.csv") == (expected / "cells.csv").read_bytes()
    assert max(seen.values()) > 1


@pytest.mark.parametrize("how", ["503", "drop"])
def test_an_image_that_never_comes_fails_by_name(bucket, expected, how, capsys):
    tried = []

    def fails(command, path):
        if "im3_green" in path:
            tried.append(path)
            return how
        return None

    bucket.fails = fails
    output = f"{bucket.url}/out/cells.csv"
    assert measure(bucket.url, output) == 1
    said = capsys.readouterr().err
    assert f"{bucket.url}/images/im3_green.png: can't be reached" in said
    assert 2 <= len(tried) <= 60
    table = cs.read_image_table(f"{bucket.url}/out/cells.images.csv").set_index("image_id")
    assert table["status"].value_counts().to_dict() == {"measured": 5, "failed": 1}
    assert "can't be reached" in table.loc["im3", "error"]
    bucket.fails = lambda command, path: None
    assert measure(bucket.url, output, "--resume") == 0
    assert contents(output) == (expected / "cells.csv").read_bytes()


@pytest.fixture
def workers(bucket):
    """Two processes of a Dask cluster, which know the bucket's server from their environment."""
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.Client(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", set_as_default=False
    ) as client:
        yield client.get_executor()


def test_dask_workers_write_into_the_bucket(bucket, workers, small_set, clean_table, monkeypatch):
    """Crops, masks and labels go from the workers to the store, and are those of threads here."""
    put, ours = Remote.put, []

    def noted(self, file):
        ours.append(self.name)
        put(self, file)

    there = f"{bucket.url}/clean.csv"
    listed = cs.read_image_table(small_set / "clean.images.csv")
    for name in [name for name in listed if name.startswith("path_")]:
        listed[name] = listed[name].str.replace(str(small_set), bucket.url)
    listed.to_csv(small_set / "there.images.csv", index=False)
    for local, remote in (
        ("clean.csv", "clean.csv"),
        ("clean.record.json", "clean.record.json"),
        ("there.images.csv", "clean.images.csv"),
    ):
        bucket.system.put_file(str(small_set / local), f"{bucket.url}/{remote}")
    monkeypatch.setattr(Remote, "put", noted)
    compared = 0
    for root, table, more in (
        (small_set, clean_table, {}),
        (bucket.url, there, {"executor": workers}),
    ):
        options = {"progress": False, **more}
        for kind in ("png", "npy", "tar"):
            cs.crops(table, f"{root}/{kind}", channels=["green"], kind=kind, **options)
        cs.masks(table, f"{root}/clean", **options)
        shown = {"composites": f"{root}/yolo/images", "colours": {"green": "green"}}
        cs.annotate(table, f"{root}/yolo", format="yolo", **shown, **options)
    for folder in ("png", "npy", "tar", "clean", "yolo"):
        files = {
            str(path.relative_to(small_set))
            for path in (small_set / folder).rglob("*")
            if path.is_file()
        }
        found = {
            path.partition("/set/")[2] for path in bucket.system.find(f"{bucket.url}/{folder}")
        }
        assert found == files
        for name in files - {f"{folder}/index.images.csv"}:  # where the images lie
            assert contents(f"{bucket.url}/{name}") == (small_set / name).read_bytes(), name
            compared += not name.endswith("index.csv")
    assert compared > 60
    tables = {"index.csv", "index.images.csv", "index.record.json", "data.yaml", "train.txt"}
    assert {name for name in ours if not name[0].isdigit()} == tables
    assert {name.partition(".")[2] for name in ours if name[0].isdigit()} == {
        "cells.csv",
        "images.csv",
    }


def many(bucket, images=24):
    """More images than the bucket has, which all show the same few."""
    name = "im{}".format
    table = {
        "image_id": [f"{number:02}" for number in range(images)],
        "path_mask": [f"{bucket.url}/masks/{name(n % 6)}.npz" for n in range(images)],
        "path_green": [f"{bucket.url}/images/{name(n % 6)}_green.png" for n in range(images)],
    }
    return cs.ImageSet.from_table(pd.DataFrame(table))


class Watching:
    """Counts the files that are asked for, and holds one back until so many more have been."""

    def __init__(self, held, until):
        self.held, self.until, self.asked, self.under_way, self.most = held, until, [], 0, 0
        self.changed = threading.Condition()

    def __call__(self, command, path):
        if command != "GET" or not path.endswith((".png", ".npz")):
            return
        with self.changed:
            self.asked.append(path.rpartition("/")[2])
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self.changed.notify_all()
            if path.endswith(self.held):
                assert self.changed.wait_for(lambda: len(self.asked) >= self.until, 60)
            self.under_way -= 1


def test_the_next_images_come_while_one_waits(bucket):
    """One thread, whose second image only comes once those that follow have been asked for.

    With the first come two files: how large they are is not known yet.
    """
    images = many(bucket)
    expected = cs.measure_images(images, jobs=1)
    watching = bucket.fails = Watching("im1.npz", until=4 + AHEAD)
    cells, listed = cs.measure_images(images, jobs=1, return_images=True)
    assert listed["error"].isna().all()
    assert cells.equals(expected)
    assert set(watching.asked[: 4 + AHEAD]) == {
        name for n in range(6) for name in (f"im{n}.npz", f"im{n}_green.png")
    }
    assert 2 <= watching.most <= 2 + AHEAD
    assert len(watching.asked) == 2 * len(images), "each once"


@pytest.mark.parametrize(("held", "later"), [(8 * 7, AHEAD), (3 * 7 - 1, 2), (7, 1)])
def test_so_many_files_and_bytes_wait_at_most(monkeypatch, held, later):
    """Files of seven bytes, which come at once."""
    begun = []

    def at_once(remote):
        begun.append(remote.url)
        come = Future()
        come.set_result(b"7 bytes")
        return come

    monkeypatch.setattr(Remote, "begun", at_once)
    monkeypatch.setattr(ahead, "HELD", held)
    files = [[f"s3://b/{number}.png", f"s3://b/{number}.npz"] for number in range(9)]
    for number, (own, other) in enumerate(ahead.read_ahead(files, lambda pair: pair)):
        waiting = later if number else 2  # how large they are is not known at first
        assert len(begun) == min(2 * (number + 1) + waiting, 18)
        assert ahead.fetch(own) == ahead.fetch(other) == b"7 bytes"
    assert begun == [url for pair in files for url in pair]


def test_what_came_ahead_and_was_not_read_is_no_ones(bucket):
    """An image whose channel is not there; the mask that came for it is not another's."""
    images = many(bucket)
    place(f"{bucket.url}/images/im2_green.png").unlink()
    cells, listed = cs.measure_images(images, jobs=1, return_images=True)
    failed = listed["error"].notna()
    assert listed.loc[failed, "image_id"].tolist() == ["02", "08", "14", "20"]
    assert (
        listed.loc[failed, "error"].str.endswith("im2_green.png: No such file or directory").all()
    )
    of_first = cells[cells["image_id"] == "00"].drop(columns="image_id").reset_index(drop=True)
    again = cells[cells["image_id"] == "06"].drop(columns="image_id").reset_index(drop=True)
    assert len(of_first)
    assert of_first.equals(again)


def test_what_is_not_there(bucket, capsys):
    (gone,) = [place(f"{bucket.url}/images/im1_green.png")]
    images = cs.ImageSet.hpa(f"{bucket.url}/images", f"{bucket.url}/masks")
    gone.unlink()
    _, table = cs.measure_images(images, "green", return_images=True)
    assert table["error"].dropna().tolist() == [
        f"{bucket.url}/images/im1_green.png: No such file or directory"
    ]
    assert measure(f"{bucket.url}/nowhere", f"{bucket.url}/out/cells.csv") == 2
    assert "nowhere" in capsys.readouterr().err


def test_credentials_are_in_no_file_and_no_message(bucket, capsys):
    bucket.fails = lambda command, path: "503" if "im3_green" in path else None
    assert measure(bucket.url, f"{bucket.url}/out/cells.csv", "--columns", "skimage") == 1
    bucket.fails = lambda command, path: None
    said = capsys.readouterr()
    texts = [said.out, said.err]
    for path in bucket.system.find(bucket.url):
        texts.append(bucket.system.cat_file(path).decode("latin-1"))
    assert len(texts) > 15
    assert not any(word in text for word in (KEY, SECRET) for text in texts)


@pytest.mark.parametrize(
    "url",
    [
        f"s3://{KEY}:{SECRET.replace('/', '')}@bucket/images",
        "https://example.org/a.png?X-Amz-Signature=topsecret",
        "https://example.org/a.png?sv=1&sig=topsecret",
        "zip://a.png::https://user:topsecret@example.org/x.zip",
    ],
)
def test_a_password_in_a_url_is_refused_unseen(url, tmp_path, capsys):
    with pytest.raises(ValueError, match="holds a password or a key") as refused:
        cs.read_image(url)
    with pytest.raises(SystemExit):
        main(["measure", url, "--masks", "m", "-o", str(tmp_path / "c.csv")])
    frame = pd.DataFrame({"image_id": ["a"], "path_mask": ["m.npz"], "path_x": [url]})
    with pytest.raises(ValueError, match="holds a password or a key"):
        cs.ImageSet.from_table(frame)
    said = f"{refused.value}{capsys.readouterr()}"
    assert "topsecret" not in said
    assert KEY not in said


@pytest.fixture
def site(small_set):
    """The small data set behind a web server, which lists folders."""

    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

    pytest.importorskip("aiohttp", reason="needs aiohttp, which s3fs brings")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=small_set))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_from_a_web_server(site, small_set, expected, tmp_path):
    """Folders, single files, tables, and an image table that names URLs."""
    assert measure(site, tmp_path / "a.csv") == 0
    assert (tmp_path / "a.csv").read_bytes() == (expected / "cells.csv").read_bytes()
    for name in ("images/im0_green.png", "masks/im0.npz"):
        read = cs.read_image if name.endswith("png") else cs.read_mask
        assert (read(f"{site}/{name}") == read(small_set / name)).all()
    for suffix in ("csv", "parquet"):
        cells = cs.read_table(expected / f"cells.{suffix}")
        assert len(cells)
        assert cs.read_table(f"{site}/out/cells.{suffix}").equals(cells)
        clean = ["--column", "area", "--values", "--lower", "9", "--by", "none"]
        for root, output in ((site, "web"), (small_set, "here")):
            table = f"{root}/out/cells.{suffix}"
            clean_to = ["-o", str(tmp_path / f"{output}.csv"), "--overwrite"]
            assert main(["clean", table, *clean_to, *clean]) == 0
        assert (tmp_path / "web.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    again = ["--images", f"{site}/a.images.csv", "--channels", "green", "-o"]
    assert cs.read_table(tmp_path / "a.images.csv")["path_mask"][0] == f"{site}/masks/im0.npz"
    assert main(["measure", *again, str(tmp_path / "b.csv")]) == 0
    assert (tmp_path / "b.csv").read_bytes() == (expected / "cells.csv").read_bytes()


def test_tiff_and_npy_from_a_web_server(site, small_set):
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    mask = cs.read_mask(small_set / "masks" / "im0.npz")
    tifffile.imwrite(small_set / "a.tif", mask)
    np.save(small_set / "a.npy", mask)
    for name in ("a.tif", "a.npy"):
        assert (cs.read_mask(f"{site}/{name}") == mask).all()


def test_a_web_server_takes_no_files(site, expected, tmp_path, capsys):
    """One line each, and nothing is changed."""
    before = (expected / "cells.csv").read_bytes()
    for arguments in ([f"{site}/x.csv"], [f"{site}/out/cells.csv", "--overwrite"]):
        capsys.readouterr()
        assert measure(site, *arguments) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"cellsieve: error: {site}")
    assert "fsspec can't write or remove files there" in error
    assert (expected / "cells.csv").read_bytes() == before
    assert measure(f"{site}/nowhere", tmp_path / "y.csv") == 2
    assert "nowhere" in capsys.readouterr().err
    (lost,) = [place(f"{site}/masks/none.npz")]
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        lost.read_bytes()
    with pytest.raises(OSError, match=r"none\.npz: opened with mode 'w'; .* 'rb' alone"):
        lost.open("w")


@pytest.fixture
def google(small_set, monkeypatch):
    """The small data set in a bucket of an emulator of Google's."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # asks Google by TLS
    pytest.importorskip("gcsfs", reason="needs gcsfs")
    pytest.importorskip("gcp_storage_emulator", reason="needs gcp-storage-emulator")
    port = free_port()
    code = "import sys; from gcp_storage_emulator.__main__ import main; main(sys.argv[1:])"
    arguments = ["start", "--in-memory", "--host=127.0.0.1", f"--port={port}"]
    address = f"http://127.0.0.1:{port}"
    for name in ("gs", "gcs"):
        monkeypatch.setitem(fsspec.config.conf, name, {"token": "anon", "endpoint_url": address})
    with served(["-c", code, *arguments, "--default-bucket=lab"], port):
        fsspec.filesystem("gs").put(f"{small_set}/", "lab/set/", recursive=True)
        yield "gs://lab/set"


def test_from_googles_bucket_into_it(google, expected):
    for suffix in ("csv", "parquet"):
        output = f"{google}/out/cells.{suffix}"
        assert measure(google, output, "--overwrite") == 0
        for name in (f"cells.{suffix}", "cells.images.csv"):
            assert contents(f"{google}/out/{name}") == (expected / name).read_bytes()
        assert measure(google, output) == 2, "it is there"
        assert measure(google, output, "--resume") == 0
        assert contents(output) == (expected / f"cells.{suffix}").read_bytes()
    for root in (google, expected.parent):
        rule = ["--column", "area", "--values", "--lower", "9", "--by", "none"]
        clean = f"{root}/out/clean.csv"
        assert main(["clean", f"{root}/out/cells.csv", "-o", clean, *rule]) == 0
        assert main(["masks", clean, "-o", f"{root}/out/m"]) == 0
        assert main(["crops", clean, "-o", f"{root}/out/c", "--channels", "green"]) == 0
    files = [path for folder in "mc" for path in (expected / folder).glob("*.[np]*")]
    assert len(files) > 20
    for path in files:
        assert contents(f"{google}/out/{path.relative_to(expected)}") == path.read_bytes()


def test_a_table_is_copied_again_once_it_has_changed(memory):
    cells = f"{memory}/cells.csv"
    for number in (1, 23):
        cs.write_table(pd.DataFrame({"image_id": ["007"], "x": [number]}), cells)
        assert cs.read_table(cells).to_numpy().tolist() == [["007", number]]
    assert on_disk(cells) == on_disk(cells)
    assert len(os.listdir(on_disk(cells).parent)) == 1  # noqa: PTH208


def test_paths_of_urls():
    url = Remote("s3://bucket/a/b.csv")
    assert (url.name, url.suffix, str(url.parent)) == ("b.csv", ".csv", "s3://bucket/a")
    assert str(url.with_name("c")) == "s3://bucket/a/c"
    assert str(url.parent / "../x/y") == "s3://bucket/x/y"
    inner = Remote("zip://a/b.png::s3://k/x.zip")
    assert (inner.name, str(inner.parent)) == ("b.png", "zip://a::s3://k/x.zip")
    assert str(inner.parent / "c.png") == "zip://a/c.png::s3://k/x.zip"


def test_a_bomb_behind_a_url_is_refused(memory):
    with fsspec.open(f"{memory}/x.png", "wb") as file:
        file.write(b"broken")
    with pytest.raises(ValueError, match=r"memory://set/x\.png: not a readable PNG"):
        cs.read_image(f"{memory}/x.png")
    with pytest.raises(ValueError, match=r"memory://set/images/im0_green\.png: .*max_pixels"):
        cs.read_image(f"{memory}/images/im0_green.png", max_pixels=9)
