"""Calibrate the IL-2 half: pharmacokinetics, then Treg to IMODALS, DILT1D and DILfrequency.

    python calibration/imodals.py [FOLDER] [--quick] [--emcee]

A run in the folder can be killed and goes on when it is started again. Minutes on two cores; --quick is for
tests, and --emcee samples by chains instead, much longer. Prints the published change of
Treg % on day 8 beside the model's, and what the data say of each parameter.
"""

import csv
import sys
from pathlib import Path

import il2model as il2
from il2model.runs import shown


def main() -> None:
    """Fit both stages and print the tables."""
    folders = [a for a in sys.argv[1:] if not a.startswith("--")]
    folder = Path(folders[0] if folders else "results/calibration")
    sampler = "emcee" if "--emcee" in sys.argv else "importance"
    with shown("calibration") as progress:
        il2.calibrate(("pk", "imodals"), folder, quick="--quick" in sys.argv, sampler=sampler, progress=progress)
    with (folder / "imodals" / "targets.csv").open() as stream:
        print(f"{'target':24s} {'published':>10s} {'model (95 %)':>26s}")
        for row in csv.DictReader(stream):
            model = f"{float(row['posterior_median']):.2f} ({float(row['posterior_q025']):.2f} to "
            print(f"{row['id']:24s} {float(row['published']):10.2f} {model + row['posterior_q975'] + ')':>26s}")
    with (folder / "imodals" / "parameters.csv").open() as stream:
        print(f"\n{'parameter':26s} {'median':>10s} {'moved (prior SD)':>17s}  verdict of its profile")
        for row in csv.DictReader(stream):
            print(f"{row['id']:26s} {float(row['q500']):10.4g} {float(row['shift']):17.2f}  {row['verdict']}")


if __name__ == "__main__":
    main()
