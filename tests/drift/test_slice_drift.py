"""Properties of the trigger that watches slices."""

import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import feed
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.drift import AtLeast, FitRecord, RiskMonitor, ScoredBatch, SliceDrift
from skretrain.utils._betting import upper_confidence_bound

SHOP = {"shop": 0}
FIT = FitRecord(0, 1, None, "full_refit", cpu_seconds=0.0, wall_seconds=0.0)


def run(trigger, losses, X, size=100, first=0, **fields):
    """Show losses and rows to a trigger and return one signal per batch."""
    cuts = [slice(k, k + size) for k in range(0, len(losses), size)]
    return [
        trigger.update(ScoredBatch(first + c.start, len(losses[c]), losses[c], X=X[c], **fields))
        for c in cuts
    ]


def failing(n=8000, at=6000, rate=0.5, n_shops=5, seed=0):
    """Return shops and 0/1 losses with the rate 0.1, of shop 3 another one from row `at`."""
    rng = np.random.default_rng(seed)
    shops = rng.integers(0, n_shops, size=(n, 1))
    fails = (shops[:, 0] == 3) & (np.arange(n) >= at)
    return (rng.random(n) < np.where(fails, rate, 0.1)).astype(float), shops


def alarms(signals):
    return [(k, signal.since) for k, signal in enumerate(signals) if signal.state == "drift"]


def test_a_slice_that_fails_is_named_and_located_once_and_all_rows_together_say_nothing():
    losses, shops = failing(12_000, at=8000, n_shops=10)
    trigger = SliceDrift(SHOP)
    signals = run(trigger, losses, shops)
    ((batch, since),) = alarms(signals)
    assert batch < 95
    assert abs(since - 8000) <= 100
    assert signals[batch].note.startswith("shop=3 has risen to 0.")
    assert "," not in signals[batch].note
    assert trigger.risen_ == ["shop=3"]
    assert {signal.state for signal in signals[batch + 1 :]} == {"warning"}
    assert not alarms(run(RiskMonitor(), losses, shops))


def test_slices_with_different_rates_that_stay_do_not_ring():
    """8 streams of 4,000 rows with 10 levels, 4 bins and a function; their rates differ."""
    slices = SHOP | {"size": 1, "large": lambda X: X[:, 1] > 1}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = np.column_stack([rng.integers(0, 10, size=4000), rng.normal(size=4000)])
        losses = (rng.random(4000) < 0.05 + 0.03 * X[:, 0]).astype(float)
        assert not alarms(run(SliceDrift(slices, reference_rows=200), losses, X, size=200))


def test_the_accepted_loss_is_the_upper_bound_of_the_first_whole_batches_of_the_slice():
    """Those of the first batch are left out: what the slices are is not known until 200 rows."""
    losses, shops = failing(at=9000)
    trigger = SliceDrift(SHOP, fdr=0.2, max_slices=10)
    assert trigger.warming_up
    run(trigger, losses, shops)
    assert not trigger.warming_up
    for shop in range(5):
        of_shop = (shops[:, 0] == shop) & (np.arange(8000) >= 100)
        stop = 100 * math.ceil((np.flatnonzero(of_shop)[499] + 1) / 100)
        reference = losses[:stop][of_shop[:stop]]
        expected = upper_confidence_bound(reference.mean(), len(reference), 0.01)
        assert trigger.accepted_[f"shop={shop}"] == expected
        # From there on it is the test of RiskMonitor.
        twin = RiskMonitor(expected, alpha=1e-6).reset()
        for k in range(stop, 8000, 100):
            of_batch = losses[k : k + 100][of_shop[k : k + 100]]
            twin.update(ScoredBatch(k, len(of_batch), of_batch))
        found = trigger.log_evidence_[f"shop={shop}"]
        assert found == pytest.approx(twin.log_evidence_, abs=1e-9)


