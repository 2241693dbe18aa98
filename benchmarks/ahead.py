"""A run that reads from a store which takes its time to answer, with and without reading ahead.

    python benchmarks/ahead.py

Measures images behind an HTTP server on loopback, at once and with 20 ms before every answer, in
turns: seconds of each, and how many times as long as without the delay. The server is a process of
its own, so it takes processors from the run; that is so of every row.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

import cellsieve as cs
from cellsieve.io import ahead
from timing import heading, parser, show

# Keeps connections open, as stores do, and waits before each answer.
SERVER = """
import sys, time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
delay = float(sys.argv[2])
class Late(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def send_head(self):
        time.sleep(delay)
        return super().send_head()
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Late, directory=sys.argv[1]))
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def served(folder, delay):
    """A server, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder), str(delay)], stdout=subprocess.PIPE, text=True
    )
    return process, f"http://127.0.0.1:{process.stdout.readline().strip()}"


def run(url, fields, images, jobs):
    """Seconds, and the cells."""
    table = {
        "image_id": [f"{number:05}" for number in range(images)],
        "path_mask": [f"{url}/masks/{fields[n % len(fields)]}.npz" for n in range(images)],
        "path_green": [f"{url}/images/{fields[n % len(fields)]}_green.png" for n in range(images)],
    }
    given = cs.ImageSet.from_table(pd.DataFrame(table))
    start = time.perf_counter()
    cells = cs.measure_images(given, "green", jobs=jobs, progress=False)
    return time.perf_counter() - start, cells


def main():
    options = parser(__doc__.split("\n\n")[0])
    options.add_argument("--images", type=int, default=200)
    options.add_argument("--size", type=int, default=1024, help="rows and columns of each")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--delay", type=float, default=20, help="milliseconds")
    asked = options.parse_args()
    if asked.quick:
        asked.images, asked.size, asked.repeats = 16, 128, 1
    heading("fsspec", "aiohttp")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        cs.make_demo_set(folder, size=asked.size)
        fields = [path.stem for path in sorted((folder / "masks").glob("*.npz"))]
        servers = [served(folder, delay) for delay in (0, asked.delay / 1000)]
        try:
            best = {}
            want = None
            for _ in range(1 if asked.quick else min(asked.repeats, 5)):
                for files in (ahead.AHEAD, 0):
                    ahead.AHEAD = files
                    for delay, (_, url) in zip((0, asked.delay), servers, strict=True):
                        seconds, cells = run(url, fields, asked.images, asked.jobs)
                        want = cells if want is None else want
                        assert cells.equals(want)
                        key = files, delay
                        best[key] = min(best.get(key, seconds), seconds)
                    ahead.AHEAD = max(files for files, _ in best)
        finally:
            for process, _ in servers:
                process.kill()
                process.wait()
                process.stdout.close()
    show(
        [
            {
                "files read ahead, per thread": files,
                "at once, s": best[files, 0],
                f"{asked.delay:g} ms later, s": best[files, asked.delay],
                "ratio": best[files, asked.delay] / best[files, 0],
                "ms per image": 1000 * best[files, asked.delay] / asked.images,
            }
            for files in sorted({files for files, _ in best}, reverse=True)
        ]
    )


if __name__ == "__main__":
    main()
