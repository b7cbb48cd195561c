"""As many draws of each structure, with its own numbers and its weight."""

import numpy as np
import pytest

from il2model.calibration.averages import evidence_weights
from il2model.calibration.drawn import drawn_of_each
from il2model.calibration.evidence import compare
from il2model.calibration.problem import Structure
from il2model.calibration.sampling import ImportanceOptions
from il2model.calibration.simulator import Size
from il2model.dosing.regimen import Regimen
from il2model.planning.by_structure import level_rows

SMALL = Size(patients=64)
SOME = (Structure(), Structure(name="held", meaning="a held share", fix={"il2_capillary_share": 0.15}))


def test_each_structure_has_as_many_draws_of_its_own():
    options = ImportanceOptions(first=768, draws=768, effective=300.0)
    found = compare("pk", size=SMALL, structures=SOME, options=options, workers=1)
    drawn = drawn_of_each("pk", found, 50, size=SMALL)
    assert drawn.names.tolist() == ["default"] * 50 + ["held"] * 50
    share = drawn.draws.table["il2_capillary_share"]
    assert (share[50:] == 0.15).all() and np.ptp(share[:50]) > 0
    default, problem = found[0].drawn, found[0].drawn.equal(50, 1)
    assert len(np.unique(share[:50])) <= len(np.unique(default.z[problem], axis=0))
    assert list(drawn.weights.values()) == pytest.approx(list(evidence_weights(found)))
    rows = level_rows(Regimen.named("imodals-1miu"), 7.0, drawn.draws, drawn.names, weights=drawn.weights)
    assert [r["structure"] for r in rows] == ["default", "held", "average"] and rows[2]["draws"] == 100
