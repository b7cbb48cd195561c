"""il2model: low-dose interleukin-2 in ALS, from dose to Treg to survival.

Research use only; not a medical device and no clinical advice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

#: Public names and where they live; each is imported when first used.
_HOMES = {
    "Agent": "trials.arm",
    "Arm": "trials.arm",
    "Cohort": "population.cohort",
    "Dose": "dosing.regimen",
    "Posterior": "uncertainty.posterior",
    "Il2modelError": "errors",
    "IncompleteWarning": "errors",
    "InputError": "errors",
    "ParameterSet": "parameters",
    "Regimen": "dosing.regimen",
    "SensitivityStudy": "sensitivity.study",
    "SimulationError": "errors",
    "Solution": "simulation.solution",
    "SolverOptions": "solver.problem",
    "Status": "solver.problem",
    "PowerStudy": "planning.result",
    "ScheduleComparison": "planning.schedules",
    "Search": "planning.result",
    "StudyResult": "sensitivity.results",
    "Trial": "trials.trial",
    "TrialDesign": "trials.design",
    "TrialResult": "trials.result",
    "UnitError": "errors",
    "UnknownNameError": "errors",
    "Visit": "trials.arm",
    "calibrate": "calibration.fit",
    "check_trial": "calibration.predicted",
    "compare_fits": "uncertainty.comparison",
    "compare_schedules": "planning.schedules",
    "load_parameters": "parameters",
    "load_targets": "calibration.targets",
    "optimize": "planning.optimize",
    "power_study": "planning.power",
    "run_study": "sensitivity.run",
    "run_trial": "trials.run",
    "sensitivities": "api",
    "simulate": "api",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from .api import sensitivities as sensitivities
    from .api import simulate as simulate
    from .calibration.fit import calibrate as calibrate
    from .calibration.predicted import check_trial as check_trial
    from .calibration.targets import load_targets as load_targets
    from .dosing.regimen import Dose as Dose
    from .dosing.regimen import Regimen as Regimen
    from .errors import Il2modelError as Il2modelError
    from .errors import IncompleteWarning as IncompleteWarning
    from .errors import InputError as InputError
    from .errors import SimulationError as SimulationError
    from .errors import UnitError as UnitError
    from .errors import UnknownNameError as UnknownNameError
    from .parameters import ParameterSet as ParameterSet
    from .parameters import load_parameters as load_parameters
    from .planning.optimize import optimize as optimize
    from .planning.power import power_study as power_study
    from .planning.result import PowerStudy as PowerStudy
    from .planning.result import Search as Search
    from .planning.schedules import ScheduleComparison as ScheduleComparison
    from .planning.schedules import compare_schedules as compare_schedules
    from .population.cohort import Cohort as Cohort
    from .sensitivity.results import StudyResult as StudyResult
    from .sensitivity.run import run_study as run_study
    from .sensitivity.study import SensitivityStudy as SensitivityStudy
    from .simulation.solution import Solution as Solution
    from .solver.problem import SolverOptions as SolverOptions
    from .solver.problem import Status as Status
    from .trials.arm import Agent as Agent
    from .trials.arm import Arm as Arm
    from .trials.arm import Visit as Visit
    from .trials.design import TrialDesign as TrialDesign
    from .trials.result import TrialResult as TrialResult
    from .trials.run import run_trial as run_trial
    from .trials.trial import Trial as Trial
    from .uncertainty.comparison import compare_fits as compare_fits
    from .uncertainty.posterior import Posterior as Posterior


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'il2model' has no attribute {name!r}; public names: {', '.join(__all__)}")
    value: object = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
