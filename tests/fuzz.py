"""Damaged files by the hundred thousand: read, or refused, fast and in little memory.

    python tests/fuzz.py --minutes 10
    python tests/fuzz.py --only png --executions 1000000

Each target starts from small good files. A mutation changes bytes anywhere; or it takes the file
apart, changes what is inside, and repairs the checksums and lengths around it, so that the damage
gets as far as the decoder behind them. Any error but ValueError, a read of more than `SLOWEST`
seconds and more than `MOST` MiB beyond those of the start are findings; the file is kept and the
run ends with 1. Prints for each target how many executions there were, how many were refused, the
slowest, and the peak of memory.
"""

import argparse
import copy
import faulthandler
import io
import json
import random
import resource
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

import cellsieve as cs
from cellsieve.trial.planted import plant, probabilities

PIXELS = 10**5  # an image of more is refused
SLOWEST = 5.0
MOST = 300


def scrambled(whole, chance):
    """A few bytes changed, lost, added or repeated."""
    data = bytearray(whole)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        if not data:
            break
        place, other = chance.randrange(len(data)), chance.randrange(len(data))
        length = chance.choice([1, 2, 4, 8, 40])
        how = chance.randrange(7)
        if how == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif how == 1:
            data[place] = chance.randrange(256)
        elif how == 2:
            extreme = chance.choice([b"\0", b"\xff", b"\x7f", b"\x80"])
            data[place : place + length] = extreme * length
        elif how == 3:
            del data[place:]
        elif how == 4:
            del data[place : place + length]
        elif how == 5:
            data[place:place] = data[other : other + length]
        else:
            data[place : place + length] = data[other : other + length]
    return bytes(data)


def png_chunks(whole):
    """The kinds and contents of a PNG file's chunks."""
    place = 8
    while place < len(whole):
        (length,) = struct.unpack(">I", whole[place : place + 4])
        yield whole[place + 4 : place + 8], whole[place + 8 : place + 8 + length]
        place += 12 + length


def damaged_png(whole, chance):
    """Chunks with other contents, in another order, or pixels that inflate to something else."""
    chunks = list(png_chunks(whole))
    which = chance.randrange(len(chunks))
    kind, content = chunks[which]
    how = chance.randrange(5)
    if how == 0:
        del chunks[which]
    elif how == 1:
        chunks.insert(chance.randrange(len(chunks) + 1), chunks[which])
    elif kind == b"IDAT" and how < 4:
        pixels = scrambled(zlib.decompress(content), chance)
        chunks[which] = kind, zlib.compress(pixels, chance.choice([0, 1, 6]))
    elif kind == b"IHDR" and how < 4:
        fields = list(struct.unpack(">IIBBBBB", content))
        field = chance.randrange(7)
        size = [0, 1, 2**31 - 1, 2**32 - 1, 65536, chance.randrange(300)]
        fields[field] = chance.choice(size if field < 2 else [0, 1, 2, 3, 4, 6, 8, 16, 32, 255])
        chunks[which] = kind, struct.pack(">IIBBBBB", *fields)
    else:
        chunks[which] = scrambled(kind, chance)[:4].ljust(4, b"x"), scrambled(content, chance)
    file = bytearray(whole[:8])
    for kind, content in chunks:
        file += struct.pack(">I", len(content)) + kind + content
        file += struct.pack(">I", zlib.crc32(kind + content))
    return bytes(file)


SHAPES = ["()", "(0,)", "(3,)", "(2, 3)", "(1, 2, 3)", "(-1, 4)", "(1000, 1000)", "3", "(2, 3.5)"]
SHAPES += ["(9999999999, 9999999999)", "(4294967296, 4294967296)", "(18446744073709551615, 2)"]
TYPES = ["|u1", "<u2", ">i4", "<i8", "<f2", "<f4", "<f8", "|b1", "|O", "<U5", "|V7", "<c16", "|S9"]


