"""Whether the fitted temperature makes confidences honest: planted plates of known truth.

    python benchmarks/plates_temperature.py            # a minute
    python benchmarks/plates_temperature.py --quick

Scores are sharper or flatter than they should be and favour some classes; in half of the cases
classes of other groups were never scored, so that the group says nothing. ECE is the expected
calibration error in ten bins.
"""

import numpy as np

import cellsieve as cs
from cellsieve.trial.planted import plant
from plates_accuracy import known_assignments
from timing import arguments, heading, show


def main() -> None:
    """Prints the table of docs/plates.md."""
    options = arguments("Calibration at the fitted temperature.")
    heading("scipy")
    rows: list[dict[str, object]] = []
    for within in (False, True):
        for signal in (1.5, 2.5, 3.5):
            for bias in (0.0, 0.5, 1.0):
                row: dict[str, object] = {
                    "scores": "within the group" if within else "of all classes",
                    "signal": signal,
                    "class bias": bias,
                }
                for temperature in (1 / 3, 1.0, 3.0):
                    fitted, claimed, right, error = fit(
                        24 if options.quick else 120, within, signal, bias, temperature
                    )
                    row[f"T {temperature:.2g}"] = fitted
                    row["claimed"], row["right"] = claimed, right
                    row["highest ECE"] = max(error, float(str(row.get("highest ECE", 0.0))))
                rows.append(row)
    show(rows)


def fit(
    size: int, within: bool, signal: float, bias: float, temperature: float
) -> tuple[float, float, float, float]:
    """The temperature found times the one that was planted, and how honest that is."""
    made = plant(
        group_size=size,
        signal=signal,
        class_bias=bias,
        temperature=temperature,
        train_experiments=12,
        test_experiments=3,
        seed=1,
    )
    layout = cs.PlateLayout.fit(made.train)
    logits = made.logits
    if within:
        own = made.group[made.sirna][:, None] == made.group
        logits = np.where(own, logits, np.float32(-1e4))
    given = known_assignments(made, layout)
    found = layout.decode(made.test, logits, given, "marginal", "logit", temperature="fit")
    claim = found["confidence"].to_numpy()
    right = (found["sirna"] == made.sirna).to_numpy()
    bins = np.minimum((10 * claim).astype(int), 9)
    error = sum(abs((claim - right)[bins == b].sum()) for b in range(10)) / len(claim)
    fitted = found.attrs["temperature"] * temperature
    return fitted, float(claim.mean()), float(right.mean()), float(error)


if __name__ == "__main__":
    main()
