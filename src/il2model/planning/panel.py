"""The patients that judge regimens, and what they said of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..dosing.courses import days_after_the_last_cycle, named_plan
from ..dosing.regimen import Regimen
from ..endpoints.registry import CONTRASTS, LIMITS
from ..parameters import ParameterSet
from ..population.cohort import Cohort
from ..runs import RunOptions, worked
from ..simulation.cohort import Task, solve_cohort
from ..solver.problem import Floats, SolverOptions
from ..store import BlockStore
from ..trial_files import REFERENCE

#: Amount in MIU, days on, days of a cycle.
Candidate = tuple[float, int, int]
#: Days of the reference trial after its last cycle.
AFTER = days_after_the_last_cycle(named_plan(REFERENCE))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The patients that judge regimens, and what they are asked."""

    objective: str
    limits: tuple[str, ...]
    until: float
    patients: int
    seed: int
    parameters: ParameterSet
    workers: int | None

    def __hash__(self) -> int:
        return hash((self.objective, self.limits, self.until, self.patients, self.seed, self.parameters.fingerprint()))

    def regimen(self, candidate: Candidate) -> Regimen:
        """Return the cycles that end as long before the follow-up does as those of the reference trial."""
        amount, days, every = candidate
        cycles = max(1, int((self.until - AFTER) // every))
        return Regimen.cyclic(amount=amount, days=min(days, every), every=every, cycles=cycles)

    def seen(self, plan: Regimen) -> tuple[Floats, Mapping[str, Floats]]:
        """Return what the objective reads of each patient at the end, and his largest limited values."""
        base = CONTRASTS[self.objective].base
        # cells are judged over the first cycles, daily: they settle within a few months
        save = np.unique(np.concatenate([np.arange(0, min(112.0, self.until) + 0.5, 1.0), [self.until]]))
        cohort, ids = _cohort(self), list(dict.fromkeys([base.observable, *self.limits]))
        task = Task(
            kernel=cohort.kernel,
            plans=[plan],
            save=save,
            until=self.until,
            ids=ids,
            options=SolverOptions(rtol=1e-4),
            holds=cohort.holds,
        )
        which = np.zeros(len(cohort), np.int64)
        values = solve_cohort(task, cohort.rows, which, RunOptions(workers=self.workers)).values
        return base.read(save, values[base.observable]), {i: LIMITS[i].read(save, values[i]) for i in self.limits}


@lru_cache(maxsize=32)
def _cohort(panel: Panel) -> Cohort:
    return Cohort.sample(panel.patients, panel.seed, parameters=panel.parameters)


@lru_cache(maxsize=32)
def _control(panel: Panel) -> Floats:
    return panel.seen(Regimen.named("placebo"))[0]


def judged(question: tuple[Panel, Candidate]) -> dict[str, float]:
    """Return the objective, the limited quantities, and how many patients both arms leave out; in any process."""
    panel, candidate = question
    contrast, control = CONTRASTS[panel.objective], _control(panel)
    ends, peaks = panel.seen(panel.regimen(candidate))
    good = np.isfinite(ends) & np.isfinite(control)
    if not good.any():
        return dict.fromkeys((contrast.id, *peaks), float("nan")) | {"left_out": float(len(good))}
    treated, untreated = (float(contrast.base.summary(x[good])) for x in (ends, control))
    limited = {i: float(LIMITS[i].summary(x[good])) for i, x in peaks.items()}
    return {contrast.id: treated - untreated, **limited, "left_out": float((~good).sum())}


def of_a_draw(patients: int) -> int:
    """Return how many patients judge a regimen under each parameter draw."""
    return max(16, patients // 4)


class Judge:
    """Asks the panel, keeps its answers, and counts."""

    def __init__(self, *, panel: Panel, store: BlockStore, options: RunOptions, total: int) -> None:
        self.panel, self.store, self.options, self.total, self.done = panel, store, options, total, 0

    def __call__(self, candidate: Candidate) -> dict[str, float]:
        """Return what the panel says of a regimen."""
        return self._answers([("regimen", self.panel, candidate)])[0]

    def over_draws(self, candidates: list[Candidate], sets: list[ParameterSet]) -> tuple[Floats, Floats]:
        """Return the objective and how many patients it leaves out, (candidate, draw), of each parameter draw."""
        self.done = self.total  # the search may have ended before its last generation
        self.total += len(candidates) * len(sets)
        panels = [replace(self.panel, limits=(), patients=of_a_draw(self.panel.patients), parameters=p) for p in sets]
        asked = [(f"draw-{k:05d}", p, c) for c in candidates for k, p in enumerate(panels)]
        answers = self._answers(asked, tell=True)
        found = np.array([[a[self.panel.objective], a["left_out"]] for a in answers]).reshape(-1, len(sets), 2)
        return found[..., 0], found[..., 1]

    def tell(self) -> None:
        """Report one more regimen."""
        self.done += 1
        self.options.tell(min(self.done, self.total), self.total)

    def finish(self) -> None:
        """Report that all is done."""
        self.options.tell(self.total, self.total)

    def _answers(self, asked: list[tuple[str, Panel, Candidate]], *, tell: bool = False) -> list[dict[str, float]]:
        names = [f"{what}-{amount:g}-{days}-{every}" for what, _, (amount, days, every) in asked]
        blocks = [self.store.get(name) for name in names]
        questions = [(p, c) for (_, p, c), block in zip(asked, blocks, strict=True) if block is None]
        answers = []
        with worked(judged, questions, self.options) as results:
            for name, block in zip(names, blocks, strict=True):
                if block is None:
                    answer = next(results)
                    self.store.put(name, {"values": np.array(list(answer.values()))}, names=list(answer))
                else:
                    answer = dict(zip(block.meta["names"], block["values"].tolist(), strict=True))
                answers.append(answer)
                if tell:
                    self.tell()
        return answers