@pytest.mark.parametrize("n_alike", [1, 2, 4])
def test_the_more_slices_have_risen_together_the_less_capital_each_needs(n_alike):
    """k slices are found at 2 K / (k fdr): those with the same rows have the same capital."""
    slices = {f"all {k}": lambda X: np.ones(len(X), dtype=bool) for k in range(n_alike)}
    needed = math.log(2 * 8 / (n_alike * 0.04))
    losses = np.r_[np.tile([1.0, 0, 0, 0, 0], 100), np.tile([1.0, 0.0], 200)]
    trigger = SliceDrift(slices, fdr=0.04, max_slices=8)
    X, before = np.zeros((len(losses), 1)), 0.0
    for k in range(0, len(losses), 2):
        (signal,) = run(trigger, losses[k : k + 2], X[k : k + 2], first=k)
        evidence = trigger.log_evidence_.get("all 0", 0.0)
        if signal.state == "drift":
            break
        before = evidence
    assert before < needed <= evidence
    assert trigger.risen_ == list(slices)


def test_a_rise_within_the_tolerance_is_accepted():
    losses, shops = failing(rate=0.3)
    assert alarms(run(SliceDrift(SHOP), losses, shops))
    assert not alarms(run(SliceDrift(SHOP, tolerance=0.3), losses, shops))
    # A bound of 1 cannot be exceeded.
    assert not alarms(run(SliceDrift(SHOP, tolerance=0.99), losses, shops))


def test_a_smaller_rate_of_false_findings_waits_for_more_evidence():
    losses, shops = failing()
    first = [
        alarms(run(SliceDrift(SHOP, fdr=fdr), losses, shops, size=50))[0][0] for fdr in (0.5, 1e-5)
    ]
    assert first[0] < first[1]


def test_the_most_frequent_levels_are_watched_and_new_ones_join_while_there_is_room():
    rng = np.random.default_rng(0)
    shops = rng.choice(4, p=[0.1, 0.2, 0.3, 0.4], size=(2000, 1)).astype(float)
    losses = np.zeros(2000)
    few = SliceDrift(SHOP, reference_rows=100, max_slices=2)
    run(few, losses, shops)
    assert list(few.accepted_) == ["shop=3", "shop=2"]
    many = SliceDrift(SHOP, reference_rows=100, max_slices=5)
    run(many, losses, shops)
    run(many, losses, np.full((2000, 1), 9.0), first=2000)
    assert list(many.accepted_)[-1] == "shop=9"
    run(many, losses, np.full((2000, 1), 10.0), first=4000)
    assert "shop=10" not in many.accepted_
    # In one batch, too, the larger ones are first.
    at_once = SliceDrift(SHOP, reference_rows=100, max_slices=2)
    run(at_once, losses, shops, size=2000)
    assert list(at_once.accepted_) == ["shop=3", "shop=2"]


def test_a_column_of_ids_takes_no_more_room_the_longer_it_runs():
    """A level that comes often is put under watch all the same."""
    ids = np.arange(7000).astype(str).astype(object)
    ids[::20] = "often"
    trigger = SliceDrift({"id": 0}, reference_rows=300)
    run(trigger, np.zeros(7000), ids[:, np.newaxis])
    assert len(trigger._candidates) <= 1000
    assert list(trigger.accepted_) == ["id=often"]


def test_an_episode_ends_when_the_losses_are_back_and_the_next_one_rings_again():
    rng = np.random.default_rng(0)
    rates = np.repeat([0.1, 0.5, 0.05, 0.5], 1500)
    losses = (rng.random(6000) < rates).astype(float)
    trigger = SliceDrift({"all": lambda X: X[:, 0] == 0})
    signals = run(trigger, losses, np.zeros((6000, 1)))
    first, second = alarms(signals)
    assert (first[1], second[1]) == (1500, 4500)
    assert {signal.state for signal in signals[40:45]} == {"stable"}


def test_a_rise_that_is_longer_ago_than_what_is_remembered_is_not_located():
    """Losses right above the bound take so long that nothing else is remembered."""
    trigger = SliceDrift({"all": lambda X: X[:, 0] == 0})
    run(trigger, np.full(500, 0.1), np.zeros((500, 1)))
    losses = trigger.accepted_["all"] + np.linspace(6e-4, 5e-4, 30_000)
    ((batch, since),) = alarms(run(trigger, losses, np.zeros((30_000, 1)), size=500, first=500))
    assert batch > 10
    assert since is None


