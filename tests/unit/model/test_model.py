import dataclasses

import pytest
import sympy as sp

from il2model.errors import ModelError
from il2model.model import il2_pk, inflammation
from il2model.model.assembly import PAGES, assemble, builtin
from il2model.model.language import Submodel


@pytest.fixture(scope="module")
def model():
    return builtin()


def pages_with(change, page_id):
    pages = [p() for p in PAGES]
    change(next(p for p in pages if p.id == page_id))
    return pages


def test_the_model_has_all_its_parts(model):
    assert len(model.states) == 35
    assert [p for p, _ in model.pages] == [
        "il2_pk", "receptors", "treg", "effectors", "inflammation", "motor_neuron", "survival",
    ]  # fmt: skip
    assert set(model.states) - model.steady == {"motor_units", "motor_units_respiratory", "cumulative_hazard"}


def test_every_equation_holds_symbols_and_small_integers_only(model):
    for table in (model.equations, model.derived, model.constants, model.baseline):
        for expr in table.values():
            assert not expr.atoms(sp.Float)


def test_a_term_of_the_wrong_dimension_is_named():
    def wrong(page: Submodel):
        page.equations["il2_depot"] += sp.Symbol("il2_plasma")

    with pytest.raises(ModelError, match=r"d\(il2_depot\)/dt: the term il2_plasma has unit"):
        assemble(pages_with(wrong, "il2_pk"))


def test_a_forgotten_factor_between_litres_and_microlitres_is_found():
    def wrong(page: Submodel):
        page.constants["receptor_amount"] = sp.Symbol("blood_volume") / sp.Symbol("molecules_per_pmol")

    with pytest.raises(ModelError, match="receptor_amount"):
        assemble(pages_with(wrong, "il2_pk"))


def test_a_literal_number_belongs_in_a_record():
    def wrong(page: Submodel):
        page.equations["il2_depot"] *= sp.Float(1.05)

    with pytest.raises(ModelError, match="belongs in a parameter record"):
        assemble(pages_with(wrong, "il2_pk"))


def test_an_undeclared_symbol_and_a_cycle_are_named():
    with pytest.raises(ModelError, match="no page declares"):
        assemble([il2_pk.build()])

    def circle(page: Submodel):
        page.derived["suppression"] = sp.Symbol("suppression_power")
        page.derived["suppression_power"] = sp.Symbol("suppression")

    with pytest.raises(ModelError, match="depend on themselves"):
        assemble(pages_with(circle, "inflammation"))


def test_a_quantity_is_declared_once():
    with pytest.raises(ModelError, match="is declared by"):
        assemble([inflammation.build(), inflammation.build()])


def test_the_fingerprint_follows_the_equations(model):
    def change(page: Submodel):
        page.equations["il2_depot"] *= 2

    assert assemble(pages_with(change, "il2_pk")).fingerprint() != model.fingerprint()
    assert assemble([p() for p in PAGES]).fingerprint() == model.fingerprint()


def test_a_model_is_a_value(model):
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.name = "other"


def test_the_untreated_loop_gain_is_refused_above_one(parameters):
    import il2model as il2

    loud = parameters.replace(ccl2_recruitment=0.5, csf_ccl2_inflammatory_share=0.8, debris_activation=0.5)
    loud = loud.replace(inflammatory_damage_max=1.0)
    assert il2.simulate("placebo", until=1, parameters=loud)  # 0.9 is still stable
    low = parameters.replace(il2_clearance=170).replace(il2_plasma_volume=8.0)
    assert il2.simulate("placebo", until=1, parameters=low)
    with pytest.raises(il2.SimulationError, match="treg_loss_rate"):
        il2.simulate("placebo", until=1, parameters=parameters.replace(
            signal_threshold=10, signal_hill=1.0, treg_division_max=2.0, tachyphylaxis_strength=0.0))  # fmt: skip


def test_a_runaway_is_refused_with_its_state():
    import il2model as il2

    m = Submodel("pool", "A pool")
    rate = m.parameter("rate", "1/day", "rate of growth")
    pool = m.state("pool", "1", "what grows", scale=1)
    m.equation(pool, rate * pool, baseline=1, untreated=None)
    m.observe("pool", "1", pool, "what grows")
    with pytest.raises(il2.SimulationError, match="pool grew without bound"):
        il2.simulate(model=assemble([m], "growing"), parameters={"rate": 10.0}, until=600, save=[600])
