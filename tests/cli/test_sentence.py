"""The sentence is true whoever wins, also when nobody does."""

import numpy as np
import pytest

from skretrain.cli._policies import Outcome
from skretrain.cli._sentence import amount, caution, leads, number, sentence


def _outcome(name, score, *, fits=1, updates=0, rows=1000, cpu=1.0, noise=0.05):
    # 30 blocks of errors around 1 - score, whose mean is exactly that.
    wobble = noise * np.random.default_rng(len(name)).normal(size=3_000)
    losses = 1 - score + wobble - wobble.mean()
    return Outcome(
        name=name,
        what="",
        score=score,
        losses=losses,
        n_fits=fits,
        n_updates=updates,
        rows_fitted=rows,
        cpu_seconds=cpu,
    )


def _said(never, window, *others, metric="accuracy"):
    return sentence(
        [
            _outcome("never", never, cpu=0.1),
            _outcome("window", window, fits=90, rows=90_000, cpu=2.0),
            *others,
        ],
        metric,
    )


def test_the_winner_is_named_with_gain_and_price():
    assert _said(
        0.881, 0.85, _outcome("drift-located refit", 0.912, fits=14, rows=9_000, cpu=0.4)
    ) == (
        "On this history 'drift-located refit' would have paid: accuracy 0.912 with 14 fits, 3.1 "
        "points above never retraining, at 0.2x the CPU of refitting every batch."
    )


def test_updates_are_counted_apart_from_fits():
    text = _said(0.7, 0.8, _outcome("warm start", 0.9, fits=1, updates=1_090, cpu=3.0))
    assert "with 1 fit and 1,090 updates" in text
    assert "at 1.5x the CPU" in text


def test_refitting_every_batch_is_not_compared_with_itself():
    text = _said(0.6, 0.9, _outcome("warm start", 0.8))
    assert "'window' would have paid" in text
    assert "in 2.0 CPU seconds against 0.1" in text


def test_equal_cost_is_said_to_be_equal():
    assert "at about the CPU" in _said(0.6, 0.7, _outcome("warm start", 0.8, cpu=2.1))


@pytest.mark.parametrize(("rows", "effort"), [(500, "fewer"), (5_000, "no fewer")])
def test_a_tie_names_the_cheapest_of_the_others(rows, effort):
    text = _said(
        0.6,
        0.7,
        _outcome("drift-located refit", 0.903, rows=1_000),
        _outcome("warm start", 0.9, rows=rows),
        _outcome("periodic", 0.901, rows=90_000),
    )
    assert "'drift-located refit' would have paid" in text
    assert f"; 'warm start' (0.900) is as good within the noise, from {effort} fitted rows." in text


def test_nothing_paid_when_never_is_best():
    assert _said(0.93, 0.9, _outcome("warm start", 0.92)) == (
        "On this history retraining would not have paid: accuracy 0.930 without it, and 0.920 "
        "with the best of the others, 'warm start'."
    )


@pytest.mark.parametrize(("gain", "noise"), [(0.004, 0.0), (0.02, 5.0)])
def test_nothing_paid_when_the_gain_is_a_tie_or_within_the_noise(gain, noise):
    text = _said(0.9, 0.8, _outcome("warm start", 0.9 + gain, noise=noise))
    assert text.startswith("On this history retraining would not have paid")
    assert text.endswith("'warm start', which is within the noise.")


def test_r2_has_no_points_and_a_model_that_blew_up_no_decimals():
    text = _said(-2.0, 0.1, _outcome("warm start", 0.5), metric="r2")
    assert "R2 0.500 with 1 fit, 2.500 above never retraining" in text
    assert number(-1.234e15) == "-1.2e+15"


def test_one_exploded_row_does_not_hide_a_clear_lead():
    good, bad = _outcome("good", 0.9), _outcome("bad one", 0.2)
    bad.losses[17] = 1e15
    bad.score = 1 - bad.losses.mean()
    assert leads(good, bad)
    assert not leads(bad, good)


def test_the_caution_comes_only_when_the_last_target_is_better():
    policies = [_outcome("never", 0.5), _outcome("window", 0.6)]
    assert caution(policies, _outcome("(no change)", 0.6)) is None
    assert "scores 0.700, more than any of them" in caution(policies, _outcome("(no change)", 0.7))


def test_a_policy_that_could_not_run_is_no_rival():
    refused = Outcome("warm start", "", None, refusal="cannot")
    text = _said(0.6, 0.7, refused, _outcome("drift-located refit", 0.9))
    assert "'drift-located refit' would have paid" in text
    assert "warm start" not in text
    assert caution([_outcome("never", 0.6), refused], _outcome("(no change)", 0.5)) is None


def test_several_seeds_come_with_their_deviation_and_count_as_noise():
    steady, shaky = _outcome("steady", 0.9), _outcome("shaky", 0.85)
    steady.scores, shaky.scores = (0.9, 0.9, 0.9), (0.84, 0.85, 0.86)
    assert leads(steady, shaky)
    never, window = _outcome("never", 0.6), _outcome("window", 0.7)
    never.scores, window.scores = (0.6, 0.6, 0.6), (0.7, 0.7, 0.7)
    text = sentence([never, window, steady], "accuracy")
    assert "accuracy 0.900 ± 0.000 with" in text
    shaky.scores = (0.65, 0.9, 1.0)
    assert not leads(steady, shaky)


def test_means_of_counts_have_a_decimal_only_where_it_matters():
    assert [amount(n) for n in (3, 3.0, 3.25, 1234.5)] == ["3", "3", "3.2", "1,234"]
