"""`cellsieve report`, `cellsieve gallery` and `cellsieve plot`."""

import argparse
import sys
from typing import Any, get_args

from cellsieve.cli.arguments import add_image_table, add_jobs, add_overwrite, file_path, table_path
from cellsieve.io.image_table import image_table_path, read_image_table
from cellsieve.io.tables import column_names, read_table, refuse_existing
from cellsieve.look.multiqc import write_multiqc
from cellsieve.look.plots import (
    plot_assignment,
    plot_distribution,
    plot_gallery,
    plot_overlay,
    plot_plate,
    save,
)
from cellsieve.look.report import report
from cellsieve.schema.choices import AxisScale, Band, Evidence, Neighbours, Order
from cellsieve.schema.text import STRING
from cellsieve.schema.wellmap import PLACE, with_places
from cellsieve.schema.words import count


def add_report(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "report",
        example="cellsieve report clean.csv -o report.html --channels red,green,blue",
        help=summary,
        description="Writes one self-contained page: what was decided, and for each class its "
        "distribution with the limits and cells below, within and above them. Cells can be marked "
        "in the page; 'cellsieve clean --overrides marks.csv' applies the marks. For a result of "
        "'cellsieve plates infer', it shows the assignments and how sure they are.",
        epilog="Exit code: 0 done, 1 done but some pictures could not be made, 2 nothing was done.",
    )
    command.add_argument(
        "table", metavar="TABLE", type=table_path, help="a cleaned cell table, or a plates result"
    )
    _add_output(command, "PAGE", "the page to write: .html", required=False)
    command.add_argument(
        "--multiqc",
        metavar="FOLDER",
        type=file_path,
        help="write cellsieve_mqc.tsv there, which MultiQC makes a section of: cells kept, dropped "
        "and not judged, and failed images",
    )
    command.add_argument(
        "--multiqc-by",
        metavar="COLUMNS",
        help="columns whose values are the rows of that section, as plate (default: those of "
        "experiment and plate that there are, or else one row)",
    )
    add_image_table(command, "TABLE")
    command.add_argument(
        "--wells",
        metavar="TABLE",
        type=table_path,
        help="the wells' classes and confidences, as from 'cellsieve plates decode --details'",
    )
    command.add_argument(
        "--truth",
        metavar="TABLE",
        type=table_path,
        help="the wells' true classes, to compare the confidences with",
    )
    command.add_argument(
        "--against",
        metavar="TABLE",
        type=table_path,
        help="another cleaning of the same cells: the page shows which of them moved",
    )
    command.add_argument(
        "-n", type=int, default=8, metavar="N", help="most cells per gallery (default: 8)"
    )
    _add_pixel_size(command)
    command.add_argument("--title", help="the page's title (default: the table's name)")
    command.add_argument(
        "--megabytes",
        type=float,
        default=10,
        metavar="N",
        help="about how large the page may be; a larger one has more cells beyond the limits and "
        "larger pictures (default: %(default)s)",
    )
    command.add_argument(
        "--columns",
        metavar="NAMES",
        help="columns that can be set against each other, as area,solidity; at most 20 (default: "
        "those that rules judge, and others, up to 10)",
    )
    _add_column(command)
    _add_look(command)
    command.set_defaults(run=_report)


def add_gallery(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "gallery",
        example="cellsieve gallery clean.csv -o brightest.png --which high --order highest",
        help=summary,
        description="Draws some cells of a table, each with its value below.",
    )
    command.add_argument("table", metavar="TABLE", type=table_path, help="a cell table")
    _add_output(command, "PICTURE", "the picture to write: .png or .svg")
    add_image_table(command, "TABLE")
    command.add_argument(
        "--which",
        choices=get_args(Band),
        help="cells below, within or above the limits, or all (default: middle, with --reason all)",
    )
    command.add_argument(
        "--order",
        choices=get_args(Order),
        default="random",
        help="how to choose them (default: %(default)s)",
    )
    command.add_argument("-n", type=int, default=12, metavar="N", help="how many (default: 12)")
    command.add_argument(
        "--across", type=int, default=6, metavar="N", help="cells per row (default: 6)"
    )
    command.add_argument(
        "--class", dest="class_label", metavar="LABEL", help="only cells of this class"
    )
    command.add_argument(
        "--reason",
        metavar="TEXT",
        help="only cells dropped or flagged for this reason, as 'out of focus'",
    )
    _add_column(command)
    _add_look(command)
    command.add_argument(
        "--own-scale",
        action="store_true",
        help="let each cell fill its place, with a scale bar of its own (default: one scale)",
    )
    _add_pixel_size(command)
    _add_title(command)
    command.set_defaults(run=_gallery)


