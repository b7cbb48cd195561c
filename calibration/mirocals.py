"""Calibrate the ALS half: natural course to cohorts and the placebo arm, then the effect of IL-2 to MIROCALS.

    python calibration/mirocals.py [FOLDER] [--quick] [--emcee]

Needs the fits of imodals.py in the folder. Minutes on two cores; --quick is for tests, and --emcee samples by
chains instead, much longer. Prints the published hazard ratios beside the model's expected ones;
the main effect, the interaction and the deaths on IL-2 are checks, not fitted.
"""

import csv
import math
import sys
from pathlib import Path

import il2model as il2
from il2model.runs import shown


def main() -> None:
    """Fit both stages and print the table."""
    folders = [a for a in sys.argv[1:] if not a.startswith("--")]
    folder = Path(folders[0] if folders else "results/calibration")
    sampler = "emcee" if "--emcee" in sys.argv else "importance"
    with shown("calibration") as progress:
        il2.calibrate(
            ("progression", "mirocals"), folder, quick="--quick" in sys.argv, sampler=sampler, progress=progress
        )
    for stage in ("progression", "mirocals"):
        with (folder / stage / "targets.csv").open() as stream:
            print(f"\n{'target':20s} {'use':6s} {'published':>10s} {'model, expected (95 %)':>30s}")
            for row in csv.DictReader(stream):
                scale = math.exp if row["log"] == "True" else float
                a, b, c, d = (
                    scale(float(row[k])) for k in ("published", "posterior_median", "posterior_q025", "posterior_q975")
                )
                print(f"{row['id']:20s} {row['use']:6s} {a:10.3g} {f'{b:.3g} ({c:.3g} to {d:.3g})':>30s}")


if __name__ == "__main__":
    main()