def test_only_the_retrain_that_answers_begins_anew_and_the_bins_stay():
    losses, shops = failing()
    sizes = np.random.default_rng(0).normal(size=(8000, 1))
    trigger = SliceDrift(SHOP | {"size": 1})
    X = np.hstack([shops, sizes])
    run(trigger, losses, X)
    accepted = trigger.accepted_
    trigger.after_fit(FIT, None, False)
    assert trigger.risen_ == ["shop=3"]
    trigger.after_fit(FIT, None, True)
    assert trigger.accepted_ == trigger.log_evidence_ == {}
    assert trigger.warming_up
    run(trigger, losses[:6000], X[:6000] + np.array([0, 5]))
    assert {name for name in trigger.accepted_ if "size" in name} <= set(accepted)


def test_losses_without_a_bound_are_ranked_so_that_their_scale_does_not_matter():
    rng = np.random.default_rng(0)
    shops = rng.integers(0, 5, size=(6000, 1))
    residuals = np.abs(rng.normal(size=6000))
    residuals[4000:][shops[4000:, 0] == 3] *= 20
    found = []
    for scale in (1e-3, 1.0, 1e4):
        trigger = SliceDrift(SHOP)
        found.append(alarms(run(trigger, residuals * scale, shops, bounded=False)))
        assert trigger.risen_ == ["shop=3"]
    assert found[0] == found[1] == found[2]
    assert abs(found[0][0][1] - 4000) <= 100


@pytest.mark.parametrize("bounded", [True, False])
def test_neither_the_order_within_a_batch_nor_rows_that_were_not_scored_matter(bounded):
    losses, shops = failing(2000, at=1200)
    if not bounded:
        losses = np.random.default_rng(0).random(2000)
    order = np.concatenate(
        [k + np.random.default_rng(k).permutation(100) for k in range(0, 2000, 100)]
    )
    padded, more = (
        np.insert(losses, range(0, 2000, 100), np.nan),
        np.insert(shops, range(0, 2000, 100), 3, 0),
    )
    triggers = [SliceDrift(SHOP, reference_rows=100) for _ in range(3)]
    run(triggers[0], losses, shops, bounded=bounded)
    run(triggers[1], losses[order], shops[order], bounded=bounded)
    run(triggers[2], padded, more, size=101, bounded=bounded)
    if bounded:
        assert triggers[1].log_evidence_ == pytest.approx(triggers[0].log_evidence_)
    assert triggers[2].log_evidence_ == pytest.approx(triggers[0].log_evidence_)
    assert run(triggers[0], np.full(3, np.nan), shops[:3])[0].state in ("stable", "warning")


def test_all_containers_lead_to_the_same_decisions():
    losses, shops = failing()
    names = np.array(["a", "b", "c", "d", "e"], dtype=object)[shops[:, 0]]
    found = []
    for X in (pd.DataFrame({"shop": names}), pl.DataFrame({"shop": names})):
        trigger = SliceDrift({"shop": "shop"})
        found.append((alarms(run(trigger, losses, X)), trigger.log_evidence_))
    trigger = SliceDrift(SHOP)
    found.append((alarms(run(trigger, losses, names[:, np.newaxis])), trigger.log_evidence_))
    assert found[0] == found[1] == found[2]


def test_pickled_at_any_row_it_decides_the_same():
    losses, shops = failing()
    for row in (100, 3000, 7000):
        trigger = SliceDrift(SHOP)
        run(trigger, losses[:row], shops[:row])
        copy = pickle.loads(pickle.dumps(trigger))
        rest = [run(t, losses[row:], shops[row:], first=row) for t in (trigger, copy)]
        assert rest[0] == rest[1]
        assert trigger.log_evidence_ == copy.log_evidence_