def add_plot(commands: Any, summary: str) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "plot",
        help=summary,
        description="Draws one plot as .png or .svg.",
    )
    kinds = command.add_subparsers(title="plots", metavar="PLOT", required=True)

    kind = kinds.add_parser(
        "distribution",
        example="cellsieve plot distribution clean.csv -o fraction.png --class 16",
        help="histogram of a column with the limits",
    )
    kind.add_argument("table", metavar="TABLE", type=table_path, help="a cell table")
    kind.add_argument(
        "--class", dest="class_label", metavar="LABEL", help="only cells of this class"
    )
    kind.add_argument(
        "--bins", type=int, default=80, metavar="N", help="number of bars (default: 80)"
    )
    kind.add_argument(
        "--axis",
        choices=get_args(AxisScale),
        default="auto",
        help="the axis of the values (default: %(default)s, logarithmic where they are skewed)",
    )
    _add_title(kind)
    _add_column(kind)
    kind.set_defaults(run=_plot, draw=_distribution)
    _add_output(kind, "PICTURE", "the picture to write: .png or .svg")

    kind = kinds.add_parser(
        "overlay",
        example="cellsieve plot overlay images/demo-00_green.png masks/demo-00.npz -o overlay.png",
        help="an image, its mask, and both with the cells' ids",
    )
    kind.add_argument("image", metavar="IMAGE", type=file_path, help="an image file")
    kind.add_argument("mask", metavar="MASK", type=file_path, help="its label image")
    kind.add_argument("--no-ids", action="store_true", help="don't label the cells with their ids")
    _add_title(kind)
    kind.set_defaults(run=_plot, draw=_overlay)
    _add_output(kind, "PICTURE", "the picture to write: .png or .svg")

    kind = kinds.add_parser(
        "plate",
        example="cellsieve plot plate plates/wells.csv --value confidence "
        "-o plate.png --where experiment=HEPG2-10 --where plate=1",
        help="map of a plate, coloured by one value per well",
    )
    kind.add_argument(
        "table", metavar="TABLE", type=table_path, help="a table with one row per well"
    )
    kind.add_argument("--value", required=True, metavar="COLUMN", help="column to show")
    kind.add_argument(
        "--well",
        default="well",
        metavar="COLUMN",
        help="column with the well names (default: well)",
    )
    kind.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only rows with this value, as --where plate=1; may be given several times",
    )
    kind.add_argument(
        "--limits",
        type=_two_numbers,
        metavar="LOW,HIGH",
        help="values at the ends of the colour scale, so that plates can be compared (default: "
        "the extremes)",
    )
    _add_title(kind)
    kind.set_defaults(run=_plot, draw=_plate)
    _add_output(kind, "PICTURE", "the picture to write: .png or .svg")

    kind = kinds.add_parser(
        "assignment",
        example="cellsieve plot assignment plates/posterior.csv -o assignment.png",
        help="heat map of a result of 'cellsieve plates infer'",
    )
    kind.add_argument("table", metavar="TABLE", type=table_path, help="one row per experiment")
    kind.add_argument(
        "--kind",
        choices=get_args(Evidence),
        default="share",
        help="share of votes, or posterior (default: %(default)s)",
    )
    _add_title(kind)
    kind.set_defaults(run=_plot, draw=_assignment)
    _add_output(kind, "PICTURE", "the picture to write: .png or .svg")


def _add_output(command: Any, metavar: str, what: str, *, required: bool = True) -> None:
    command.add_argument(
        "-o", "--output", metavar=metavar, type=file_path, required=required, help=what
    )
    add_overwrite(command)


def _add_pixel_size(command: Any) -> None:
    command.add_argument(
        "--pixel-size",
        type=float,
        metavar="UM",
        help="side of a pixel in µm, for scale bars (default: they are in pixels)",
    )


def _add_title(command: Any) -> None:
    command.add_argument("--title", help="the title (default: what is shown)")


def _add_column(command: Any) -> None:
    command.add_argument(
        "--column",
        help="column to show (default: the first whose limits a rule finds, or else fraction)",
    )


def _add_look(command: Any) -> None:
    command.add_argument(
        "--channels",
        metavar="NAMES",
        help="channels to show, as red,green,blue; each in the colour of its name, else gray",
    )
    command.add_argument(
        "--neighbours",
        choices=get_args(Neighbours),
        default="dim",
        help="how other cells are drawn (default: %(default)s)",
    )
    command.add_argument(
        "--moved",
        type=_moved,
        metavar="OLD=NEW",
        help="paths in the image table that begin with OLD begin with NEW now",
    )
    command.add_argument("--no-outline", action="store_true", help="draw no outlines")
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the random choice (default: 0)"
    )
    add_jobs(command)


