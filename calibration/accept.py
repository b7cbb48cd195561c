"""Make a finished calibration the default: copy its results, and put its values into the parameter records.

    python calibration/accept.py results/calibration

Needs all four stages of the full effort in the folder, converged.
"""

import json
import sys
from pathlib import Path

from il2model import sums
from il2model.calibration.problem import PARAMETERS
from il2model.calibration.structures import AVERAGED, BY_STAGE
from il2model.parameters import load_parameters
from il2model.parameters.writer import write_calibrated

HERE = Path(__file__).resolve().parent
FILES = (
    "posterior.nc", "parameters.csv", "targets.csv", "covariance.csv", "estimate.json", "diagnostics.json",
    "manifest.json", "timing.json",
)  # fmt: skip
WHOLE = (
    "structures-imodals.csv", "structures-mirocals.csv", "trials-out.csv", "trials-foretold.csv",
    "trials-coverage.csv", "schedules.csv", "daily.csv", "checks.json", "calibration_of_sampler.json",
    "foretold.csv", "influence.csv", "leave-one-out.csv", "predictive.json",
)  # fmt: skip


def main(folder: Path) -> None:
    """Copy and write."""
    fits = {}
    for stage, ids in PARAMETERS.items():
        details = json.loads((folder / stage / "diagnostics.json").read_text())
        record = json.loads((folder / stage / "manifest.json").read_text())
        if record["effort"] != "full" or not details["converged"]:
            sys.exit(f"{stage}: effort {record['effort']}, converged {details['converged']}; not accepted.")
        fits |= dict.fromkeys(ids, stage)
    point = json.loads((folder / "mirocals" / "estimate.json").read_text())["point"]
    records = load_parameters("prior").records
    # settings of the structure that the point is of, where they are not those of the records
    settings = {i: s for s in AVERAGED for some in BY_STAGE[s] for i in (*some.fix, *some.free)}
    fits |= {i: s for i, s in settings.items() if i not in fits and i in point and point[i] != records[i].value}
    write_calibrated(
        HERE.parent / "parameters", {i: point[i] for i in fits if i in records}, {i: f for i, f in fits.items()}
    )
    for stage in PARAMETERS:
        target = HERE / "results" / stage
        target.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            sums.write(target / name, (folder / stage / name).read_bytes())
    for name in WHOLE:
        if (folder / name).exists():
            sums.write(HERE / "results" / name, (folder / name).read_bytes())
    print(f"accepted: {len(fits)} numbers")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/calibration"))
