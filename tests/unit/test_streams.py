"""Random streams are named, checked, and the same bits as ever."""

from itertools import combinations, product

import numpy as np
import pytest

from il2model.errors import InputError, UnknownNameError
from il2model.streams import checked_seed, derived_seed, fixed_seed, keyed_uniforms, random_state, stream


def philox(seed, number):
    return np.random.Generator(np.random.Philox(key=np.array([seed, number], dtype=np.uint64)))


@pytest.mark.parametrize(
    ("name", "numbers", "number"),
    [
        ("posterior", (), 77),
        ("prior_only", (), 991),
        ("prior_point", (), 55),
        ("missed_doses", (), 7001),
        ("missed_pattern", (), 7002),
        ("patient", (3,), 3),
        ("replicate", (12,), 900_000_024),
        ("replicate_without_effect", (12,), 900_000_025),
        ("power", (1, 2, 30), 900_000_000 + 2 * 10_000_000 + 2 * 100_000 + 30),
    ],
)
def test_counter_streams_have_the_keys_of_the_first_edition(name, numbers, number):
    assert np.array_equal(stream(5, name, *numbers).random(7), philox(5, number).random(7))


def test_sequences_and_the_generator_of_emcee_have_the_seeds_of_the_first_edition():
    assert np.array_equal(stream(9, "sobol").random(5), np.random.default_rng(9).random(5))
    assert np.array_equal(stream(9, "synthetic_trial", 4).random(5), np.random.default_rng([9, 4]).random(5))
    theirs = np.random.RandomState(np.random.MT19937(np.random.SeedSequence([2, 3])))
    assert np.array_equal(random_state(2, 3).random_sample(5), theirs.random_sample(5))
    assert (derived_seed(3, "pool", 2), derived_seed(3, "scramble", 1), derived_seed(3, "estimator")) == (2003, 1003, 4)


def test_a_subject_has_the_same_numbers_in_any_part_of_a_cohort():
    whole = keyed_uniforms(1, "patient", 0, 0, 20, 6)
    assert np.array_equal(whole[7:12], keyed_uniforms(1, "patient", 0, 7, 5, 6))
    generator = np.random.Philox(key=np.array([1, 0], dtype=np.uint64))
    assert np.array_equal(whole, np.random.Generator(generator).random((20, 8))[:, :6])


def test_only_the_streams_of_the_first_edition_that_always_did_share_a_key():
    from il2model.streams import _COUNTERS

    def keys(counter):  # the first and last of each number
        ends = [sorted({0, 1, n - 1}) for n in counter.counts]
        return {counter.first + sum(k * s for k, s in zip(c, counter.strides, strict=True)) for c in product(*ends)}

    spans = {n: (min(keys(c)), max(keys(c))) for n, c in _COUNTERS.items()}
    together = {
        frozenset((a, b))
        for a, b in combinations(spans, 2)
        if spans[a][0] <= spans[b][1] and spans[b][0] <= spans[a][1]
    }
    interleaved = frozenset(("replicate", "replicate_without_effect"))  # even and odd
    assert not keys(_COUNTERS["replicate"]) & keys(_COUNTERS["replicate_without_effect"])
    # a subject that is refused 55 times meets the key of the prior points: kept, for the same bits as ever
    assert together == {interleaved, frozenset(("patient", "prior_point")), frozenset(("patient", "posterior"))}


def test_a_name_or_a_number_that_does_not_exist_is_refused():
    with pytest.raises(UnknownNameError, match="'replicate'"):
        stream(0, "replicat", 1)
    with pytest.raises(UnknownNameError, match="fixed seed"):
        fixed_seed("prob")
    with pytest.raises(UnknownNameError, match="derived seed"):
        derived_seed(1, "pol")
    with pytest.raises(InputError, match="takes 1 numbers"):
        stream(0, "replicate")
    with pytest.raises(InputError, match="from 0 to 99;"):
        stream(0, "power", 0, 100, 0)


@pytest.mark.parametrize("seed", [-1, 1.5, "3", None, True, 2**63])
def test_a_seed_is_a_whole_number_of_zero_or_more(seed):
    with pytest.raises(InputError, match="must be a whole number, zero or more"):
        stream(seed, "posterior")
    with pytest.raises(InputError, match="whole number"):
        checked_seed(seed)


def test_the_global_generator_is_not_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    stream(1, "replicate", 0).random(3)
    random_state(1, 0).random_sample(3)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
