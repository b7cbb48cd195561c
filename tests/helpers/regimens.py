"""Random regimens and parameter rows."""

import numpy as np

from il2model.dosing.regimen import Dose, Regimen
from il2model.uncertainty.coordinates import Coordinates, sobol_points


def random_regimen(rng: np.random.Generator, until: float) -> Regimen:
    """Boluses, infusions, both routes, coincident and decimal times, now and then a reset."""
    doses = []
    for _ in range(int(rng.integers(1, 9))):
        time = round(float(rng.uniform(0, until)), int(rng.integers(0, 4)))
        time = min(max(time, 0.0), until)
        duration = float(rng.choice([0.0, 0.0, 0.0, 0.1, 0.7, 3.0]))
        route = "iv" if rng.random() < 0.2 else "sc"
        doses.append(Dose(time, float(np.round(rng.uniform(0, 3), 2)), route, duration))
    resets = (round(float(rng.uniform(0, until)), 2),) if rng.random() < 0.2 else ()
    riluzole = ((0.0, float("inf")),) if rng.random() < 0.7 else ((3.0, 11.5),)
    return Regimen(tuple(doses), "random", until, riluzole, resets)


def random_rows(kernel, parameters, count: int, seed: int, *, wide: bool = True):
    """Rows of valid parameters in model units, over all parameters with bounds."""
    coordinates = Coordinates.of(kernel, parameters, wide=wide)
    return coordinates.matrix(sobol_points(count, len(coordinates.ids), seed))


def _odd_records(rng: np.random.Generator, until: float) -> list[dict[str, float]]:
    """NONMEM records of one odd kind of course."""
    at = np.sort(np.round(rng.uniform(0, 0.6 * until, 6), 3))
    some = round(float(rng.uniform(0.2, 3)), 2)
    kinds = {
        "overlapping infusions": [
            {"time": t, "amt": some, "duration": 4.0, "cmt": 1 + k % 2} for k, t in enumerate(at)
        ],
        "steady state": [{"time": at[0], "amt": some, "ss": 1, "ii": 1.5, "addl": 3}],
        "steady state of an infusion": [{"time": at[0], "amt": some, "ss": 1, "ii": 2.0, "duration": 1.5, "cmt": 2}],
        "steady state, doses on top": [{"time": at[0], "amt": some, "ss": 1, "ii": 3.0}, {"time": at[1], "amt": 1.0}],
        "additional doses": [{"time": at[0], "amt": some, "ii": 0.37, "addl": 20}],
        "a bolus at the end": [{"time": 0.0, "amt": some}, {"time": until, "amt": some, "cmt": 2}],
        "tiny intervals": [{"time": at[0], "amt": some / 40, "ii": 1e-3, "addl": 60}],
        "many doses": [{"time": 0.0, "amt": 0.3, "ii": 0.25, "addl": int(until / 0.25) - 1}],
        "a reset": [{"time": at[0], "amt": some}, {"time": at[1], "amt": 0, "evid": 3}, {"time": at[2], "amt": some}],
        "a reset that doses": [{"time": t, "amt": some, "evid": 4} for t in at[:3]],
        "a reset in an infusion": [
            {"time": at[0], "amt": some, "duration": until / 2},
            {"time": at[0] + 0.1, "amt": 0, "evid": 3},
        ],
        "both routes at one time": [{"time": t, "amt": some, "cmt": c} for t in at[:3] for c in (1, 2)],
        "several doses at one time": [{"time": at[0], "amt": some / 5} for _ in range(5)],
        "per square metre": [{"time": t, "amt": some, "per_m2": 1, "duration": 0.5 * k} for k, t in enumerate(at)],
        "very small and very large": [{"time": t, "amt": a} for t, a in zip(at, (1e-6, 20.0, 1e-3, 8.0), strict=False)],
        "an infusion beyond the end": [{"time": at[0], "amt": some, "duration": 2 * until, "cmt": 2}],
        "an infusion of seconds": [{"time": t, "amt": some, "duration": 1e-4, "cmt": 2} for t in at],
        "an infusion that a bolus meets": [
            {"time": 1.0, "amt": some, "duration": 2.0, "cmt": 2},
            {"time": 3.0, "amt": some, "cmt": 2},
        ],
    }
    name = list(kinds)[int(rng.integers(len(kinds)))]
    return kinds[name]


def odd_regimens(count: int, until: float, seed: int = 191) -> list[Regimen]:
    """Regimens of all that NONMEM's records can say: every kind of course, and pairs of them one after the other."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        records = _odd_records(rng, until)
        plan = Regimen.from_records(records, name=f"odd {k}")
        if rng.random() < 0.3 and not any(d.ss for d in plan.doses):
            plan = plan + Regimen.from_records(
                [r for r in _odd_records(rng, until) if not r.get("ss")] or [{"time": 0.0, "amt": 1.0}]
            )
        found.append(plan.off_riluzole() if rng.random() < 0.2 else plan)
    return found
