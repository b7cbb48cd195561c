"""Numbers of the studies have a name, and the unit of what they disturb."""

from il2model.trial_files import read_trial, trial_names
from il2model.uncertainty.nuisances import nuisance_words


def test_every_number_of_a_study_that_ships_has_a_name_and_a_unit():
    words = nuisance_words()
    assert set(words) == {id for t in trial_names() for id in read_trial(t).rows("nuisances")}
    assert words["imodals_drift"] == ("change of Treg % common to the three arms of IMODALS", "percentage points")
    assert words["imodals_noise"][1] == "percentage points"
    assert words["dilt1d_bias"][1] == "% of baseline"