def damaged_npy(whole, chance):
    """A header of the right length that says something else."""
    size = struct.unpack("<H", whole[8:10])[0]
    header, rest = whole[10 : 10 + size].decode("latin-1"), whole[10 + size :]
    if chance.random() < 0.5:
        kind, order = chance.choice(TYPES), chance.choice([True, False])
        shape = chance.choice(SHAPES)
        header = f"{{'descr': {kind!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
        size = chance.choice([len(header) + 1, 118])
        header = header[: size - 1].ljust(size - 1) + "\n"
    else:
        header = scrambled(header.encode("latin-1"), chance).decode("latin-1")
    if chance.random() < 0.3:
        rest = rest[: chance.randrange(len(rest) + 1)]
    return whole[:8] + struct.pack("<H", len(header)) + header.encode("latin-1") + rest


def damaged_npz(whole, chance):
    """Members with other contents and right checksums, or that lie about their sizes."""
    members = []
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        for info in archive.infolist():
            members.append((info.filename, archive.read(info), info.compress_type))
    which = chance.randrange(len(members))
    name, content, packed = members[which]
    members[which] = name, chance.choice([damaged_npy, scrambled])(content, chance), packed
    if chance.random() < 0.1:
        members.append((chance.choice([name, "x.npy", "../y.npy", "z.txt"]), content, packed))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content, packed in members:
            how = packed if chance.random() < 0.8 else chance.choice([0, 8, 12, 14])
            archive.writestr(zipfile.ZipInfo(name), content, how)
    made = bytearray(file.getvalue())
    if chance.random() < 0.3:  # the sizes that the two headers of a member declare
        for sign, places in ((b"PK\3\4", (18, 22)), (b"PK\1\2", (20, 24))):
            start = made.find(sign)
            at = start + chance.choice(places)
            lie = chance.choice([0, 1, 2**31 - 1, 2**32 - 1, chance.randrange(1000)])
            if chance.random() < 0.7 and start >= 0:
                made[at : at + 4] = struct.pack("<I", lie)
    return bytes(made)


ATOMS = [None, True, -1, 0, 10**400, 1e308, 1e-320, "", "x", "\ud800", [], {}, [[[]]], [None], 2.5]


def damaged_json(whole, chance):
    """A value anywhere in it that is another one, gone, or there twice."""
    tree = json.loads(whole)
    for _ in range(chance.choice([1, 1, 2, 4])):
        node = tree
        while True:
            if not isinstance(node, list | dict) or not node:
                break
            key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if chance.random() < 0.3 or not isinstance(node[key], list | dict) or not node[key]:
                how = chance.randrange(4)
                if how == 0:
                    del node[key]
                elif how == 1 and isinstance(node, list):
                    node.append(copy.deepcopy(node[key]))
                elif how == 2 and isinstance(node, dict):
                    node[f"{key}x"] = node.pop(key)
                else:
                    node[key] = copy.deepcopy(chance.choice(ATOMS))  # nothing contains itself
                break
            node = node[key]
    return json.dumps(tree).encode()


