"""Counts of cells, CCL2, NfL and ratios of cells on a day, as trials report them of treated patients."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from . import reductions as r
from .kinds import Course, Endpoint

#: What moves a marker besides the parameters of the IL-2 half: a target of it lets the stage estimate them.
PLASMA_CCL2 = ("plasma_ccl2_treg_share", "suppression_half", "suppression_exponent")
_GLIA = ("suppression_half", "suppression_exponent", "microglia_calming_rate", "microglia_activation_rate")
_CSF_CCL2 = (*_GLIA, "ccl2_recruitment", "csf_ccl2_inflammatory_share")
_DAMAGE = (*_GLIA, "inflammatory_damage_max", "pnfh_half", "pnfh_exponent", "effector_damage")
#: Name, words, observable, the one it is divided by, and what it informs.
_MARKERS: tuple[tuple[str, str, str, str | None, tuple[str, ...]], ...] = (
    ("treg_count", "the Treg count", "treg_count", None, ()),
    ("teff_count", "the count of CD4 that are not Treg", "teff_count", None, ()),
    ("cd8_count", "the CD8 count", "cd8_count", None, ()),
    ("nk_count", "the CD56bright NK count", "nk_count", None, ("nk_loss_rate", "nk_induction")),
    ("eosinophil_count", "the eosinophil count", "eosinophil_count", None, ("il5_turnover", "il5_induction")),
    ("cd25", "CD25 per Treg", "treg_cd25", None, ()),
    ("ccl2", "plasma CCL2", "plasma_ccl2", None, PLASMA_CCL2),
    ("csf_ccl2", "CCL2 in CSF", "csf_ccl2", None, _CSF_CCL2),
    ("nfl", "NfL in plasma", "plasma_nfl", None, _DAMAGE),
    ("csf_pnfh", "pNFH in CSF", "csf_pnfh", None, _DAMAGE),
    ("treg_teff", "Treg per CD4 that is no Treg", "treg_count", "teff_count", ()),
    ("treg_cd8", "Treg per CD8", "treg_count", "cd8_count", ()),
    ("treg_nk", "Treg per CD56bright NK", "treg_count", "nk_count", ("nk_loss_rate", "nk_induction")),
)
#: Entries that stand elsewhere in the registry.
_KNOWN = ("treg_count_change", "cd25_change", "ccl2_change", "teff_count_change")  # the last: tconv_count_change


def _entries() -> Iterator[Endpoint]:
    for name, words, observable, over, informs in _MARKERS:
        entry = partial(
            Course, stage="imodals", needs_arm=True, needs_day=True, observable=observable, over=over, informs=informs
        )
        yield entry(id=f"{name}_change", unit="percent", meaning=f"change of {words}, % of baseline", over_time=r.gain)
        value = partial(entry, law="positive")
        yield value(id=f"{name}_fold", unit="1", meaning=f"{words} as a multiple of baseline", over_time=r.multiple)
        if over is not None:
            yield value(id=f"{name}_ratio", unit="1", meaning=words, over_time=r.last)
        elif observable.endswith("_count"):
            yield value(id=f"{name}_level", unit="cell/uL", meaning=words.removeprefix("the "), over_time=r.last)


#: By name: a change in per cent, a multiple of baseline, and the value on the day of counts and ratios.
MARKERS: tuple[Endpoint, ...] = tuple(e for e in _entries() if e.id not in _KNOWN)
