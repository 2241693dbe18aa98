"""From templates to one self-contained page: style, script, data and pictures are all inside."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from cellsieve._core import __version__
from cellsieve.io.extras import require
from cellsieve.io.places import atomic
from cellsieve.look.numbers import number
from cellsieve.schema.record import ELEMENT, Record, in_words, steps_of
from cellsieve.schema.types import FilePath


def write_page(
    output: FilePath,
    template: str,
    scripts: Sequence[str],
    content: dict[str, Any],
    record: Record,
) -> None:
    """Renders a template with what it shows; the file is there whole or not at all.

    Its script is put together from files that share one scope, in this order.

    Text is escaped everywhere. The page's own policy forbids every request and every script but its
    own, so that text that slipped through could do nothing.
    """
    jinja = require("jinja2", "report", "writing a report")
    environment = jinja.Environment(
        loader=jinja.FunctionLoader(_template),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja.StrictUndefined,
    )
    parts = "\n".join(_source(f"scripts/{name}.js") for name in scripts)
    script = f'"use strict";\n(() => {{\n{parts}}})();\n'
    environment.filters |= {"number": number, "count": count, "percent": percent}
    environment.globals |= {
        "style": _source("style.css"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "as_json": as_json,
        "version": __version__,
        "element": ELEMENT,
        "record": json.dumps(record, separators=(",", ":")),
        "steps": [in_words(done) for done in steps_of(record)],
    }
    with atomic(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for piece in environment.get_template(template).generate(**content):
            file.write(piece.encode("utf-8", "replace").decode("utf-8"))


def _template(name: str) -> str:
    """A template without its indentation, which would be a tenth of a page of many classes."""
    return re.sub(r"^ +", "", _source(name), flags=re.MULTILINE)


def _source(name: str) -> str:
    return (
        files("cellsieve.look.report")
        .joinpath("templates", *name.split("/"))
        .read_text(encoding="utf-8")
    )


def as_json(data: Any) -> str:
    """JSON that can stand in a <script> element: nothing in it ends the element or opens another.

    Numbers that JSON lacks (NaN) are refused.
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def data_uri(picture: bytes) -> str:
    """A WebP file as a data URI."""
    return "data:image/webp;base64," + base64.b64encode(picture).decode()


def count(value: int) -> str:
    """A whole number with thousands separators."""
    return f"{value:,}"


def percent(part: float, whole: float) -> str:
    """A share in percent; 0 and 100 only where they are exact."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if share == 0 or share == 100:
        return f"{share:.0f} %"
    if share < 0.01:
        return "< 0.01 %"
    if share > 99.99:
        return "> 99.99 %"
    return f"{share:.2f} %" if share < 1 or share > 99 else f"{share:.1f} %"


def framed(page: str, height: int = 800) -> str:
    """A page in a frame of its own, whole: it needs no file and no server."""
    return (
        f'<iframe srcdoc="{escape(page)}" title="cellsieve report" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
    )
