"""The words that an option can be, each list once: for types, checks and the command line."""

from typing import Any, Literal, get_args

Vocabulary = Literal["cellsieve", "skimage", "cellprofiler", "notebook"]
Convention = Literal["cellsieve", "notebook"]
RleForm = Literal["compressed", "uncompressed", "hpa"]

RuleKind = Literal["percentile", "value", "ratio", "mad", "zscore"]
Unjudged = Literal["drop", "keep"]
"""What becomes of a cell that a rule cannot judge."""
SeveralClasses = Literal["skip", "explode", "own"]
"""What becomes of a cell of several classes where cells are judged."""

AnnotationFormat = Literal["coco", "mmdet"]
AnnotatedClasses = Literal["each", "one"]
"""What becomes of a cell of several classes where it is annotated."""
PictureFormat = Literal["png", "jpg"]

Keep = Literal["cell", "cell_and_outside", "all"]
Fit = Literal["cut", "shrink", "stretch"]
CropKind = Literal["png", "npz", "npy", "tar"]

Band = Literal["low", "middle", "high", "all"]
Order = Literal["random", "lowest", "highest"]
Neighbours = Literal["dim", "blank", "show"]
AxisScale = Literal["auto", "linear", "log"]
Evidence = Literal["share", "posterior"]

ScoreKind = Literal["probability", "log_probability", "logit", "similarity", "hard"]
"""What scores are: see `PlateLayout.infer`."""
Average = Literal["probability", "log"]
"""How several sites or files are averaged: their probabilities, or the logarithms of these."""
Candidates = Literal["closed", "all"]
"""Which assignments are tried: those seen and those that follow from them, or every order."""
Prior = Literal["flat", "counts"]
"""How probable assignments are beforehand: alike, or as often as they were seen."""
Method = Literal["argmax", "assignment", "marginal"]


def check_choice(argument: str, value: object, choices: Any) -> None:
    """Refuses a value that is not among the choices.

    Args:
        argument: what a user calls it.
        value: what was given.
        choices: a `Literal` of the above.

    Raises:
        ValueError: it is not one of them.
    """
    words = get_args(choices)
    if value not in words:
        listed = ", ".join(map(repr, words[:-1])) + f" or {words[-1]!r}"
        raise ValueError(f"{argument}: found {value!r}; expected {listed}")
