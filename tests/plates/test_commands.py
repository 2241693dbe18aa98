"""`cellsieve plates` as a user types it, on a planted screen."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import cellsieve as cs
from cellsieve.cli import main
from cellsieve.trial.demo_plates import run_plates_demo
from cellsieve.trial.planted import plant, probabilities

mpl.use("agg")


@pytest.fixture(scope="module")
def made():
    return plant(group_size=25, train_experiments=6, test_experiments=3, signal=3, seed=2)


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    made.train.to_csv(tmp_path / "train.csv", index=False)
    made.test.to_csv(tmp_path / "test.csv", index=False)
    np.save(tmp_path / "predictions.npy", probabilities(made.logits))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return main(["plates", *arguments])


def test_from_csv_to_submission(made, folder, capsys):
    assert run("fit", "train.csv", "-o", "layout.json", "--groups", "train_groups.csv") == 0
    out = capsys.readouterr().out
    assert "100 classes in 4 groups (25, 25, 25, 25 classes), 6 experiments" in out
    groups = pd.read_csv("train_groups.csv", header=None)
    layout = cs.PlateLayout.load("layout.json")
    assert groups[1].tolist() == layout.experiment_groups().tolist()

    source = ("layout.json", "test.csv", "predictions.npy")
    assert run("infer", *source, "-o", "posterior.csv", "--groups", "test_groups.csv") == 0
    out = capsys.readouterr().out
    assert "3 experiments, 0 uncertain" in out
    posterior = pd.read_csv("posterior.csv")
    np.testing.assert_array_equal(layout.assignments[posterior["best"]], made.group_on_plate)

    expected = layout.decode("test.csv", "predictions.npy")
    assert run("decode", *source, "-o", "submission.csv", "--details", "wells.parquet") == 0
    submission = pd.read_csv("submission.csv")
    assert submission.columns.tolist() == ["id_code", "sirna"]
    assert submission["id_code"].tolist() == made.test["id_code"].tolist()
    assert submission["sirna"].tolist() == expected["sirna"].tolist()
    pd.testing.assert_frame_equal(cs.read_table("wells.parquet"), expected)
    for given in ("posterior.csv", "test_groups.csv"):
        again = ("-o", "again.csv", "--overwrite")
        assert run("decode", *source, "--posterior", given, *again) == 0
        assert (folder / "again.csv").read_bytes() == (folder / "submission.csv").read_bytes()
    for method in ("assignment", "marginal"):
        assert run("decode", *source, "--method", method, "-o", f"{method}.csv") == 0
        right = (pd.read_csv(f"{method}.csv")["sirna"] == made.sirna).mean()
        assert right >= (submission["sirna"] == made.sirna).mean()
    assert (
        run(
            "decode",
            *source,
            "--method",
            "marginal",
            "--one-to-one",
            "--temperature",
            "fit",
            "-o",
            "other.csv",
        )
        == 0
    )
    submission = pd.read_csv("other.csv")
    assert not submission.assign(e=made.test["experiment"]).duplicated(["e", "sirna"]).any()


@pytest.mark.parametrize("recorded", [True, False])
def test_one_plate_of_the_decoded_wells_is_drawn(made, folder, monkeypatch, recorded):
    run("fit", "train.csv", "-o", "layout.json")
    source = ("layout.json", "test.csv", "predictions.npy")
    assert run("decode", *source, "-o", "submission.csv", "--details", "wells.csv") == 0
    wells = pd.read_csv("wells.csv")
    place = ["experiment", "plate", "well"]
    pd.testing.assert_frame_equal(wells[place], made.test[place], check_dtype=False)
    if not recorded:  # as tables were before they told it: the ids still do
        wells.drop(columns=place).to_csv("wells.csv", index=False)
    drawn = []
    plot = cs.plot_plate
    monkeypatch.setattr(
        "cellsieve.cli.look.plot_plate",
        lambda table, *rest, **options: (drawn.append(table), plot(table, *rest, **options))[1],
    )
    one = made.test["experiment"].iloc[0]
    where = ("--where", f"experiment={one}", "--where", "plate=2")
    plate = ["plot", "plate", "wells.csv", "--value", "confidence", *where, "-o", "plate.png"]
    assert main(plate) == 0
    rows = (made.test["experiment"] == one) & (made.test["plate"] == 2)
    assert drawn[0]["id_code"].tolist() == made.test.loc[rows, "id_code"].tolist()
    assert (folder / "plate.png").stat().st_size > 1000


def test_decoded_wells_keep_the_names_of_the_users_columns(made, folder):
    names = {"experiment": "batch", "plate": "Plate", "well": "Well", "id_code": "key"}
    for table in ("train", "test"):
        frame = getattr(made, table).rename(columns=names)
        frame["key"] = "k" + frame.index.astype(str)  # ids that say nothing of the place
        frame.to_csv(f"{table}.csv", index=False)
    flags = ("--experiment", "batch", "--plate", "Plate", "--well", "Well", "--id-column", "key")
    assert run("fit", "train.csv", "-o", "layout.json", *flags) == 0
    source = ("layout.json", "test.csv", "predictions.npy")
    assert run("decode", *source, "-o", "submission.csv", "--details", "wells.csv") == 0
    wells = pd.read_csv("wells.csv")
    assert wells.columns[:5].tolist() == ["key", "sirna", "batch", "Plate", "Well"]
    cs.report("wells.csv", "report.html")
    assert "Plate 2 of HUVEC-08" in (folder / "report.html").read_text()


def test_plot_plate_says_what_it_cannot_know(folder, capsys):
    pd.DataFrame({"key": ["a_1_B02", "k2"], "v": [1, 2]}).to_csv("wells.csv", index=False)
    plate = ["plot", "plate", "wells.csv", "--value", "v", "--where", "plate=1", "-o", "x.png"]
    assert main(plate) == 2
    said = capsys.readouterr().err
    assert "wells.csv: no column experiment, plate, well, and key 'k2' is not of the form" in said
    assert not (folder / "x.png").exists()


FIT = ("fit", "train.csv", "-o", "l.json")
SOURCE = ("layout.json", "test.csv", "predictions.npy")


@pytest.mark.parametrize(
    ("arguments", "there"),
    [
        (FIT, "l.json"),
        ((*FIT, "--groups", "g.csv"), "g.csv"),
        (("infer", *SOURCE, "-o", "p.csv"), "p.csv"),
        (("infer", *SOURCE, "--groups", "g.csv"), "g.csv"),
        (("decode", *SOURCE, "-o", "s.csv"), "s.csv"),
        (("decode", *SOURCE, "-o", "s.csv", "--details", "d.csv"), "d.csv"),
        (("check", *SOURCE, "--permutations", "9", "-o", "c.csv"), "c.csv"),
    ],
)
def test_no_file_is_replaced_unasked(folder, capsys, arguments, there):
    run("fit", "train.csv", "-o", "layout.json")
    (folder / there).write_text("mine")
    before = sorted(path.name for path in folder.iterdir())
    capsys.readouterr()
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert said.err == f"cellsieve: error: {there} exists; overwrite (--overwrite) to replace it\n"
    assert said.out == ""
    assert (folder / there).read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == before
    assert run(*arguments, "--overwrite") == 0
    assert (folder / there).read_text() != "mine"


@pytest.mark.parametrize("arguments", [FIT, ("infer", *SOURCE), ("decode", *SOURCE, "-o", "s.csv")])
def test_quiet_commands_say_nothing(folder, capsys, arguments):
    run("fit", "train.csv", "-o", "layout.json", "--quiet")
    assert run(*arguments, "-q") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_what_is_uncertain_or_strange_is_a_warning_even_of_quiet_commands(
    made, folder, capsys, quiet
):
    run("fit", "train.csv", "-o", "layout.json", "-q")
    noise = np.random.default_rng(0).random(made.logits.shape)
    np.save("noise.npy", noise / noise.sum(axis=1, keepdims=True))
    assert run("infer", "layout.json", "test.csv", "noise.npy", "--jobs", "2", *quiet) == 0
    said = capsys.readouterr()
    assert said.err == (
        "cellsieve: warning: 3 of 3 experiments have an uncertain assignment (posterior below "
        f"0.99): {', '.join(made.test['experiment'].unique())}\n"
    )
    assert ("UNCERTAIN" in said.out) == (not quiet)
    decode = ["decode", "layout.json", "test.csv", "noise.npy", "-o", "submission.csv"]
    assert run(*decode, *quiet) == 1
    said = capsys.readouterr()
    assert said.err == (
        "cellsieve: warning: 3 of 3 experiments have an uncertain assignment (posterior below "
        f"0.99): {', '.join(made.test['experiment'].unique())}\n"
    )
    assert (folder / "submission.csv").exists()
    made.test.assign(sirna=made.sirna).to_csv("plan.csv", index=False)
    assert run("check", "layout.json", "plan.csv", "noise.npy", *quiet) == 0
    said = capsys.readouterr()
    assert "warning: 12 of 12 plates are not as expected: " in said.err
    assert "plate 1 (unclear), " in said.err
    assert bool(said.out) == (not quiet)


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_jobs_are_counted(folder, capsys, jobs):
    with pytest.raises(SystemExit) as left:
        run("infer", *SOURCE, "--jobs", jobs)
    assert left.value.code == 2
    assert "expected a positive whole number" in capsys.readouterr().err


def test_nothing_is_read_before_an_output_is_refused(folder, capsys):
    (folder / "s.csv").touch()
    nothing = ("nowhere.json", "nowhere.csv", "nowhere.npy", "-o", "s.csv")
    for command in ("infer", "decode", "check"):
        assert run(command, *nothing) == 2
        assert "s.csv exists" in capsys.readouterr().err


def test_two_outputs_are_two_files(folder, capsys):
    same = ("-o", "s.csv", "--details", "./s.csv")
    assert run("decode", "layout.json", "test.csv", "predictions.npy", *same) == 2
    assert "s.csv: given for two outputs; expected a file for each" in capsys.readouterr().err


def test_a_submission_is_a_prediction_too(made, folder, capsys):
    run("fit", "train.csv", "-o", "layout.json")
    votes = pd.DataFrame({"id_code": made.test["id_code"], "sirna": made.logits.argmax(axis=1)})
    votes.sample(frac=1, random_state=0).to_csv("votes.csv", index=False)
    assert run("infer", "layout.json", "test.csv", "votes.csv") == 0
    assert "UNCERTAIN" not in capsys.readouterr().out
    assert run("check", "layout.json", "test.csv", "votes.csv", "-o", "check.csv") == 0
    assert "12 of 12 plates: no known layout" in capsys.readouterr().out
    assert len(pd.read_csv("check.csv")) == 12


def test_check_shows_what_is_wrong(made, folder, capsys):
    run("fit", "train.csv", "-o", "layout.json")
    plan = made.test.assign(sirna=made.sirna)
    experiment = plan["experiment"].iloc[0]
    rows = plan["experiment"] == experiment
    # Plates 1 and 2 were swapped: their scores are those of the other.
    plan.loc[rows, "plate"] = plan.loc[rows, "plate"].map({1: 2, 2: 1, 3: 3, 4: 4})
    plan["true"] = plan["sirna"]
    place = ["experiment", "plate", "well"]
    said = made.test.assign(sirna=made.sirna)[[*place, "sirna"]]
    plan = plan.drop(columns="sirna").merge(said, on=place, how="left").fillna({"sirna": -1})
    plan.assign(sirna=plan["sirna"].astype(int)).to_csv("plan.csv", index=False)
    capsys.readouterr()
    assert run("check", "layout.json", "plan.csv", "predictions.npy") == 0
    out = capsys.readouterr().out
    assert "10 of 12 plates: as claimed" in out
    lines = [line.split() for line in out.splitlines() if line.split()[0] == experiment]
    assert [line[3:5] for line in lines] == [["plate", "2"], ["plate", "1"]]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("fit", "nowhere.csv", "-o", "x.json"), "nowhere.csv"),
        (("fit", "test.csv", "-o", "x.json"), "test.csv: no column 'sirna'"),
        (("infer", "train.csv", "test.csv", "predictions.npy"), "train.csv: not JSON"),
        (("infer", "layout.json", "train.csv", "predictions.npy"), "rows without ids"),
        (
            ("infer", "layout.json", "test.csv", "predictions.npy", "--kind", "hard"),
            "kind is 'hard'",
        ),
        (
            ("infer", "layout.json", "test.csv", "predictions.npy", "-o", "x.txt"),
            "expected a table",
        ),
        (("decode", "layout.json", "test.csv", "none.npy", "-o", "s.csv"), "none.npy"),
        (
            (
                "decode",
                "layout.json",
                "test.csv",
                "predictions.npy",
                "-o",
                "s.csv",
                "--posterior",
                "train.csv",
            ),
            "train.csv: no row for experiments",
        ),
        (
            (
                "decode",
                "layout.json",
                "test.csv",
                "predictions.npy",
                "-o",
                "s.csv",
                "--classes",
                "test.csv",
            ),
            "class names for 100 columns",
        ),
    ],
)
def test_mistakes_are_one_line(folder, capsys, arguments, text):
    run("fit", "train.csv", "-o", "layout.json")
    capsys.readouterr()
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("cellsieve: error: ")
    assert text in captured.err
    assert captured.err.count("\n") == 1
    assert not (folder / "s.csv").exists()


def test_what_did_not_converge_is_told_by_the_exit_code(folder, capsys, monkeypatch):
    run("fit", "train.csv", "-o", "layout.json")
    monkeypatch.setattr("cellsieve.plates.decode.ROUGH", 0.0)
    source = ("layout.json", "test.csv", "predictions.npy", "-o", "s.csv")
    assert run("decode", *source, "--method", "marginal") == 1
    assert "did not converge" in capsys.readouterr().err
    assert (folder / "s.csv").exists()


@pytest.mark.parametrize("command", [(), ("fit",), ("infer",), ("decode",), ("check",)])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as left:
        run(*command, "--help")
    assert left.value.code == 0
    assert "usage: cellsieve plates" in capsys.readouterr().out


def test_demo_finds_what_was_planted(tmp_path, capsys):
    steps = run_plates_demo(tmp_path / "demo")
    out = capsys.readouterr().out
    assert "5 of 5 test experiments assigned correctly" in out
    assert steps["accuracy"].is_monotonic_increasing
    assert (tmp_path / "demo" / "submission.csv").exists()


def test_score_compares_several_models(made, folder, capsys):
    truth = made.test[["id_code"]].assign(sirna=made.sirna)
    truth.to_csv(folder / "truth.csv", index=False)
    cs.PlateLayout.fit(made.train).save(folder / "layout.json")
    np.save(folder / "other.npy", np.roll(np.load(folder / "predictions.npy"), 1, axis=0))
    arguments = [str(folder / name) for name in ("layout.json", "test.csv", "predictions.npy")]
    arguments += [str(folder / "other.npy"), "--truth", str(folder / "truth.csv")]
    assert main(["plates", "score", *arguments, "--weights", "9,1"]) == 0
    shown = capsys.readouterr().out
    assert "How often models agree" in shown
    assert shown.count("100.0%") >= 2
    assert main(["plates", "score", *arguments, "--weights", "9,1,1"]) == 2
    assert "expected 2 numbers" in capsys.readouterr().err