def bytes_of(write, name):
    """What a function writes into a file of that name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(path)
        return path.read_bytes()


def targets():
    """Name: the suffix, good files, what reads one, and what damages it within its checksums."""
    rng = np.random.default_rng(20261124)
    pictures = [
        rng.integers(0, 200, shape).astype(dtype)
        for shape, dtype in (((9, 7), np.uint8), ((8, 9), np.uint16), ((5, 6, 3), np.uint8),
                             ((40, 30), np.uint8), ((1, 1), np.uint8))
    ]  # fmt: skip
    masks = [
        np.kron(rng.integers(0, 5, (3, 4)), np.ones((4, 3))).astype(dtype)
        for dtype in (np.uint8, np.uint16, np.int32, np.int64, ">i4")
    ]
    masks.append(np.asfortranarray(masks[1]))
    pngs = [bytes_of(lambda path, p=p: cs.write_png(path, p), "a.png") for p in pictures]
    npys = [bytes_of(lambda path, m=m: np.save(path, m), "a.npy") for m in masks]
    npzs = [bytes_of(lambda path, m=m, s=s: s(path, m), "a.npz")
            for m in masks for s in (np.savez, np.savez_compressed)]  # fmt: skip
    made = plant(group_size=4, train_experiments=4, test_experiments=2, missing=0, seed=1)
    layout = cs.PlateLayout.fit(made.train)
    scores = probabilities(made.logits).astype(np.float32)
    named = {"scores": scores, "ids": made.test["id_code"].to_numpy(str), "classes": np.arange(16)}
    encodings = [
        json.dumps(cs.encode_rle(masks[1], form=form)).encode()
        for form in ("compressed", "uncompressed", "hpa")
    ]

    def image(path):
        cs.read_image(path, max_pixels=PIXELS)

    def mask(path):
        cs.read_mask(path, max_pixels=PIXELS)

    def rle(path):
        """In memory an encoding has no file that an error could name."""
        try:
            given = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return
        for each in given if isinstance(given, list) else [given]:
            for form in ("compressed", "uncompressed", "hpa", None):
                with suppress(ValueError, TypeError):
                    cs.decode_rle(each, form=form, max_pixels=PIXELS)

    def predictions(path):
        layout.infer(made.test, path)

    return {
        "png": (".png", pngs, image, damaged_png),
        "npy": (".npy", npys, mask, damaged_npy),
        "npz": (".npz", npzs, mask, damaged_npz),
        "rle": (".json", encodings, rle, damaged_json),
        "layout": (".json", [bytes_of(layout.save, "l.json")], cs.PlateLayout.load, damaged_json),
        "predictions": (
            ".npz",
            [bytes_of(lambda path: np.savez(path, **named), "p.npz")],
            predictions,
            damaged_npz,
        ),
    }


def peak():
    """MiB at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fuzz(name, target, seconds, executions, chance, folder):
    """Whether nothing was found; prints what was done."""
    suffix, seeds, read, inside = target
    path = folder / f"{name}{suffix}"
    for seed in seeds:
        path.write_bytes(seed)
        read(path)  # they are good
    end, start = time.monotonic() + seconds, peak()
    done = refused = 0
    slowest = 0.0
    while done < executions and time.monotonic() < end:
        damage = chance.choice([scrambled, inside, inside])
        content = damage(chance.choice(seeds), chance)
        path.write_bytes(content)
        faulthandler.dump_traceback_later(12 * SLOWEST, exit=True)
        begun, found = time.perf_counter(), ""
        try:
            read(path)
        except (ValueError, TypeError) as error:  # of a wrong dtype, say
            refused += 1
            if not str(error).startswith(f"{path}: ") or "\n" in str(error):
                found = f"says {str(error)!r}"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            found = f"{type(error).__name__}: {error}"
        took = time.perf_counter() - begun
        faulthandler.cancel_dump_traceback_later()
        done += 1
        slowest = max(slowest, took)
        if took > SLOWEST:
            found = f"takes {took:.1f} s"
        if peak() > start + MOST:
            found = f"takes {peak() - start:.0f} MiB"
        if found:
            kept = Path(f"finding-{name}{suffix}").absolute()
            kept.write_bytes(content)
            print(f"{name}: after {done} executions: {found}; {kept}")
            return False
    print(
        f"{name}: {done} executions, {refused} refused, slowest {1000 * slowest:.0f} ms, peak "
        f"{peak():.0f} MiB ({start:.0f} before)",
        flush=True,
    )
    return (done > 0 and refused > 0) or name == "rle"


def main():
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--minutes", type=float, help="for all targets (default: no limit)")
    options.add_argument("--executions", type=int, default=10**6, help="at most, for each target")
    options.add_argument("--only", help="one target")
    options.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = options.parse_args()
    found = targets()
    names = [asked.only] if asked.only else list(found)
    seconds = 60 * asked.minutes / len(names) if asked.minutes else float("inf")
    print(f"seed {asked.seed}")
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        passed = [
            fuzz(name, found[name], seconds, asked.executions, random.Random(asked.seed),
                 Path(folder))
            for name in names
        ]  # fmt: skip
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
