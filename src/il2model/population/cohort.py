"""Virtual patients: spread between patients, inclusion criteria, riluzole run-in.

Every random number belongs to a subject: number i of seed s is the same patient
whatever the size of the cohort, the order or the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import memory
from ..errors import InputError, unknown_name
from ..notebook import table
from ..parameters import ParameterSet, load_parameters
from ..solver.kernel import Kernel, builtin_kernel
from ..solver.stability import largest_eigenvalue
from ..streams import checked_seed
from ..trial_files import REFERENCE, reference_cuts
from ..units import to_whole
from ..values import same_fields
from .patients import MONTH
from .sampler import EIGENVALUE, LABELS, Sampler
from .typical import Population, told, typical_values

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

#: Designs: whether patients are screened, and whether a run-in precedes day 0.
DESIGNS: Mapping[str, bool] = {REFERENCE: True, "unselected": False}
_CHUNK = 8192


@dataclass(frozen=True, eq=False)
class Cohort:
    """Subjects as rows of parameters in model units, with labels.

    Make one with `Cohort.sample`; give it to `simulate(..., cohort=...)`. A value:
    its arrays are read-only, cohorts of the same subjects are equal, and one travels
    to other processes, where its model is found again by name. Only what varies
    between subjects is held, so a million subjects take some 100 MB. `screened` counts
    the candidates, `refused` those of them whose untreated state does not hold.
    """

    kernel: Kernel
    parameters: ParameterSet
    base: Floats  # (parameter,), model units
    columns: tuple[int, ...]  # the parameters that vary
    varied: Floats  # (subject, varied parameter)
    labels: Mapping[str, Floats]
    design: str
    seed: int
    first: int
    screened: int
    refused: int = 0
    population: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = MappingProxyType({name: _frozen(column) for name, column in self.labels.items()})
        people = MappingProxyType(dict(self.population))
        held = {"base": _frozen(self.base), "varied": _frozen(self.varied), "labels": labels, "population": people}
        for name, value in held.items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Callable[..., Cohort], tuple[object, ...]]:
        # read-only views do not travel; what was computed from the cohort stays behind
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        held |= {"labels": dict(self.labels), "population": dict(self.population)}
        return Cohort, tuple(held.values())

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other) if isinstance(other, Cohort) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.kernel, self.parameters, self.design, self.seed, self.first, len(self)))

    def __len__(self) -> int:
        return len(self.varied)

    def __repr__(self) -> str:
        people = f", {told(self.population)}" if self.population else ""
        refused = f", {self.refused} of {self.screened} candidates refused" if self.refused else ""
        return f"Cohort({len(self)} subjects, design {self.design!r}, seed {self.seed}{people}{refused})"

    def _repr_html_(self) -> str:
        """Return quartiles of what differs between subjects as a table for a notebook."""
        items = self.kernel.blueprint.parameters
        shown = [(items[c].id, self.varied[:, k], items[c].unit) for k, c in enumerate(self.columns)]
        shown += [(name, column, "") for name, column in self.labels.items()]
        quartiles = (0.25, 0.5, 0.75)
        rows = [(id, *(f"{q:.4g}" for q in np.quantile(x, quartiles)), unit) for id, x, unit in shown if len(self)]
        return table(repr(self), ("", "25 %", "median", "75 %", "unit"), rows)

    def _ipython_key_completions_(self) -> list[str]:
        return [*self.labels, *self.kernel.blueprint.parameters.ids]

    def rows(self, part: slice = slice(None)) -> Floats:
        """Return (subject, parameter) of some subjects, in model units."""
        varied = self.varied[part]
        rows = np.tile(self.base, (len(varied), 1))
        rows[:, list(self.columns)] = varied
        return rows

    @property
    def matrix(self) -> Floats:
        """(subject, parameter) of all subjects, in model units."""
        return self.rows()

    @classmethod
    def sample(
        cls,
        n: int,
        seed: int = 0,
        design: str = REFERENCE,
        *,
        parameters: ParameterSet | None = None,
        first: int = 0,
        kernel: Kernel | None = None,
        population: Population | None = None,
    ) -> Cohort:
        """Draw n subjects.

        A candidate whose untreated state does not hold, so that he would drift away without drug, is refused and
        counted in `refused`; the subject's next try takes his place.

        Parameters
        ----------
        n : int
            Number of subjects.
        seed : int
            The cohort; the same seed holds the same subjects.
        design : {'mirocals', 'unselected'}
            'mirocals' screens by time since onset and SVC and lets patients die in
            the riluzole run-in; who fails is replaced by the subject's next try.
        parameters : ParameterSet, optional
            Medians, spreads and correlations; `load_parameters()` by default.
        first : int
            Number of the first subject, to draw a cohort in parts.
        kernel : Kernel, optional
            The built-in model by default.
        population : mapping, optional
            Typical values in place of those of `parameters`, such as `{"cd4_untreated": 300, "body_weight": "60 kg"}`:
            patients spread around them as they do around those.

        Raises
        ------
        InputError
            If n or the seed is negative, the criteria leave nobody, or a typical value is out of bounds.
        UnknownNameError
            If the design or a parameter of the population does not exist.
        """
        if not isinstance(design, str) or design not in DESIGNS:
            raise unknown_name("design", design, DESIGNS)
        n, seed, first = to_whole(n, "n", 1, 10_000_000), checked_seed(seed), checked_seed(first, "first subject")
        values = parameters if parameters is not None else load_parameters()
        if not isinstance(values, ParameterSet):
            raise InputError(f"parameters is {values!r}; it must be a ParameterSet, such as load_parameters().")
        people = typical_values(population if population is not None else {}, values)
        values, kernel = values.replace(people), kernel if kernel is not None else builtin_kernel()
        sampler = Sampler(kernel, values)
        size = memory.courses(n, 2, len(sampler.ids) + len(LABELS))
        memory.check(size, f"A cohort of {n} subjects", "draw it in parts with first=, or a smaller one")
        varied = np.empty((n, len(sampler.ids)))
        labels = {name: np.empty(n) for name in LABELS}
        screened = refused = 0
        for start in range(0, n, _CHUNK):
            part = slice(start, min(start + _CHUNK, n))
            found, extra, tried, turned = sampler.subjects(seed, first + start, part.stop - start, DESIGNS[design])
            varied[part] = found
            for name in labels:
                labels[name][part] = extra[name]
            screened, refused = screened + tried, refused + turned
        rest = (seed, first, screened, refused, people)
        return cls(kernel, values, sampler.base, sampler.columns, varied, labels, design, *rest)

    def __getitem__(self, id: str) -> Floats:
        """Return a parameter or label of every subject."""
        if id in self.labels:
            return self.labels[id]
        axis = self.kernel.blueprint.parameters
        if id not in axis:
            raise unknown_name("parameter or label", id, [*axis.ids, *self.labels])
        column = axis.at(id)
        if column in self.columns:
            return self.varied[:, self.columns.index(column)]
        return np.full(len(self), self.base[column])

    def part(self, first: int, last: int) -> Cohort:
        """Return subjects first..last of this cohort."""
        rows = slice(first, last)
        labels = {k: v[rows] for k, v in self.labels.items()}
        return replace(self, varied=self.varied[rows], labels=labels, first=self.first + first)

    def only(self, mask: NDArray[np.bool_]) -> Cohort:
        """Return the subjects marked True."""
        return replace(self, varied=self.varied[mask], labels={k: v[mask] for k, v in self.labels.items()})

    def changed(self, values: Mapping[str, Floats]) -> Cohort:
        """Return the cohort with other parameters, each (subject,) in model units."""
        columns = list(self.columns)
        varied = np.array(self.varied)
        for id, column in values.items():
            place = self.kernel.blueprint.parameters.at(id)
            if place not in columns:
                columns.append(place)
                varied = np.column_stack([varied, np.zeros(len(varied))])
            varied[:, columns.index(place)] = column
        changed = replace(self, columns=tuple(columns), varied=varied)
        return replace(changed, labels={**self.labels, EIGENVALUE: largest_eigenvalue(self.kernel, changed.matrix)})

    @property
    def holds(self) -> bool:
        """Whether the untreated state of every subject holds."""
        return bool((self[EIGENVALUE] < 0).all())

    @classmethod
    def join(cls, parts: Sequence[Cohort]) -> Cohort:
        """Return one cohort of parts of the same design and parameters."""
        first = parts[0]
        labels = {k: np.concatenate([p.labels[k] for p in parts]) for k in first.labels}
        varied = np.concatenate([p.varied for p in parts])
        screened, refused = sum(p.screened for p in parts), sum(p.refused for p in parts)
        return replace(first, varied=varied, labels=labels, screened=screened, refused=refused)

    @cached_property
    def baseline(self) -> Mapping[str, Floats]:
        """Observables of every subject on day 0."""
        k, matrix = self.kernel, self.matrix
        constants = k.constants(matrix)
        states = k.baseline(matrix, constants)
        observed = k.observables(states, np.array(k.blueprint.input_defaults), matrix, constants)
        return {o.id: observed[:, i] for i, o in enumerate(k.blueprint.observables)}

    def summary(self) -> pd.DataFrame:
        """Return median and quartiles of the cohort on day 0, with units."""
        import pandas as pd

        rows = {
            "age [year]": self["age"],
            "men [share]": self["male"],
            "bulbar onset [share]": self["bulbar"],
            "onset to day 0 [month]": (self["onset_to_screening"] + self["run_in"]) / MONTH,
            "ALSFRS-R [point]": self.baseline["alsfrs_r"],
            "SVC [% predicted]": self.baseline["svc"],
            "CSF pNFH [pg/mL]": self["csf_pnfh_untreated"],
            "plasma NfL [pg/mL]": self["plasma_nfl_untreated"],
            "motor unit loss [% per month]": 100 * (1 - np.exp(-self["motor_unit_loss_rate"] * MONTH)),
            "largest eigenvalue, untreated [1/day]": self[EIGENVALUE],
        }
        columns = {name: [np.mean(v), np.std(v), *np.quantile(v, (0.25, 0.5, 0.75))] for name, v in rows.items()}
        return pd.DataFrame.from_dict(columns, orient="index", columns=["mean", "sd", "q25", "median", "q75"])

    def strata(self, cuts: tuple[float, float] | None = None) -> dict[str, float]:
        """Return the share of subjects by CSF pNFH: below, between (inclusive) and above the cuts.

        Cuts are in pg/mL, by default those of the reference trial.
        """
        p = self["csf_pnfh_untreated"]
        low, high = cuts or reference_cuts()
        return {
            f"< {low:g}": float((p < low).mean()),
            f"{low:g} to {high:g}": float(((p >= low) & (p <= high)).mean()),
            f"> {high:g}": float((p > high).mean()),
        }


def _frozen(array: Floats) -> Floats:
    """Return a read-only view."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
