"""Every public function that takes a table of pandas takes one of any library."""

import inspect
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.schema.text import text_typed
from cellsieve.trial.planted import plant

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tables of cells, images and wells."""
    folder = tmp_path_factory.mktemp("arrow")
    images = cs.make_demo_set(folder, size=96)
    cells, ledger = cs.measure_images(images, "green", return_images=True, progress=False)
    clean = cs.clean(cells, lower=0.1, upper=0.9)
    marks = clean[["image_id", "label"]][:1].assign(mark="keep")
    plates = plant(group_size=4, train_experiments=4, test_experiments=2, missing=0, seed=1)
    train, test = text_typed(plates.train), text_typed(plates.test)  # as Arrow's become
    layout = cs.PlateLayout.fit(train)
    truth = test.assign(sirna=plates.sirna)
    scores = pd.DataFrame(plates.logits).rename(columns=str)
    scores.insert(0, "id_code", test["id_code"])
    return SimpleNamespace(
        folder=folder, images=ledger, cells=cells, clean=clean, marks=marks, truth=truth,
        train=train, test=test, logits=plates.logits, layout=layout, scores=scores,
        wells=pd.DataFrame({"well": ["A01", "B02"], "value": [1.0, 2.0]}),
        evidence=pd.DataFrame({"experiment": ["a"], "share_0": [0.9], "share_1": [0.1]}),
    )  # fmt: skip


def drawn(plot):
    """The pixels of a plot."""
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = plot if hasattr(plot, "savefig") else plot.figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pyplot.close(figure)
    return np.asarray(canvas.buffer_rgba()).tobytes()


def page(made, give):
    path = made.folder / "report.html"
    tables = {"images": give(made.images), "against": give(made.clean)}
    cs.report(give(made.clean), path, title="cells", overwrite=True, **tables)
    return path.read_text()


def napari_layers(made, give):
    layers = cs.napari.layers(give(made.clean), made.images["image_id"][0], give(made.images))
    return layers[-1][1]["features"]


def multiqc(made, give):
    images = give(made.images)
    return cs.write_multiqc(
        give(made.clean), made.folder, images=images, overwrite=True
    ).read_text()


def table_file(made, give):
    cs.write_table(give(made.wells), made.folder / "wells.csv")
    return (made.folder / "wells.csv").read_text()


def cut(made, give):
    image = made.images.iloc[0]
    cells = give(made.cells[made.cells["image_id"] == image["image_id"]])
    mask, green = cs.read_mask(image["path_mask"]), cs.read_image(image["path_green"])
    return [each.tolist() for each in cs.cut_cells(mask, [green], cells)]


RULE = cs.Rule("area", 0.1, 0.9)

#: What each function makes, given the data and how tables are given.
CALLS = {
    "ImageSet.from_table": lambda m, give: cs.ImageSet.from_table(give(m.images)).table,
    "agreement": lambda m, give: cs.agreement(give(m.truth), give(m.truth)),
    "apply_overrides": lambda m, give: cs.apply_overrides(give(m.clean), give(m.marks)),
    "clean": lambda m, give: cs.clean(
        give(m.cells), rules=[RULE], limits=[give(cs.group_limits(m.cells, RULE))]
    ),
    "count_reasons": lambda m, give: cs.count_reasons(give(m.clean)),
    "cut_cells": cut,
    "group_limits": lambda m, give: cs.group_limits(give(m.cells), RULE),
    "percentile_limits": lambda m, give: cs.percentile_limits(give(m.cells)),
    "plot_assignment": lambda m, give: drawn(cs.plot_assignment(give(m.evidence))),
    "plot_distribution": lambda m, give: drawn(cs.plot_distribution(give(m.clean))),
    "plot_gallery": lambda m, give: drawn(cs.plot_gallery(give(m.clean), give(m.images), n=2)),
    "plot_plate": lambda m, give: drawn(cs.plot_plate(give(m.wells), "value")),
    "read_predictions": lambda m, give: cs.read_predictions(give(m.scores)).scores.tolist(),
    "rename_columns": lambda m, give: cs.rename_columns(give(m.clean), "cellprofiler"),
    "report": page,
    "rules_of": lambda m, give: cs.rules_of(give(m.clean)),
    "show_cells": lambda m, give: cs.show_cells(give(m.clean), give(m.images), n=2)._repr_html_(),
    "to_anndata": lambda m, give: cs.to_anndata(give(m.cells)).to_df(),
    "napari.layers": napari_layers,
    "write_multiqc": multiqc,
    "write_table": table_file,
    "PlateLayout.fit": lambda m, give: repr(cs.PlateLayout.fit(give(m.train))),
    "PlateLayout.infer": lambda m, give: m.layout.infer(give(m.test), give(m.scores), "logit"),
    "PlateLayout.decode": lambda m, give: m.layout.decode(
        give(m.test), give(m.scores), kind="logit"
    ),
    "PlateLayout.check": lambda m, give: m.layout.check(
        give(m.test), give(m.scores), "logit", permutations=9
    ),
    "PlateLayout.score": lambda m, give: m.layout.score(
        give(m.test), give(m.scores), give(m.truth), "logit"
    ),
    "PlateLayout.agreement": lambda m, give: m.layout.agreement(
        give(m.test), [give(m.scores), give(m.scores)], "logit"
    ),
}


def in_arrow(frame):
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    if frame.attrs.keys() - table.to_pandas().attrs.keys():
        pytest.skip("this pyarrow loses a table's attrs, and with them its record")
    return table


@pytest.mark.filterwarnings("ignore:.* none can be cut:UserWarning")
@pytest.mark.parametrize("name", CALLS)
def test_it_makes_the_same_of_both(made, name):
    expected = CALLS[name](made, lambda frame: frame)
    found = CALLS[name](made, in_arrow)
    assert type(found) is type(expected)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    else:
        assert found == expected


def test_none_is_left_out():
    """All that say that they take a table."""
    public = {name: getattr(cs, name) for name in dir(cs) if name[0].islower()}
    for kind in (cs.ImageSet, cs.PlateLayout, cs.napari):
        said = kind.__name__.removeprefix("cellsieve.")
        methods = [name for name in vars(kind) if name[0] != "_"]
        public |= {f"{said}.{name}": getattr(kind, name) for name in methods}
    taking = {
        name
        for name, value in public.items()
        if inspect.isroutine(value)
        for each in inspect.signature(value).parameters.values()
        if any(word in str(each.annotation) for word in ("Table", "DataFrame"))
    }
    assert len(taking) > 20
    others = {
        "ImageSet.from_patterns", "ImageSet.hpa", "PlateLayout.of_groups",  # labels, groups
        "clean_to", "export_to", "napari.show",  # overrides; as to_anndata; as layers
    }  # fmt: skip
    assert taking - set(CALLS) <= others
