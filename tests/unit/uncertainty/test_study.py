"""Draws describe the patients of IMODALS, or those of a new trial: another effect, nothing else, and it is said."""

from dataclasses import replace

import numpy as np
import pytest

import il2model as il2
from il2model.calibration.study import EFFECTS
from il2model.errors import InputError, UnknownNameError
from il2model.solver.kernel import builtin_kernel
from il2model.uncertainty import draws as drawing
from il2model.uncertainty.draws import draw
from il2model.uncertainty.posterior import Posterior
from il2model.uncertainty.study import PARAMETER, REFERENCE, SIZE, checked_study, of_new_study

VALUES = il2.load_parameters()


@pytest.fixture
def posterior():
    """The fit that ships; one without effects of trials gets some."""
    fit = Posterior.load()
    if REFERENCE in fit.ids:
        return fit
    effect = np.random.default_rng(1).normal(0.5, 0.7, (*fit.log_posterior.shape, 1))
    more = np.concatenate([effect, np.full_like(effect, 0.25)], axis=-1)
    return replace(
        fit, ids=(*fit.ids, REFERENCE, SIZE), units=(*fit.units, "1", "1"), values=np.append(fit.values, more, -1)
    )


def test_the_effect_is_that_of_the_calibration():
    (effect,) = (e for e in EFFECTS.values() if e.reference is not None)
    assert (effect.parameter, effect.sd, effect.reference) == (PARAMETER, SIZE, REFERENCE)


def test_a_new_trial_has_another_effect_of_the_same_law(posterior):
    n = 4000
    table = posterior.table(posterior.pick(n, 1))
    moved = of_new_study(table, VALUES, builtin_kernel(), 1)
    assert [i for i in table if not np.array_equal(table[i], moved[i])] == [PARAMETER]
    centre = np.log(table[PARAMETER]) - table[SIZE] * table[REFERENCE]
    effect = (np.log(moved[PARAMETER]) - centre) / table[SIZE]
    low, high = VALUES.record(PARAMETER).bounds
    inside = (moved[PARAMETER] > low * 1.001) & (moved[PARAMETER] < high * 0.999)
    # what the bounds and the untreated state cut is cut from above, and is little
    assert inside.mean() > 0.8
    low_side = np.quantile(effect, (0.05, 0.25, 0.5))
    np.testing.assert_allclose(low_side, [-1.645, -0.674, 0.0], atol=0.08)
    assert abs(np.corrcoef(effect[inside], table[REFERENCE][inside])[0, 1]) < 0.25


def test_simulations_say_whose_patients_they_are(monkeypatch, posterior):
    monkeypatch.setattr(drawing.Posterior, "load", classmethod(lambda cls, *a: posterior))
    here = il2.simulate("imodals-1miu", save=[0, 7], draws=60, seed=2, observables=["treg_percent"])
    new = il2.simulate("imodals-1miu", save=[0, 7], draws=60, seed=2, observables=["treg_percent"], study="new")
    assert here.manifest["study"] == "imodals" and new.manifest["study"] == "new"
    for solution, words in ((here, "patients of IMODALS"), (new, "patients of a new trial")):
        assert words in solution.plot("treg_percent").axes[0].figure.texts[-1].get_text() or words in solution._note()
    first, second = (s["treg_percent"][:, 1] - s["treg_percent"][:, 0] for s in (here, new))
    np.testing.assert_allclose(here["treg_percent"][:, 0], new["treg_percent"][:, 0])
    ran = np.isfinite(first) & np.isfinite(second)
    assert np.std(second[ran]) > np.std(first[ran]) and not np.allclose(first[ran], second[ran])


def test_a_trial_of_a_new_study_is_told_apart(monkeypatch, posterior, tmp_path):
    monkeypatch.setattr(drawing.Posterior, "load", classmethod(lambda cls, *a: posterior))
    run = {"replicates": 4, "draws": 2, "pool": 20, "seed": 3, "workers": 1}
    here = il2.run_trial("mirocals", folder=tmp_path / "a", **run)
    new = il2.run_trial("mirocals", folder=tmp_path / "b", study="new", **run)
    assert "Draws describe patients of IMODALS." in here.notes
    assert "Draws describe patients of a new trial." in new.notes
    assert here.manifest["study"] == "imodals" and new.manifest["study"] == "new"
    with pytest.raises(InputError, match="study"):
        il2.run_trial("mirocals", folder=tmp_path / "a", study="new", **run)


def test_what_has_no_meaning_is_refused(posterior):
    with pytest.raises(InputError, match="goes with draws"):
        il2.simulate("imodals-1miu", study="new")
    with pytest.raises(InputError, match="goes with draws"):
        il2.run_trial("mirocals", 2, study="new")
    with pytest.raises(UnknownNameError, match="imodals"):
        il2.simulate("imodals-1miu", draws=3, study="imodal")
    with pytest.raises(InputError, match="those of the priors"):
        draw(il2.load_parameters("prior"), 3, 1, study="new")
    without = {i: v for i, v in posterior.table(np.arange(3)).items() if i != REFERENCE}
    with pytest.raises(InputError, match="do not tell trials apart"):
        of_new_study(without, VALUES, builtin_kernel(), 1)
    assert checked_study("imodals", drawn=False) == "imodals"
