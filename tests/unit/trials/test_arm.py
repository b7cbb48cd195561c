"""What an arm, an agent, a visit and a design refuse."""

import math

import pytest

from il2model.dosing.regimen import Regimen
from il2model.errors import InputError
from il2model.trials import Agent, Arm, TrialDesign, Visit

IL2 = Regimen.named("mirocals")
NO_NUMBER = [math.nan, math.inf, -math.inf, "x", None, [], {}, True, 10**400]


@pytest.mark.parametrize("value", NO_NUMBER)
@pytest.mark.parametrize(
    "made",
    [
        lambda v: Agent("motor_unit_loss_rate", v),
        lambda v: Arm("IL-2", IL2, v),
        lambda v: Arm("IL-2", IL2, 10, v),
        lambda v: Visit(v),
        lambda v: Visit(5, v),
        lambda v: TrialDesign.named("mirocals").replace(follow_up=v),
        lambda v: TrialDesign.named("mirocals").replace(dropout=v),
        lambda v: TrialDesign.named("mirocals").replace(alpha=v),
        lambda v: TrialDesign.named("mirocals").replace(cuts=v),
        lambda v: TrialDesign.named("mirocals").replace(cuts=(v, 3700)),
        lambda v: TrialDesign.named("mirocals").replace(enrich=(v, 3700)),
        lambda v: TrialDesign.named("mirocals").replace(looks=(v,)),
        lambda v: TrialDesign.named("mirocals").replace(visits=(v,)),
        lambda v: TrialDesign.named("mirocals").replace(arms=(v, v)),
        lambda v: TrialDesign.named("mirocals").replace(assays={"svc": ("sd", v)}),
        lambda v: TrialDesign.named("mirocals").replace(assays={"svc": v}),
    ],
)
def test_what_is_no_number_is_refused_in_one_sentence(made, value):
    with pytest.raises(InputError) as caught:
        made(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("made", "hint"),
    [
        (lambda: Arm("IL-2", IL2, 10.0), "whole number"),
        (lambda: Arm(3, IL2, 10), "name of an arm"),
        (lambda: Arm("IL-2", "mirocals", 10), "needs a regimen"),
        (lambda: Arm("IL-2", IL2, 10, agent="x"), r"must be an Agent"),
        (lambda: Arm("IL-2", IL2, 10, 1.5), "at most 1"),
        (lambda: Agent("motor_unit_loss", 0.5), "motor_unit_loss_rate"),
        (lambda: Agent("motor_unit_loss_rate", -0.5), "zero or more"),
        (lambda: Visit("5 week", 61), "0 to 60 days"),
        (lambda: TrialDesign.named("mirocals").replace(arms="ab"), "tuple of Arm"),
        (lambda: TrialDesign.named("mirocals").replace(cuts=(1, 2, 3)), "low, high"),
    ],
)
def test_an_impossible_part_is_refused(made, hint):
    with pytest.raises(InputError, match=hint):
        made()
