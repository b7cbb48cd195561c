"""What sets the patients of a trial apart from those of other trials: its own effects, and its own baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, unknown_name
from ..parameters import ParameterSet
from ..population.typical import Population, typical_values
from ..solver.problem import Floats
from ..trial_files import Row


@dataclass(frozen=True)
class Effect:
    """How trials differ in a parameter: by exp(SD x nuisance), each with its own standard normal nuisance.

    Parameters
    ----------
    parameter, sd : str
        What is multiplied, and the record of its ln SD between studies.
    stage : str
        Where both are estimated, and where the effect acts.
    reference : str, optional
        The nuisance of the trial whose patients a table of numbers describes; else it describes the centre of studies.
    """

    parameter: str
    sd: str
    stage: str
    reference: str | None = None

    def shift(self, table: Mapping[str, Floats], nuisance: str, value: Floats) -> Floats:
        """Return the parameter (set,) in a trial, from that of the table."""
        known = self.reference is not None and self.reference in table
        other = table[self.reference] if known and self.reference is not None else 0.0
        return np.asarray(value * np.exp(table[self.sd] * (table[nuisance] - other)))


#: By the word of a file.
EFFECTS: Mapping[str, Effect] = {
    "gain": Effect("treg_division_max", "between_study_gain", "imodals", "imodals_effect"),
    "clearance": Effect("il2_clearance", "between_study_clearance", "pk"),
    "volume": Effect("il2_plasma_volume", "between_study_volume", "pk"),
}
#: Records of how far studies differ.
SIZES = frozenset(e.sd for e in EFFECTS.values())


@dataclass(frozen=True)
class Study:
    """The effects of a trial, and the typical values of its patients.

    Parameters
    ----------
    effects : ((word, nuisance), ...)
        See `EFFECTS`.
    baseline : ((parameter, value or nuisance), ...)
        What replaces the typical value in the arms of the trial, in the unit of the record.
    """

    effects: tuple[tuple[str, str], ...] = ()
    baseline: tuple[tuple[str, float | str], ...] = ()

    @classmethod
    def of(cls, row: Row, parameters: ParameterSet, typical: Population | None = None) -> Study:
        """Return the table `study` of a trial file; the `typical` values of its population are baselines too.

        Raises
        ------
        UnknownNameError, InputError
            For a baseline of what is no parameter, or outside of its bounds.
        """
        for id, value in row.get("baseline", {}).items():
            if id not in parameters.records:
                raise unknown_name("parameter", id, parameters.records)
            record = parameters.record(id)
            if record.bounds and not isinstance(value, str) and not record.bounds[0] <= value <= record.bounds[1]:
                low, high = record.bounds
                raise InputError(f"the baseline {id} is {value:g}; it lies from {low:g} to {high:g} {record.unit}")
        people = typical_values(typical if typical is not None else {}, parameters)
        given = {id: x if isinstance(x, str) else float(x) for id, x in row.get("baseline", {}).items()}
        for id in set(people) & set(given):
            raise InputError(f"{id} is typical of the population and a baseline of the study; leave one of them out")
        return cls(tuple((word, str(row[word])) for word in EFFECTS if word in row), tuple({**people, **given}.items()))

    def nuisances(self, stage: str | None = None) -> tuple[str, ...]:
        """Return the nuisances that it names: of a stage, or of all."""
        effects = [id for word, id in self.effects if stage in (None, EFFECTS[word].stage)]
        return (*effects, *(x for _, x in self.baseline if isinstance(x, str)))

    @property
    def words(self) -> tuple[str, ...]:
        """The parameters in which its patients differ."""
        return (*(EFFECTS[word].parameter for word, _ in self.effects), *(id for id, _ in self.baseline))

    def sizes(self, stage: str) -> tuple[str, ...]:
        """Return the records of how far studies differ that act in a stage."""
        return tuple(EFFECTS[word].sd for word, _ in self.effects if EFFECTS[word].stage == stage)

    def table(self, stage: str, table: Mapping[str, Floats], parameters: ParameterSet) -> Mapping[str, Floats]:
        """Return the numbers (set,) of the typical patient of the trial; those of `table` where it has none of its own.

        An effect acts in the stage that estimates it.
        """
        acting = [(EFFECTS[word], id) for word, id in self.effects if EFFECTS[word].stage == stage]
        if not acting and not self.baseline:
            return table
        sets = max((len(v) for v in table.values()), default=1)
        missing = {i for e, _ in acting for i in (e.parameter, e.sd)} - set(table)
        own = {**table, **{id: np.full(sets, parameters[id]) for id in missing}}
        own |= {id: own[x] if isinstance(x, str) else np.full(sets, x) for id, x in self.baseline}
        return own | {e.parameter: e.shift(own, id, own[e.parameter]) for e, id in acting}


def of_reference(table: Mapping[str, Floats], parameters: ParameterSet) -> dict[str, Floats]:
    """Return what changes in numbers of the centre of studies to be those of the trial of reference."""
    found: dict[str, Floats] = {}
    for e in EFFECTS.values():
        if e.reference is not None and e.reference in table and e.parameter in table:
            sd = table.get(e.sd, np.asarray(parameters[e.sd]))
            found[e.parameter] = np.asarray(table[e.parameter] * np.exp(sd * table[e.reference]))
    return found