def test_an_alarm_names_no_more_slices_than_can_be_read():
    slices = {f"all {k}": lambda X: np.ones(len(X), dtype=bool) for k in range(8)}
    losses = np.r_[np.zeros(500), np.ones(100)]
    signal = run(SliceDrift(slices), losses, np.zeros((600, 1)))[-1]
    assert signal.note.count("has risen") == 5
    assert signal.note.endswith(" and 3 more")


def test_a_batch_without_rows_or_losses_is_refused():
    with pytest.raises(ValueError, match=r"SliceDrift needs the rows of the batch.*X=None"):
        SliceDrift(SHOP).update(ScoredBatch(0, 2, np.zeros(2)))
    with pytest.raises(ValueError, match="SliceDrift needs a loss per row"):
        SliceDrift(SHOP).update(ScoredBatch(0, 2, X=np.zeros((2, 1))))


# -- in a retrainer --------------------------------------------------------------------------------


def stream_of_shops(n=6000, at=4500, seed=0):
    """Return a frame and labels whose rule is turned round in one shop of five, from row `at`."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"shop": rng.integers(0, 5, size=n), "x": rng.normal(size=n)})
    y = (frame["x"] + 0.3 * rng.normal(size=n) > 0).to_numpy().astype(int)
    fails = (frame["shop"].to_numpy() == 3) & (np.arange(n) >= at)
    return frame, np.where(fails, 1 - y, y)


@pytest.mark.parametrize("in_list", [False, True])
@pytest.mark.no_cover
def test_a_failing_slice_makes_a_retrain_due_and_the_event_names_it(in_list):
    X, y = stream_of_shops()
    trigger = SliceDrift({"shop": "shop"})
    detector = AtLeast([trigger, RiskMonitor(0.5)]) if in_list else trigger
    model = DriftAwareRetrainer(LogisticRegression(), detector=detector, policy="full_refit")
    model.fit(X[:500], y[:500])
    for start in range(500, 6000, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    told = [e for e in model.events_ if e.action == "retrained" and "alarm" in e.reason]
    assert told[0].reason.startswith("alarm; shop=3 has risen to")
    assert 4500 < told[0].row <= 5000
    assert abs(told[0].since - 4500) <= 100


def test_a_column_that_is_not_there_is_told_before_anything_is_learned():
    X, y = stream_of_shops(200)
    model = DriftAwareRetrainer(GaussianNB(), detector=SliceDrift({"shop": "store"}))
    with pytest.raises(
        ValueError, match=r"SliceDrift\(slices=.*'store' is none; it has 'shop', 'x'"
    ):
        model.fit(X, y)
    assert not hasattr(model, "events_")


def test_a_function_that_fails_later_costs_no_row():
    """The batch is remembered, the serving model is as before, and the event says why."""
    X, y = stream_of_shops(400)

    def breaks(frame):
        if frame["shop"].iloc[0] == 77:
            raise RuntimeError("no such shop")
        return frame["shop"].to_numpy() == 3

    model = DriftAwareRetrainer(GaussianNB(), detector=SliceDrift({"three": breaks}))
    feed_frames = [(X[:200], y[:200]), (X[200:].assign(shop=77), y[200:])]
    model.fit(*feed_frames[0])
    with pytest.warns(UserWarning, match="trigger failed.*'three' raised RuntimeError"):
        model.partial_fit(*feed_frames[1])
    assert model.n_samples_seen_ == 400
    assert "no such shop" in model.events_[-1].reason


def test_a_regression_is_watched_by_its_residuals():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 4, size=5000), rng.normal(size=5000)])
    y = X[:, 1] + 0.1 * rng.normal(size=5000)
    y[4000:][X[4000:, 0] == 3] += 3
    model = DriftAwareRetrainer(
        LinearRegression(), detector=SliceDrift(SHOP), policy="full_refit", random_state=0
    )
    feed(model.fit(X[:300], y[:300]), X, y, 100, start=300)
    assert any("shop=3 has risen" in event.reason for event in model.events_)
