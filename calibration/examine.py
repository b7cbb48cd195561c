"""Examine a finished calibration: structures, checks, calibration of the sampler.

    python calibration/examine.py FOLDER [structures] [trials] [checks] [foretold] [sampler | sampler-model]

Writes FOLDER/structures-*.csv (evidence of structural alternatives), trials-*.csv (each trial of the stage imodals
foretold from the others by each structure and by their average), checks.json (every draw, and trials of the
published size), leave-one-out.csv and foretold.csv (each number from all others), predictive.json and influence.csv,
and calibration_of_sampler.json (200 synthetic trials a stage: of the model itself in pk and mirocals,
which sampler-model takes alone; of a quadratic emulator of a reduced cohort in imodals and progression, whose trials
would take hours to sample). All by default.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from il2model.calibration.averages import structure_rows
from il2model.calibration.checks import check_fit
from il2model.calibration.evidence import compare
from il2model.calibration.foretold import write_foretold
from il2model.calibration.problem import Problem
from il2model.calibration.self_test import BY_BANK, calibration_of_sampler
from il2model.calibration.structures import BY_STAGE, yardsticks
from il2model.calibration.tables import write_table
from il2model.calibration.trials_out import leave_trials_out, trial_tables
from il2model.endpoints import STAGES
from il2model.runs import shown
from il2model.store import write_json


def say(text: str) -> None:
    """Print progress."""
    print(text, file=sys.stderr, flush=True)


def structures(folder: Path) -> None:
    """Compare structures of both halves."""
    for stage in BY_STAGE:
        problem = Problem.pose(stage, results=folder)
        with shown(f"structures of {stage}") as progress:
            found = compare(stage, folder / stage / "structures", results=folder, progress=progress)
        rows = structure_rows(problem, found)
        if stage == "mirocals":
            for name, score in yardsticks(problem).items():
                rows.append({"structure": name, "meaning": "yardstick", "ln_evidence": score})
        write_table(folder / f"structures-{stage}.csv", rows)


def trials(folder: Path, stage: str = "imodals") -> None:
    """Leave out one trial after the other, of each structure and of their average."""
    home = folder / stage / "structures"
    with shown(f"structures of {stage}") as progress:
        found = compare(stage, home, results=folder, progress=progress)
    with shown("leave one trial out") as progress:
        left_out = leave_trials_out(stage, found, home, results=folder, progress=progress)
    for name, rows in zip(("out", "foretold", "coverage"), trial_tables(left_out), strict=True):
        write_table(folder / f"trials-{name}.csv", rows)


def checks(folder: Path) -> None:
    """Check every draw, and replicate the trial."""
    (folder / "checks.json").write_text(json.dumps(check_fit(folder), indent=1) + "\n")


def foretold(folder: Path) -> None:
    """Foretell each published number from all others, from itself, and say what it informs."""
    stages = [stage for stage in STAGES if (folder / stage / "posterior.nc").exists()]
    with shown("leave one out") as progress:
        write_foretold(folder, stages, progress=progress)


def sampler(folder: Path, stages: Sequence[str] = STAGES, n: int = 200) -> None:
    """Calibrate the sampler by simulation: the model itself where a bank carries it, else an emulator."""
    place = folder / "calibration_of_sampler.json"
    found = json.loads(place.read_text()) if place.exists() else {}
    for stage in stages:
        start = time.perf_counter()
        with shown(f"synthetic trials of {stage}") as progress:
            found[stage] = calibration_of_sampler(
                stage, n, results=folder, emulate=stage not in BY_BANK, progress=progress
            )
        found[stage]["wall_seconds"] = round(time.perf_counter() - start)
        say(f"{stage}: smallest p of {len(found[stage]['p'])}, corrected: {found[stage]['p_all']:.3f}")
        for target, share in found[stage]["explained"].items():
            say(f"  the emulator explains {100 * share:.0f} % of the variance of {target}")
        write_json(place, found)


PARTS = {"foretold": foretold, "structures": structures, "trials": trials, "checks": checks, "sampler": sampler}


def main() -> None:
    """Run what is asked for."""
    folder = Path(sys.argv[1])
    for part in sys.argv[2:] or list(PARTS):
        if part == "sampler-model":
            sampler(folder, BY_BANK)
        else:
            PARTS[part](folder)


if __name__ == "__main__":
    main()
