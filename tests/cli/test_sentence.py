"""The sentence is true whoever wins, also when nobody does."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from skretrain.cli._metric import ACCURACY, ERROR
from skretrain.cli._policies import Outcome
from skretrain.cli._sentence import (
    amount,
    best_of,
    caution,
    leads,
    price_sentence,
    sentence,
    span_of,
    winner_of,
)


def _outcome(name, accuracy, *, fits=1, updates=0, rows=1000, cpu=1.0, noise=0.05, kind="live"):
    # 30 blocks of errors around 1 - accuracy, whose mean is exactly that.
    wobble = noise * np.random.default_rng(len(name)).normal(size=3_000)
    losses = 1 - accuracy + wobble - wobble.mean()
    return Outcome(
        name=name,
        what="",
        losses=losses[None],
        kind=kind,
        n_fits=fits,
        n_updates=updates,
        rows_fitted=rows,
        cpu_seconds=cpu,
    )


def _said(never, window, *others, metric=ACCURACY):
    return sentence(
        [
            _outcome("never", never, cpu=0.1, kind="schedule"),
            _outcome("monthly", window - 0.1, fits=3, rows=3_000, cpu=0.2, kind="trigger"),
            _outcome("daily, all", window - 0.1, fits=90, rows=900_000, cpu=9.0, kind="trigger"),
            _outcome("daily", window, fits=90, rows=90_000, cpu=2.0, kind="trigger"),
            *others,
        ],
        metric,
    )


def test_the_winner_is_named_with_gain_and_price():
    assert _said(0.881, 0.85, _outcome("since drift", 0.912, fits=14, rows=9_000, cpu=0.4)) == (
        "On this history 'since drift' would have paid: accuracy 0.912 with 14 fits, 3.1 "
        "points above never retraining, at 0.2x the CPU of 'daily'."
    )


def test_updates_are_counted_apart_from_fits():
    text = _said(0.7, 0.8, _outcome("warm start", 0.9, fits=1, updates=1_090, cpu=3.0))
    assert "with 1 fit and 1,090 updates" in text
    assert "at 1.5x the CPU" in text


def test_the_most_frequent_refit_is_not_compared_with_itself():
    text = _said(0.6, 0.9, _outcome("warm start", 0.8))
    assert "'daily' would have paid" in text
    assert "in 2.0 CPU seconds against 0.1" in text


def test_equal_cost_is_said_to_be_equal():
    assert "at about the CPU" in _said(0.6, 0.7, _outcome("warm start", 0.8, cpu=2.1))


@pytest.mark.parametrize(("rows", "effort"), [(500, "fewer"), (5_000, "no fewer")])
def test_a_tie_names_the_cheapest_of_the_others(rows, effort):
    text = _said(
        0.6,
        0.7,
        _outcome("since drift", 0.903, rows=1_000),
        _outcome("warm start", 0.9, rows=rows),
        _outcome("periodic", 0.901, rows=90_000),
    )
    assert "'since drift' would have paid" in text
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


def test_without_a_schedule_the_processor_time_is_that_of_never():
    never, best = _outcome("never", 0.6, cpu=0.1, kind="schedule"), _outcome("warm start", 0.9)
    assert "in 1.0 CPU seconds against 0.1." in sentence([never, best], ACCURACY)


def test_an_error_has_its_unit_and_no_points():
    text = _said(-2.0, 0.1, _outcome("warm start", 0.5), metric=ERROR)
    assert "mean absolute error 0.5000 with 1 fit, 2.500 below that of never" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(13.9, "13.90"), (1234.5, "1,234"), (-0.0123, "-0.01230"), (1.234e15, "1.234e+15")],
)
def test_an_error_has_four_digits(value, text):
    assert ERROR.number(value) == text


def test_a_unit_does_not_decide_what_leads():
    one, two = (_outcome("one", accuracy, noise=0) for accuracy in (0.5, 0.498))
    for outcome in (one, two):
        outcome.losses, outcome.unit = 1e3 * outcome.losses, 1e3
    assert not leads(one, two)
    two.losses += 50
    assert leads(one, two)


def test_one_exploded_row_does_not_hide_a_clear_lead():
    good, bad = _outcome("good", 0.9), _outcome("bad one", 0.2)
    for worst in (1e15, np.inf):
        bad.losses[0, 17] = worst
        assert leads(good, bad)
        assert not leads(bad, good)


def test_what_has_no_end_leads_nothing():
    one, two = _outcome("one", 0.9), _outcome("two", 0.8)
    one.losses[0, :3] = two.losses[0, :4] = np.inf
    assert not leads(one, two)


def test_the_caution_comes_only_when_the_last_target_is_better():
    policies = [_outcome("never", 0.5), _outcome("window", 0.6)]
    assert caution(policies, [_outcome("(no change)", 0.6 - 1e-9)], ACCURACY) is None
    text = caution(policies, [_outcome("(no change)", 0.7)], ACCURACY)
    assert "has accuracy 0.700, better than any of them" in text


def test_where_one_answer_for_all_rows_is_better_no_model_is_of_use():
    """The better of the two rules is named, by what it says."""
    policies = [_outcome("never", 0.5), _outcome("window", 0.6)]
    always = replace(_outcome("(majority)", 0.8), what="always the most frequent class")
    text = caution(policies, [_outcome("(no change)", 0.7), always], ACCURACY)
    assert text.startswith("But always the most frequent class has accuracy 0.800, ")
    assert "no model is of use here" in text


def test_a_policy_that_could_not_run_is_no_rival():
    refused = Outcome("warm start", "", refusal="cannot")
    text = _said(0.6, 0.7, refused, _outcome("since drift", 0.9))
    assert "'since drift' would have paid" in text
    assert "warm start" not in text
    assert (
        caution([_outcome("never", 0.6), refused], [_outcome("(no change)", 0.5)], ACCURACY) is None
    )


def test_several_seeds_come_with_their_deviation_and_count_as_noise():
    steady, shaky = (_of_seeds(*accuracies) for accuracies in ([0.9] * 3, [0.84, 0.85, 0.86]))
    assert leads(steady, shaky)
    never = replace(_of_seeds(0.6, 0.6, 0.6), name="never")
    assert "accuracy 0.900 ± 0.000 with" in sentence([never, steady], ACCURACY)
    assert not leads(steady, _of_seeds(0.65, 0.9, 1.0))


def _of_seeds(*accuracies):
    outcome = _outcome("policy", accuracies[0])
    outcome.losses = np.concatenate([_outcome("policy", score).losses for score in accuracies])
    return outcome


class _Found:
    """What price_sentence asks a comparison."""

    unit = "errors"

    def __init__(self, *leaders):
        self.leaders = lambda: leaders


def test_the_prices_at_which_the_answer_changes_are_named():
    one = price_sentence(_Found(("a", 0.25, 10.0)))
    assert one == "If a refit costs 0.25 to 10 errors, 'a' is the cheapest within the noise."
    three = price_sentence(_Found(("a", 1, 5.6), ("b", 10, 18), ("c", 32, 100)))
    assert three == (
        "If a refit costs 1 to 5.6 errors, 'a' is the cheapest within the noise, up to 18 'b', "
        "and beyond 'c'."
    )
    short = price_sentence(_Found(("a", 3100, 3100.4), ("b", 5000, 9000)))
    assert short.startswith("If a refit costs 3,100 errors, 'a' is")


def test_a_large_gap_is_no_tie_however_large_the_noise():
    """A policy that is eight points worse is not as good, though it may be chance."""
    noisy = _outcome("noisy", 0.786, noise=3.0)
    best = _outcome("best", 0.865)
    assert not leads(best, noisy)
    text = sentence([_outcome("never", 0.5), noisy, best], ACCURACY)
    assert "as good within the noise" not in text
    close = _outcome("close", 0.850, noise=3.0)
    assert "'close' (0.850) is as good within the noise" in sentence(
        [_outcome("never", 0.5), close, best], ACCURACY
    )


def test_means_of_counts_have_a_decimal_only_where_it_matters():
    assert [amount(n) for n in (3, 3.0, 3.25, 1234.5)] == ["3", "3", "3.2", "1,234"]


def test_one_window_proves_nothing():
    """However far apart two scores are: there is nothing to tell the noise by."""
    one, two = (
        Outcome(name, "", losses=np.array([[loss]]), scores=np.array([-loss]))
        for name, loss in (("one", 0.2), ("two", 0.9))
    )
    assert not leads(one, two)


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        (None, "On this history"),
        (
            np.datetime64("2024-02-28T23:00", "us") + np.arange(9) * np.timedelta64(1, "D"),
            "From 2024-03-01 to 2024-03-07,",
        ),
    ],
)
def test_a_sentence_begins_with_the_dates_that_were_scored(moments, expected):
    history = SimpleNamespace(timing=SimpleNamespace(moments=moments), warm_up=2)
    assert span_of(history) == expected
    never, best = _outcome("never", 0.5), _outcome("since drift", 0.9)
    assert sentence([never, best], ACCURACY, expected).startswith(f"{expected} 'since drift'")
    assert sentence([never, _outcome("x", 0.5)], ACCURACY, expected).startswith(
        f"{expected} retraining would not have paid"
    )


def test_the_winner_is_what_costs_least_where_there_is_a_price():
    """That is the answer; what is shown of it must be of the same policy."""
    cheap, good = _outcome("cheap", 0.8), _outcome("good", 0.9)
    assert winner_of([cheap, good]) is good
    cheap.cost, good.cost = 10.0, 20.0
    assert winner_of([cheap, good, Outcome("warm start", "", refusal="cannot")]) is cheap
    assert best_of([cheap, good]) is good
