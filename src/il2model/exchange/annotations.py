"""What quantities stand for, as identifiers.org resources (recalled, not looked up by the code)."""

from __future__ import annotations

from collections.abc import Mapping

_BASE = "https://identifiers.org/"
IL2, CD25, CD122 = "uniprot:P60568", "uniprot:P01589", "uniprot:P14784"
TREG, CD4, CD8, NK, EOSINOPHIL = "CL:0000792", "CL:0000624", "CL:0000625", "CL:0000938", "CL:0000771"
MICROGLIA, ILC2, MOTOR_NEURON = "CL:0000129", "CL:0001069", "CL:0000100"
CCL2, IL5, PNFH, NFL = "uniprot:P13500", "uniprot:P05113", "uniprot:P12036", "uniprot:P07196"
BLOOD, PLASMA, LYMPH, SKIN, CSF = (
    "UBERON:0000178",
    "UBERON:0001969",
    "UBERON:0002391",
    "UBERON:0002072",
    "UBERON:0001359",
)
RILUZOLE = "CHEBI:8863"

#: Of the whole model: ALS, Homo sapiens.
MODEL = ("mondo:0004976", "taxonomy:9606")
#: By the beginning of an id; the longest that fits is taken.
BY_PREFIX: Mapping[str, tuple[str, ...]] = {
    "il2_": (IL2,),
    "il2_depot": (IL2, SKIN),
    "il2_lymph": (IL2, LYMPH),
    "il2_plasma": (IL2, PLASMA),
    "il5": (IL5,),
    "treg_": (TREG,),
    "treg_blood": (TREG, BLOOD),
    "treg_cd25": (TREG, CD25),
    "treg_cd122": (TREG, CD122),
    "cd25_": (CD25,),
    "cd122_": (CD122,),
    "tconv_": (CD4,),
    "tconv_blood": (CD4, BLOOD),
    "tconv_cd25": (CD4, CD25),
    "tconv_cd122": (CD4, CD122),
    "cd4_": (CD4,),
    "nk_": (NK,),
    "nk_blood": (NK, BLOOD),
    "cd8_": (CD8,),
    "cd8_blood": (CD8, BLOOD),
    "ilc2_": (ILC2,),
    "eosinophil_": (EOSINOPHIL,),
    "microglia_": (MICROGLIA,),
    "csf_ccl2": (CCL2, CSF),
    "plasma_ccl2": (CCL2, PLASMA),
    "ccl2_": (CCL2,),
    "csf_pnfh": (PNFH, CSF),
    "pnfh_": (PNFH,),
    "plasma_nfl": (NFL, PLASMA),
    "motor_unit": (MOTOR_NEURON,),
    "riluzole": (RILUZOLE,),
}
COMPARTMENTS: Mapping[str, tuple[str, ...]] = {
    "plasma": (PLASMA,),
    "injection_site": (SKIN,),
    "draining_lymph": (LYMPH,),
}


def resources(id: str) -> tuple[str, ...]:
    """Return the resources of a quantity as URIs; () where there is none."""
    fits = [prefix for prefix in BY_PREFIX if id.startswith(prefix)]
    return uris(BY_PREFIX[max(fits, key=len)]) if fits else ()


def uris(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return identifiers.org URIs of compact identifiers."""
    return tuple(_BASE + n for n in names)
