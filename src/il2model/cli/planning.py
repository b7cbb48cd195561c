"""`il2model power` and `il2model optimize`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from ..dosing.regimen import Regimen
from ..errors import InputError
from ..planning.optimize import optimize as search_regimens
from ..planning.power import power_study
from ..planning.result import PowerStudy, Search
from ..trials.design import TrialDesign
from .output import write_table
from .running import run_long
from .verb import verb

#: Cycles of the regimen that --amount asks for, where it does not say: those of the reference trial.
_CYCLES = 19


@verb(
    power_study,
    Regimen.cyclic,
    left={"name": "a regimen is named by its doses"},
    examples=(
        "il2model power --cuts all,750-3700 --sizes 110,300 -o results/power",
        'il2model power --amount "2 MIU" --every 14 --cycles 38 --cuts 750-3700',
        "il2model power --hr 0.5 --cuts all --sizes 110",
    ),
)
def power(
    run: partial[PowerStudy],
    cyclic: partial[Regimen],
    *,
    design: str = "mirocals",
    amount: float | str | None = None,
    cycles: int | None = None,
    follow_up: float | None = None,
    enrich: Literal["csf_pnfh"] = "csf_pnfh",
    dask: str | None = None,
    output: Path | None = None,
) -> None:
    """Estimate power and sample size by enrichment, size and endpoint.

    Prints a row per cut-off, size and endpoint: power with its standard error, deaths, and the patients per arm that
    give 80 % power.

    Parameters
    ----------
    design
        Its first treated arm is compared with the control; il2model trials lists them.
    amount : DOSE
        Another regimen for the treated arm, such as '2 MIU'.
    cycles : N
        Number of its cycles (default 19).
    follow_up : DAYS
        End of the trial, instead of the design's; visits after it are left out, which a note says.
    enrich
        Covariate that --cuts are of.
    cuts
        Whom the trial takes in, such as all,0-3700,750-3700 (pg/mL); by default all, and around the strata.
    sizes
        Patients per arm.
    endpoints
        log_rank, cafs.
    pool
        Virtual patients that replicates draw from (default 1000; 256 for each draw).
    output : DIR
        Table, heat map, and what a killed run goes on from.
    """
    plan = TrialDesign.named(design)
    if amount is not None and "hazard_ratio" in run.keywords:
        raise InputError("--amount has no effect with --hr, which stands in place of what the arms do; give one.")
    if amount is not None:
        regimen = cyclic(amount, cycles=_CYCLES if cycles is None else cycles)
        plan = plan.replace(arms=(plan.control, replace(plan.arms[1], name="IL-2", regimen=regimen)))
    elif cyclic.keywords or cycles is not None:
        raise InputError(f"--{next(iter(cyclic.keywords), 'cycles')} goes with --amount, which is not given.")
    if follow_up is not None:
        kept = tuple(v for v in plan.visits if v.day <= follow_up)
        plan = plan.replace(follow_up=follow_up, visits=kept)
    study = run_long(partial(run, plan), "trials", folder=output, dask=dask)
    print(study.table.round(3).to_string(index=False))
    for note in study.notes:
        print(note)
    write_table(output, study.table, study.plot, "power")


@verb(
    search_regimens,
    examples=(
        "il2model optimize --limit eosinophil_count=500 -o results/search",
        "il2model optimize --objective alsfrs_r_difference --injections 80",
    ),
)
def optimize(run: partial[Search], *, dask: str | None = None, output: Path | None = None) -> None:
    """Search regimens (amount, days on, length of a cycle) under limits on cells and injections.

    Prints the regimens that no other beats with as few injections a year, with intervals over posterior draws.

    Parameters
    ----------
    objective
        survival_difference or alsfrs_r_difference: il2model objectives lists them.
    limits
        Largest value allowed, such as eosinophil_count=500; may be repeated.
    injections_per_year
        Most injections a year.
    output : DIR
        Table, figure, and what a killed run goes on from.
    """
    search = run_long(run, "regimens", folder=output, dask=dask)
    best = search.table[search.table["non_dominated"]].drop(columns=["non_dominated", "allowed"])
    print(best.round(3).to_string(index=False))
    for note in search.notes:
        print(note)
    write_table(output, search.table, search.plot, "search")
