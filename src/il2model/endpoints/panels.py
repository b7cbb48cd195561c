"""Observables that are shown together, in reading order."""

from __future__ import annotations

#: Of a single figure.
SHOWN = ("il2_plasma", "treg_percent", "plasma_ccl2", "csf_pnfh", "alsfrs_r", "survival")
IMMUNE = ("il2_plasma", "treg_count", "treg_percent", "treg_cd25", "nk_count", "eosinophil_count")
DISEASE = ("plasma_ccl2", "csf_ccl2", "csf_pnfh", "plasma_nfl", "alsfrs_r", "survival")
#: Where the first days are looked at.
FIRST_DAYS = ("treg_count", "treg_percent", "il2_plasma", "plasma_ccl2")
