"""A study: the question, the design on valid coordinates, and what its results depend on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import sums
from ..errors import InputError, intact, unknown_name
from ..notebook import table
from ..parameters import ParameterSet
from ..plain import plain, restored
from ..solver.problem import Floats
from ..store import digest
from ..streams import checked_seed, derived_seed
from ..uncertainty.coordinates import Coordinates
from ..uncertainty.draws import posterior_table
from .method import Cube, Method
from .methods import METHODS, method_named
from .question import PATIENTS, RTOL, Question

if TYPE_CHECKING:
    from ..model.assembly import Model

RANGES = ("prior", "posterior")
#: Share of a prior left out at either end of a design.
EDGE = 1e-3
#: Sample size where none is asked for.
N = 1024


@dataclass(frozen=True, kw_only=True, repr=False)
class SensitivityStudy(Question):
    """A global sensitivity study.

    Parameters
    ----------
    outputs : sequence of str
        Observables (with `times`), endpoints such as 'treg_auc', or differences between
        arms such as 'survival_difference' (over a cohort).
    parameters : sequence of str, optional
        By default every parameter with a prior that the outputs can depend on.
    ranges : {'prior', 'posterior'}
        The cube of the priors (independent, every point valid), or draws of the posterior
        (correlated: only for methods that take given data).
    method : str
        A name of `methods.METHODS`.
    n : int
        What it counts depends on the method: base points for 'sobol' (a power of two), trajectories for
        'morris', nothing for 'oat', rows otherwise.
    seed : int
    regimen : str or Regimen, optional
        (default: 'mirocals' for differences between arms, else 'imodals-2miu'; no doses for another model)
    until : float, optional
        Days (default: as long as that regimen is planned to last).
    times : sequence of float, optional
        Days of time-resolved outputs (default: the visits of each cycle, see `outputs.visits`).
    second_order : bool
        Indices of pairs, where the method has them.
    patients : int
        Of the cohort for differences between arms.
    rtol : float
        Relative tolerance of a run.
    base : ParameterSet, optional
        Values of what is not varied, and the priors of what is (default: the calibrated set).
    control : str or Regimen
        The other arm of a difference.
    model : Model, optional
        Another assembled model, with its parameters as `base`.

    Raises
    ------
    InputError, UnknownNameError
        If the design cannot be made; with one sentence.
    """

    ranges: str = "prior"
    method: str = "sobol"
    n: int = N
    seed: int = 0
    second_order: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.ranges, str) or self.ranges not in RANGES:
            raise unknown_name("kind of ranges", self.ranges, RANGES)
        if self.ranges == "posterior" and self.how.needs.independent:
            given = ", ".join(sorted(m.name for m in METHODS.values() if not m.needs.independent))
            raise InputError(
                f"Draws of the posterior are correlated; {self.method} needs independent inputs: use one of {given}."
            )
        if self.ranges == "posterior" and self.model is not None:
            raise InputError("The stored posterior is that of the built-in model; use ranges 'prior' for another.")
        checked_seed(self.seed)
        super().__post_init__()
        self.how.check(self.n, len(self.inputs))
        stride = self.how.stride
        if self.second_order and stride(3, True) == stride(3, False):
            raise InputError(f"second_order has no effect on {self.method}, which has no indices of pairs of its own.")
        object.__setattr__(self, "n", int(self.n))

    def replace(self, **changes: Any) -> SensitivityStudy:
        """Return the study with some arguments changed."""
        return replace(self, **changes)

    # ------------------------------------------------------------------ design
    @property
    def how(self) -> Method:
        """The method."""
        return method_named(self.method)

    @property
    def cube(self) -> Cube:
        """What the design fills: the central 99.8 % of each prior, as quantiles."""
        return Cube(len(self.inputs), EDGE)

    @cached_property
    def design(self) -> Floats:
        """Points of the unit cube, (row, parameter); with posterior ranges, the numbers of the draws."""
        if self.ranges == "prior":
            return self.how.points(self.cube, self.n, self.seed, second_order=self.second_order)
        table = posterior_table(self.n, self.seed)
        missing = [i for i in self.inputs if i not in table]
        if missing:
            raise InputError(f"{missing[0]} is not in the stored posterior.")
        return np.asarray(np.stack([table[i] for i in self.inputs], axis=1))

    def table(self, X: Floats) -> dict[str, Floats]:
        """Return the numbers of points (point, parameter) by id, in the units of their records."""
        if self.ranges == "posterior":
            return {id: X[:, k] for k, id in enumerate(self.inputs)}
        return Coordinates.of(self.kernel, self.values, ids=self.inputs).values(X)

    @cached_property
    def key(self) -> Mapping[str, object]:
        """What a row's result depends on, whatever the size of the design, as plain data."""
        return {
            "verb": "study",
            "model": self.kernel.blueprint.fingerprint,
            "parameter_set": self.values.fingerprint(),
            "parameters": list(self.inputs),
            "ranges": self.ranges,
            "method": self.method,
            "seed": self.seed,
            "regimen": repr(self.plan),
            "outputs": [c.name for c in self.columns],
            "until": self.days,
            "second_order": self.second_order,
            "cohort": [self.patients, repr(self.control_plan)] if self.compares else None,
            "rtol": self.rtol,
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the design and of everything that the results depend on."""
        return digest(json.dumps(self.key, sort_keys=True), self.design, separator="")

    @property
    def idle(self) -> str:
        """What was asked and changes nothing, in a sentence; '' if nothing is."""
        if self.times and not self.series:
            return "times are days of observables, and no output is one; leave them out."
        if self.how.needs.counts == "nothing" and (self.n != N or self.seed != 0):
            word = "n" if self.n != N else "seed"
            return f"{word} has no effect on {self.method}, whose points are always the same; leave it out."
        return ""

    def companions(self, *, scrambles: int = 2, draws: int = 512) -> dict[str, SensitivityStudy]:
        """Return the studies that a reader will ask for beside this one.

        Parameters
        ----------
        scrambles : int
            Independent designs of a quarter of the size, for 'sobol'.
        draws : int
            Rows of the moment-independent index under the prior and under the posterior.

        Returns
        -------
        dict
            scramble-1, ... (of a sobol study with n of 64 or more); tornado, prior, posterior, in which
            series are reduced to their last time. Empty for a study of posterior draws.
        """
        if self.ranges != "prior":
            return {}
        found = {}
        if self.how.nested and self.n >= 64:
            for k in range(1, scrambles + 1):
                seed = derived_seed(self.seed, "scramble", k)
                found[f"scramble-{k}"] = self.replace(n=self.n // 4, seed=seed, second_order=False)
        times = (self.days,) if self.series else ()
        last = self.replace(method="delta", times=times, second_order=False, n=draws)
        found |= {"tornado": last.replace(method="oat", n=N, seed=0), "prior": last}
        return found if self.model is not None else found | {"posterior": last.replace(ranges="posterior")}

    # ----------------------------------------------------------------- telling
    @property
    def arguments(self) -> dict[str, object]:
        """What `load` makes the study from, as plain data; parameter set and model are not among it."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name not in ("base", "model")}

    @classmethod
    def load(
        cls, folder: str | Path, base: ParameterSet | None = None, *, model: Model | None = None
    ) -> SensitivityStudy:
        """Return the study whose results a folder holds.

        Raises
        ------
        InputError
            If there is none, or it was made with another model or other parameters.
        """
        path = Path(folder) / "study.json"
        if not path.exists():
            raise InputError(f"{folder} holds no study: study.json is missing.")
        with intact(path):
            stored = json.loads(sums.read(path))
            arguments, key = restored(dict(stored["arguments"])), stored["key"]
            study = cls(**arguments, base=base, model=model)
        if json.loads(json.dumps(study.key)) != key:
            raise InputError(f"{folder} was made with another model or other parameters; run it again.")
        return study

    def describe(self) -> dict[str, object]:
        """Return the study as plain data."""
        return {
            "outputs": list(self.outputs),
            "parameters": list(self.inputs),
            "ranges": self.ranges,
            "method": self.method,
            "n": self.n,
            "seed": self.seed,
            "regimen": str(self.plan).rstrip("."),
            "control": str(self.control_plan).rstrip(".") if self.compares else None,
            "until_day": self.days,
            "times": sorted({c.time for c in self.columns if c.time is not None}),
            "second_order": self.second_order,
            "patients": self.patients if self.compares else None,
            "rows": len(self.design),
            "design": self.fingerprint,
        }

    def command(self, policy: str = "refuse") -> str:
        """Return the command line that runs the study, or a sentence where none can."""
        plain = isinstance(self.regimen, str | None) and isinstance(self.control, str)
        if not plain or self.base is not None or self.rtol != RTOL:
            return "From Python: il2model.SensitivityStudy.load of this folder's study.json."
        words = ["il2model sensitivity", f"--method {self.method}", f"--n {self.n}", f"--seed {self.seed}"]
        words.append(f"--outputs {','.join(self.outputs)}")
        if self.inputs != self.candidates:
            words.append(f"--parameters {','.join(self.inputs)}")
        for name, value, default in (
            ("regimen", self.regimen, None),
            ("control", self.control, "placebo"),
            ("until", self.until, None),
            ("ranges", self.ranges, "prior"),
            ("policy", policy, "refuse"),
        ):
            words += [] if value == default else [f"--{name} {value}"]
        words += [f"--times {','.join(f'{t:.12g}' for t in self.times)}"] if self.times else []
        words += ["--second-order"] if self.second_order else []
        words += [f"--patients {self.patients}"] if self.compares and self.patients != PATIENTS else []
        return " ".join([*words, "-o DIR"])

    def _repr_html_(self) -> str:
        told = {k.replace("_", " "): v for k, v in self.describe().items() if v not in (None, [])}
        rows = ((k, ", ".join(map(str, v)) if isinstance(v, list) else v) for k, v in told.items())
        return table(repr(self), (), rows)

    def __repr__(self) -> str:
        what = ", ".join(self.outputs)
        return (
            f"SensitivityStudy({self.method} of {what}: {len(self.inputs)} parameters, {self.ranges}, n={self.n}, "
            f"seed={self.seed}, {self.plan.name} to day {self.days:g})"
        )