def _moved(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not old or not equals:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected OLD=NEW")
    return old, new


def _two_numbers(text: str) -> tuple[float, float]:
    low, _, high = text.partition(",")
    try:
        return float(low), float(high)
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected LOW,HIGH") from None


def _look(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments that `report` and `plot_gallery` share."""
    return {
        "column": options.column,
        "n": options.n,
        "seed": options.seed,
        "channels": options.channels.split(",") if options.channels else None,
        "neighbours": options.neighbours,
        "outline": not options.no_outline,
        "jobs": options.jobs,
        "root": options.root,
        "moved": options.moved,
    }


def _report(options: argparse.Namespace) -> int:
    if options.output is None and options.multiqc is None:
        raise ValueError("report: expected a page to write (-o), or a folder (--multiqc)")
    if options.multiqc_by and options.multiqc is None:
        raise ValueError("--multiqc-by: expected --multiqc too")
    if options.output is not None:
        refuse_existing(options.output, overwrite=options.overwrite)
    if options.multiqc is not None:
        written = write_multiqc(
            options.table,
            options.multiqc,
            images=options.image_table,
            by=options.multiqc_by.split(",") if options.multiqc_by else None,
            overwrite=options.overwrite,
        )
        print(f"for MultiQC: {written}")
    return 0 if options.output is None else _page(options)


def _page(options: argparse.Namespace) -> int:
    made = report(
        options.table,
        options.output,
        images=options.image_table,
        wells=options.wells,
        truth=options.truth,
        against=options.against,
        title=options.title,
        columns=options.columns.split(",") if options.columns else None,
        pixel_size=options.pixel_size,
        megabytes=options.megabytes,
        progress=False if options.quiet else None,
        overwrite=options.overwrite,
        **_look(options),
    )
    print(f"report: {options.output} ({options.output.stat().st_size / 1e6:.1f} MB)")
    lost = made.without_picture
    if lost:
        print(f"{lost} of the cells shown have no picture; the page says why", file=sys.stderr)
    images = options.image_table or image_table_path(options.table)
    pictured = images.exists() or "label" not in column_names(options.table)  # or plates
    if not pictured:
        print(
            f"{images}: there is no such image table, so no cell has a picture; name it with "
            "--image-table",
            file=sys.stderr,
        )
    return int(lost > 0 or not pictured)


def _gallery(options: argparse.Namespace) -> int:
    refuse_existing(options.output, overwrite=options.overwrite)
    images = options.image_table or image_table_path(options.table)
    if not images.exists():
        raise ValueError(
            f"{images}: there is no such image table, so the cells' pixels can't be found; "
            "name it with --image-table"
        )
    table = read_table(options.table)
    ids = set(read_image_table(images)["image_id"].astype(STRING))
    strangers = [name for name in table["image_id"].astype(STRING).unique() if name not in ids]
    if strangers:
        raise ValueError(
            f"{options.table}: {count(len(strangers), 'image')} not in {images}, the first is "
            f"{strangers[0]}; do the two belong together?"
        )
    figure = plot_gallery(
        table,
        images,
        options.which,
        class_label=options.class_label,
        reason=options.reason,
        order=options.order,
        across=options.across,
        same_scale=not options.own_scale,
        pixel_size=options.pixel_size,
        title=options.title,
        **_look(options),
    )
    save(figure, options.output)
    return 0


def _plot(options: argparse.Namespace) -> int:
    refuse_existing(options.output, overwrite=options.overwrite)
    save(options.draw(options), options.output)
    return 0


def _distribution(options: argparse.Namespace) -> Any:
    table = read_table(options.table)
    return plot_distribution(
        table,
        options.column,
        options.class_label,
        bins=options.bins,
        axis=options.axis,
        title=options.title,
    )


def _overlay(options: argparse.Namespace) -> Any:
    return plot_overlay(options.image, options.mask, ids=not options.no_ids, title=options.title)


def _plate(options: argparse.Namespace) -> Any:
    table = read_table(options.table)
    asked = [condition.partition("=")[0] for condition in options.where] + [options.well]
    if any(name in PLACE and name not in table.columns for name in asked):
        table = with_places(table, str(options.table))
    for condition in options.where:
        column, equals, value = condition.partition("=")
        if not equals or column not in table.columns:
            raise ValueError(
                f"--where {condition}: expected COLUMN=VALUE with a column of the table, which has "
                f"{', '.join(map(str, table.columns))}"
            )
        table = table[table[column].astype(STRING) == value]
        if table.empty:
            raise ValueError(f"--where {condition}: no row of {options.table} has it")
    title = options.title or ", ".join(
        condition.replace("=", " ", 1) for condition in options.where
    )
    return plot_plate(
        table, options.value, well=options.well, limits=options.limits, title=title or None
    )


def _assignment(options: argparse.Namespace) -> Any:
    return plot_assignment(read_table(options.table), options.kind, title=options.title)
