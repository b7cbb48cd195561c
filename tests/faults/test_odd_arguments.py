"""Whatever is given for one argument of a public function: it is taken, or refused in one sentence."""

import math
import warnings

import pytest

import il2model as il2
from il2model.errors import Il2modelError
from il2model.statistics import cox, kaplan_meier, log_rank

PLAN = il2.Regimen.named("imodals-1miu")
DESIGN = il2.TrialDesign.named("mirocals")
ODD = [
    *(None, True, -1, 0, 2.5, math.nan, math.inf, 10**400, 1j, "", "x", "nan", "x" * 300, b"x"),
    *([], [math.nan], ["x"], (1, 2, 3), {}, {"x": 1}, object()),
]
#: Calls that are right; each argument in turn is given every odd value.
CALLS = {
    "simulate": (il2.simulate, {"regimen": PLAN, "until": 3, "save": [0, 1]}),
    "replace": (il2.load_parameters().replace, {"il2_clearance": 300}),
    "replace by mapping": (lambda changes: il2.load_parameters().replace(changes), {"changes": {}}),
    "load_parameters": (il2.load_parameters, {"name": None, "folder": None}),
    "SolverOptions": (
        il2.SolverOptions,
        {"rtol": 1e-6, "atol": 1e-7, "max_steps": 99, "h_first": 1e-3, "h_min": 1e-11, "h_max": 1.0, "growth_limit": 9},
    ),
    "Cohort.sample": (il2.Cohort.sample, {"n": 3, "seed": 1, "design": "mirocals", "parameters": None, "first": 0}),
    "cyclic": (
        il2.Regimen.cyclic,
        {"amount": "2 MIU", "days": 2, "every": 5, "cycles": 2, "start": 0, "route": "sc", "duration": 0},
    ),
    "named": (il2.Regimen.named, {"name": "mirocals"}),
    "Dose": (il2.Dose, {"time": 0, "amount": 1, "route": "sc", "duration": 0.0, "ii": 0.0}),
    "until": (PLAN.until, {"day": 5}),
    "skip": (PLAN.skip, {"doses": [0]}),
    "delay": (PLAN.delay, {"by": 1}),
    "reduce": (PLAN.reduce, {"factor": 0.5, "start": 0}),
    "study": (
        il2.SensitivityStudy,
        {"outputs": ["treg_auc"], "method": "morris", "n": 2, "seed": 0, "until": 5, "parameters": ["il2_clearance"]}
        | {"times": [], "rtol": 1e-4, "base": None, "ranges": "prior"},
    ),
    "design": (
        DESIGN.replace,
        {"follow_up": 640, "dropout": 0.0, "alpha": 0.05, "stratify": None, "cuts": (750, 3700), "enrich": None}
        | {"looks": (), "visits": (), "assays": {}},
    ),
    "sized": (DESIGN.sized, {"per_arm": 5}),
    "TrialDesign.named": (il2.TrialDesign.named, {"name": "mirocals"}),
    "Trial.load": (il2.Trial.load, {"name": "mirocals"}),
    "kaplan_meier": (kaplan_meier, {"time": [1, 2], "event": [1, 0]}),
    "log_rank": (log_rank, {"time": [1, 2, 3, 4], "event": [1, 1, 1, 1], "group": [0, 1, 0, 1]}),
    "cox": (cox, {"time": [1, 2, 3, 4], "event": [1, 1, 1, 1], "covariates": [0, 1, 1, 0]}),
}


def sentence(call, arguments):
    """Return what a call says that refuses its arguments."""
    try:
        call(**arguments)
    except Il2modelError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("name", "argument"), [(name, a) for name, (_, right) in CALLS.items() for a in right])
def test_an_odd_value_is_taken_or_refused_in_one_sentence(name, argument):
    call, right = CALLS[name]
    call(**right)
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for odd in ODD:
            said = sentence(call, {**right, argument: odd})
            assert said is None or (said and "\n" not in said), odd
            refused += said is not None
    assert refused >= 5  # no argument takes whatever it is given
