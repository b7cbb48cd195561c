"""Examine a finished calibration: structures, checks, calibration of the sampler.

    python calibration/examine.py FOLDER [structures] [trials] [schedules] [checks] [foretold] [sampler | sampler-model]
                                  [--targets all,mine.toml]

Writes FOLDER/structures-*.csv (evidence of structural alternatives), trials-*.csv (each trial of the stage imodals
foretold from the others by each structure and by their average), schedules.csv and daily.csv (schedules side by side,
and a year of daily doses, by each structure and by their average), checks.json (every draw, and trials of the
published size), leave-one-out.csv and foretold.csv (each number from all others), predictive.json and influence.csv,
and calibration_of_sampler.json (200 synthetic trials a stage: of the model itself in pk and mirocals,
which sampler-model takes alone; of a quadratic emulator of a reduced cohort in imodals and progression, whose trials
would take hours to sample). All by default.

A fit of targets of your own is examined with the same --targets as it was fitted with; with others it is refused.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from il2model.calibration.averages import structure_rows
from il2model.calibration.checks import check_fit
from il2model.calibration.drawn import drawn_of_each
from il2model.calibration.evidence import compare
from il2model.calibration.foretold import write_foretold
from il2model.calibration.predictive import stored_problem
from il2model.calibration.problem import Problem
from il2model.calibration.self_test import BY_BANK, calibration_of_sampler
from il2model.calibration.structures import BY_STAGE, yardsticks
from il2model.calibration.tables import write_table
from il2model.calibration.trials_out import leave_trials_out, trial_tables
from il2model.dosing.regimen import Regimen
from il2model.endpoints import STAGES
from il2model.errors import Il2modelError
from il2model.planning.by_structure import level_rows
from il2model.planning.schedules import compared, compared_in_trial
from il2model.runs import shown
from il2model.store import write_json
from il2model.trials.trial import Trial
from il2model.uncertainty.posterior import Posterior

Targets = tuple[str, ...] | None


def say(text: str) -> None:
    """Print progress."""
    print(text, file=sys.stderr, flush=True)


def fitted(folder: Path) -> list[str]:
    """Return the stages that a folder holds."""
    return [stage for stage in STAGES if (folder / stage / "posterior.nc").exists()]


def structures(folder: Path, targets: Targets) -> None:
    """Compare structures of both halves."""
    for stage in (s for s in BY_STAGE if s in fitted(folder)):
        problem = Problem.pose(stage, results=folder, targets=targets)
        home = folder / stage / "structures"
        with shown(f"structures of {stage}") as progress:
            found = compare(stage, home, results=folder, targets=targets, progress=progress)
        rows = structure_rows(problem, found)
        if stage == "mirocals":
            for name, score in yardsticks(problem).items():
                rows.append({"structure": name, "meaning": "yardstick", "ln_evidence": score})
        write_table(folder / f"structures-{stage}.csv", rows)


def trials(folder: Path, targets: Targets, stage: str = "imodals") -> None:
    """Leave out one trial after the other, of each structure and of their average."""
    home = folder / stage / "structures"
    with shown(f"structures of {stage}") as progress:
        found = compare(stage, home, results=folder, targets=targets, progress=progress)
    with shown("leave one trial out") as progress:
        left_out = leave_trials_out(stage, found, home, results=folder, targets=targets, progress=progress)
    for name, rows in zip(("out", "foretold", "coverage"), trial_tables(left_out), strict=True):
        write_table(folder / f"trials-{name}.csv", rows)


def schedules(folder: Path, targets: Targets, stage: str = "imodals") -> None:
    """Compare the schedules of the trial that did, and tell Treg after a year of daily doses, by structure."""
    with shown(f"structures of {stage}") as progress:
        found = compare(stage, folder / stage / "structures", results=folder, targets=targets, progress=progress)
    drawn = drawn_of_each(stage, found, results=str(folder), targets=targets)
    both = compared(*compared_in_trial(), drawn.draws, drawn.names, weights=drawn.weights)
    write_table(folder / "schedules.csv", both.table.to_dict("records"))
    daily = Regimen.cyclic("1 MIU", days=365, every=365, name="1 MIU daily")
    write_table(folder / "daily.csv", level_rows(daily, 365.0, drawn.draws, drawn.names, weights=drawn.weights))


def checks(folder: Path, targets: Targets) -> None:
    """Check every draw, and replicate the trial."""
    write_json(folder / "checks.json", check_fit(folder, targets=targets))


def foretold(folder: Path, targets: Targets) -> None:
    """Foretell each published number from all others, from itself, and say what it informs."""
    with shown("leave one out") as progress:
        write_foretold(folder, fitted(folder), targets=None if targets is None else list(targets), progress=progress)


def sampler(folder: Path, targets: Targets, stages: Sequence[str] = STAGES, n: int = 200) -> None:
    """Calibrate the sampler by simulation: the model itself where a bank carries it, else an emulator."""
    place = folder / "calibration_of_sampler.json"
    found = json.loads(place.read_text()) if place.exists() else {}
    for stage in (s for s in stages if s in fitted(folder)):
        start = time.perf_counter()
        with shown(f"synthetic trials of {stage}") as progress:
            found[stage] = calibration_of_sampler(
                stage, n, results=folder, targets=targets, emulate=stage not in BY_BANK, progress=progress
            )
        found[stage]["wall_seconds"] = round(time.perf_counter() - start)
        say(f"{stage}: smallest p of {len(found[stage]['p'])}, corrected: {found[stage]['p_all']:.3f}")
        for target, share in found[stage]["explained"].items():
            say(f"  the emulator explains {100 * share:.0f} % of the variance of {target}")
        write_json(place, found)


def sampler_of_model(folder: Path, targets: Targets) -> None:
    """Calibrate the sampler where the model itself can be tested."""
    sampler(folder, targets, BY_BANK)


PARTS = {
    "foretold": foretold,
    "structures": structures,
    "trials": trials,
    "schedules": schedules,
    "checks": checks,
    "sampler": sampler,
}
ALONE = {"sampler-model": sampler_of_model}
#: The stage that a part cannot do without.
NEEDS = {"trials": "imodals", "schedules": "imodals", "checks": "mirocals"}


def main() -> None:
    """Run what is asked for, of a fit of these targets and no others."""
    parser = argparse.ArgumentParser(description="Examine a finished calibration.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS | ALONE)}; all by default")
    parser.add_argument(
        "--targets", help="what it was fitted to, such as all,mine.toml; the trials that ship by default"
    )
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS | ALONE]:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS | ALONE)}")
    named = (
        [n for p in given.targets.split(",") for n in (Trial.names() if p == "all" else (p,))] if given.targets else []
    )
    targets: Targets = tuple(named) or None
    try:
        stages = fitted(given.folder)
        if not stages:
            parser.error(f"{given.folder} holds no fit")
        for stage in stages:
            stored_problem(
                Posterior.load(stage, given.folder), given.folder, None if targets is None else list(targets)
            )
        for part in given.parts or PARTS:
            if NEEDS.get(part, stages[0]) in stages:
                (PARTS | ALONE)[part](given.folder, targets)
            else:
                say(f"{part}: {given.folder} holds no fit of the stage {NEEDS[part]}")
    except Il2modelError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
