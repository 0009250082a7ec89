"""Properties of RefitDebt(threshold="combined"): what policies would have cost, and who follows."""

import math
import pickle
from functools import partial
from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import AtLeast, FitRecord, RefitDebt, ScoredBatch
from skretrain.drift._combination import Combination, Tally, View, next_followed
from skretrain.drift._regimes import Regimes
from skretrain.metrics import Price
from skretrain.model_selection import RetrainMatrix

PRICE = 2
# The choices alone, without a forecast of what a refit would save.
Alone = partial(RefitDebt, caution=None)
Combined = partial(Alone, threshold="combined")


def _paid(charges, n):
    """Return what a follower of `n` policies pays, what he may, and what the cheapest costs."""
    costs, followed, paid = [0] * n, 0, 0
    for charge in charges:
        charge = charge(followed) if callable(charge) else charge
        costs = [cost + one for cost, one in zip(costs, charge, strict=True)]
        paid += charge[followed]
        before, followed = followed, next_followed(costs, followed, PRICE)
        paid += PRICE * (followed != before)
    step = 1
    return paid, 1.5 * n * (min(costs) + 2 * PRICE + step), min(costs)


@pytest.mark.parametrize(("n", "length"), [(2, 13), (3, 8)])
@pytest.mark.no_cover
def test_who_follows_pays_no_more_than_is_promised(n, length):
    """Whatever the policies are charged, one unit at a time: all sequences there are."""
    charges = [tuple(int(k == one) for k in range(n)) for one in range(n)]
    for sequence in product(charges, repeat=length):
        paid, most, _ = _paid(sequence, n)
        assert paid <= most


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_cruellest_sequence_comes_to_more_than_n_times_the_cheapest_and_not_to_twice_that(n):
    """It charges whoever is followed: nobody who draws no lots can be spared that."""
    cruel = [lambda followed: [int(k == followed) for k in range(n)]] * 3000
    paid, most, cheapest = _paid(cruel, n)
    assert n * cheapest <= paid <= most < 1.6 * n * cheapest


def _view(**known):
    return View(
        **{
            "now": 3000,
            "n_rows": 100,
            "fitted": 1000,
            "losses": {1000: 0.3},
            "changes": [0],
            "rise": None,
            "debt": 0.0,
            "is_due": False,
            "expected": 0.1,
            "price": 50.0,
            "threshold": 50.0,
            "curve": Regimes(),
        }
        | known
    )


@pytest.mark.parametrize(
    ("fitted", "loss"),
    [
        (1000, 0.5),  # it is there
        (1400, 0.5),  # the nearest of its regime, and not the one at 1500
        (1501, 0.2),  # likewise
        (2600, 0.07),  # of the present regime there is none: the forecast
    ],
)
def test_a_policy_is_priced_by_the_nearest_model_of_its_regime(fitted, loss):
    losses, changes = {1000: 0.5, 1500: 0.2}, [0, 1450, 2500]
    found = _view(losses=losses, changes=changes, expected=0.07).loss_of(fitted)
    assert found == pytest.approx(loss, rel=0.03)


def test_a_policy_whose_regime_has_no_model_is_priced_by_the_nearest_of_all():
    view = _view(losses={1000: 0.5, 2600: 0.2}, changes=[0, 1450, 2500])
    assert view.loss_of(2400) == 0.2


def test_a_model_of_more_rows_is_better_by_the_learning_curve():
    """By a twentieth for twice the rows, until more is known."""
    view = _view(losses={1000: 0.4})
    assert view.loss_of(2000) == pytest.approx(0.4 * 0.95, rel=1e-3)
    assert view.loss_of(500) == pytest.approx(0.4 / 0.95, rel=1e-3)
    for n_rows, loss in [(250, 0.4), (1000, 0.2)] * 25:
        view.curve.add_fit(n_rows, 100 * loss, 100)
    assert 0.2 < view.loss_of(4000) < 0.25


def test_never_costs_what_the_first_model_loses():
    """Also after it was replaced, and whatever the others do."""
    combination, rng = Combination(1000, 1000), np.random.default_rng(0)
    losses = rng.random(20)
    for k, loss in enumerate(losses):
        shown = {1000: loss, 1500: 0.01} if k > 5 else {1000: loss}
        combination.see(_view(now=1100 + 100 * k, losses=shown, fitted=max(shown)))
    never = combination.policies[1]
    assert (never.name, never.fitted) == ("never", 1000)
    assert never.cost == pytest.approx(100 * losses.sum())


def test_periods_are_counted_and_paid_for():
    combination = Combination(1000, 1000)
    for now in range(1100, 6001, 100):
        combination.see(_view(now=now, losses={1000: 0.0}, fitted=1000))
    costs = {policy.name: policy.cost for policy in combination.policies}
    assert costs["every 1,000 rows"] == 5 * 50
    assert costs["every 4,000 rows"] == 50
    assert costs["debt"] == costs["never"] == costs["located"] == 0


def test_a_newer_model_of_the_policy_it_turns_to_is_a_reason_to_refit_and_an_older_one_is_none():
    for fitted, refits in [(1000, True), (3000, False)]:
        combination = Combination(1000, 1000)
        combination.policies[0].cost, combination.policies[1].cost = 1000, 2000
        combination.policies[2].fitted = 2000
        for policy in combination.policies[3:]:
            policy.cost, policy.fitted = 2000, 3000
        view = _view(fitted=fitted, losses={fitted: 0.0}, rise=None)
        assert combination.see(view) is refits
        assert combination.followed.name == "located"


def test_a_virtual_debt_is_run_up_and_cancelled():
    """By what the model that it would have loses beyond what was expected."""
    combination = Combination(1000, 1000)
    debt = combination.policies[0]
    here = {"fitted": 2000, "changes": [0, 1500], "rise": 1500, "losses": {1000: 0.3, 2000: 0.1}}
    combination.see(_view(**here))
    combination.see(_view(**here))
    assert debt.debt == pytest.approx(40)
    combination.see(_view(**here))
    assert (debt.debt, debt.fitted) == (0.0, 3000)
    assert debt.cost == pytest.approx(90 + 50)
    combination.see(_view(**here))
    assert debt.debt == 0  # fresher than the rise
    combination.policies[0].fitted, debt.debt = 1000, 20.0
    combination.see(_view(**here | {"rise": None, "changes": [0]}))
    assert debt.debt == 0


def test_a_tally_leaves_out_what_was_not_scored():
    tally = Tally()
    loss = np.array([1.0, np.nan, 0.0, np.nan])
    past = {10: np.array([1.0, 1.0, 1.0, 1.0]), 20: np.full(4, np.nan)}
    tally.add(ScoredBatch(0, 4, loss, past_loss=past), loss[[0, 2]], 30)
    assert tally.taken() == (2, {10: 1.0, 30: 0.5})
    assert tally.taken() == (0, {})


def test_past_errors_cost_what_an_error_has_cost():
    tally = Tally()
    loss = np.array([1.0, 0.0])
    tally.add(ScoredBatch(0, 2, loss, past_loss={10: np.ones(2)}), loss, 30)
    tally.add_costs(np.array([7.0, 0.0]), 1.0)
    assert tally.taken() == (2, {10: 7.0, 30: 3.5})


# In a stream: the loss of a model is 0.1 in the concept that it was fitted on, and 0.5 elsewhere.
LOW, HIGH = np.tile(np.repeat([1.0, 0.0], [1, 9]), 10), np.tile(np.repeat([1.0, 0.0], [5, 5]), 10)


def _run(trigger, concepts, unit=1.0, **fields):
    """Return the total loss, and the rows at which it refitted, of a stream of batches of 100."""
    trigger.reset()
    trigger.after_fit(_fit(0, 500), None, answered=False)
    models, lost, refits = {0: concepts[0]}, 0.0, []
    for k, concept in enumerate(concepts):
        losses = {row: unit * (LOW if of == concept else HIGH) for row, of in models.items()}
        now, latest = 100 * (k + 1), max(models)
        past = {row: loss for row, loss in losses.items() if row != latest}
        batch = ScoredBatch(100 * k, 100, losses[latest], past_loss=past, **fields)
        lost += losses[latest].sum()
        signal = trigger.update(batch)
        if signal.state == "drift":
            first, *rest = {**models, now: concept}.items()
            models = dict([first, *rest[-4:]])
            refits.append(now)
            trigger.after_fit(_fit(now, 300), None, answered=True)
    return lost, refits


def _fit(row, n_rows):
    return FitRecord(row, n_rows, 0, "full_refit", cpu_seconds=0.1, wall_seconds=0.1)


# Each regime is as long as it takes for the debt to be the price: a refit comes when it ends.
RECURRING = np.tile(np.repeat([0, 1], 6), 12).tolist()
DEAR = 199


def test_where_refits_did_not_pay_it_soon_does_as_never_does():
    lost, refits = _run(Combined(DEAR), RECURRING)
    of_debt, refits_of_debt = _run(Alone(DEAR), RECURRING)
    assert len(refits) <= 4 < 8 <= len(refits_of_debt)
    cost, cost_of_debt = lost + DEAR * len(refits), of_debt + DEAR * len(refits_of_debt)
    never = 100 * len(RECURRING) * 0.3
    assert cost < 0.85 * cost_of_debt
    assert cost < 1.25 * never


def test_where_refits_pay_it_does_as_the_debt_does():
    lasting = np.repeat([0, 1, 2, 3], 40).tolist()
    assert _run(Combined(DEAR), lasting) == _run(Alone(DEAR), lasting)


def test_it_goes_back_to_refits_once_never_has_become_the_dearer_one():
    """The concepts stop alternating, and one stays that the model does not know."""
    stays = [*RECURRING, *[2] * 60]
    _, refits = _run(Combined(DEAR), stays)
    assert max(refits) > 100 * len(RECURRING)


def test_an_alarm_says_what_the_policies_would_have_cost():
    trigger = Combined(DEAR).reset()
    trigger.after_fit(_fit(0, 500), None, answered=False)
    parts = [LOW] * 10 + [HIGH] * 10
    signals = [trigger.update(ScoredBatch(100 * k, 100, part)) for k, part in enumerate(parts)]
    (alarm,) = [signal for signal in signals if signal.state == "drift"]
    assert alarm.note.startswith("as debt has it; costs so far would be: debt ")
    assert ", never " in alarm.note
    assert not alarm.on_schedule


def test_a_refit_without_a_rise_is_on_schedule_and_does_not_blank_the_losses():
    """A drift that begins just then would be invisible."""
    trigger = Combined(20).reset()
    trigger.after_fit(_fit(0, 500), None, answered=False)
    for k in range(10):
        trigger.update(ScoredBatch(100 * k, 100, LOW))
    trigger._combination._followed = 3  # every 500 rows
    for policy in trigger._combination.policies:
        policy.cost = 0.0
    signal = trigger.update(ScoredBatch(1000, 100, LOW))
    while signal.state != "drift":
        signal = trigger.update(ScoredBatch(trigger._n_seen, 100, LOW))
    assert (signal.since, signal.on_schedule) == (None, True)
    trigger.after_fit(_fit(trigger._n_seen, 500), None, answered=True)
    assert trigger.expected_loss_ == pytest.approx(0.1)
    assert not trigger._on_schedule


def test_residuals_are_priced_in_their_own_unit():
    found = [
        _run(Combined(DEAR * unit), RECURRING, unit, bounded=False)[1] for unit in (1e-3, 1.0, 1e3)
    ]
    assert found[0] == found[1] == found[2]
    assert found[0]


def test_without_any_fit_or_any_scored_row_it_goes_by_the_debt_or_by_nothing(show):
    losses = np.r_[np.tile(LOW, 10), np.tile(HIGH, 10)]
    for trigger in (Combined(DEAR), Alone(DEAR)):
        assert [s.state for s in show(trigger, losses)].index("drift") == 14
    trigger = Combined(DEAR).reset()
    trigger.after_fit(_fit(0, 500), None, answered=False)
    trigger.update(ScoredBatch(0, 100, LOW))
    signal = trigger.update(ScoredBatch(100, 100, np.full(100, np.nan)))
    assert signal.state == "stable"
    assert trigger._combination.policies[1].cost == pytest.approx(10)


def test_an_unknown_price_does_not_spoil_the_costs():
    trigger = RefitDebt(Price(1, cost_per_hour=1), threshold="combined").reset()
    trigger.after_fit(FitRecord(0, 500, 0, "rolled_back", math.nan, math.nan), None, answered=False)
    trigger.update(ScoredBatch(0, 100, LOW))
    assert math.isnan(trigger.price_)
    assert trigger._combination.policies[1].cost == pytest.approx(10)


def test_costs_of_a_matrix_are_those_of_the_debt():
    """Of past models it is known how many errors they make, and taken that each costs as much."""
    price = Price(100, loss_value={(0, 1): 1, (1, 0): 5})
    trigger = RefitDebt(price, threshold="combined").reset()
    trigger.after_fit(_fit(0, 500), None, answered=False)
    y, y_pred = np.tile([1, 0], 50), np.zeros(100, dtype=int)
    loss = (y != y_pred).astype(float)
    for k in range(3):
        trigger.update(ScoredBatch(100 * k, 100, loss, y=y, y_pred=y_pred))
    assert trigger._combination.policies[1].cost == pytest.approx(3 * 50 * 5)


@pytest.mark.parametrize("row", [7, 20, 43])
def test_a_pickle_goes_on_as_if_nothing_had_happened(row):
    trigger = RefitDebt(60, threshold="combined", caution=0.5).reset()
    trigger.after_fit(_fit(0, 500), None, answered=False)
    shown = [LOW if of == 0 else HIGH for of in RECURRING]
    for k in range(row):
        trigger.update(ScoredBatch(100 * k, 100, shown[k]))
    copy = pickle.loads(pickle.dumps(trigger))
    for k in range(row, len(shown)):
        batch = ScoredBatch(100 * k, 100, shown[k])
        assert trigger.update(batch) == copy.update(batch)
    assert trigger._combination.said() == copy._combination.said()


# What it needs ------------------------------------------------------------------------------------


class Watching(RefitDebt):
    """Keeps what it is shown."""

    shown = ()

    def update(self, batch):
        self.shown = (*self.shown, batch)
        return super().update(batch)


def _watched(frame=None, **options):
    X, y, _ = make_drifting_classification(6000, n_drifts=5, random_state=0)
    options = {"policy": "full_refit", "batch_size": 100} | options
    detector = options.pop("detector", Watching(30, threshold="combined"))
    model = DriftAwareRetrainer(DecisionTreeClassifier(max_depth=3), detector=detector, **options)
    return model.fit(X if frame is None else frame(X), y), X, y


@pytest.mark.parametrize("kind", ["numpy", "pandas"])
@pytest.mark.no_cover
def test_losses_of_the_first_model_and_of_the_three_replaced_last_come_with_a_batch(kind):
    frame = None if kind == "numpy" else pytest.importorskip("pandas").DataFrame
    model, *_ = _watched(frame)
    fits = [0, *(e.row for e in model.events_ if e.action == "retrained")]
    fits[0] = fits.pop(0) if len(fits) else 0
    batches = model.detector_.shown
    assert max(len(batch.past_loss) for batch in batches) == 4
    rows = [event.row for event in model.events_ if event.action == "retrained"]
    for batch in batches:
        before = [row for row in rows if row <= batch.start]
        replaced = before[:-1]
        expected = [*replaced[:1], *replaced[1:][-3:]]
        assert list(batch.past_loss) == expected
        assert all(loss.shape == (batch.n_rows,) for loss in batch.past_loss.values())


def test_the_loss_of_a_past_model_is_the_one_it_would_have_had():
    X, y, _ = make_drifting_classification(6000, n_drifts=5, random_state=0)
    options = {"policy": "full_refit", "batch_size": 100}
    detector = Watching(30, threshold="combined")
    model = DriftAwareRetrainer(DecisionTreeClassifier(max_depth=3), detector=detector, **options)
    model.partial_fit(X[:500], y[:500])
    first = model.estimator_
    for start in range(500, 6000, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    last = model.detector_.shown[-1]
    rows = slice(last.start, last.start + last.n_rows)
    assert min(last.past_loss) == 500
    np.testing.assert_array_equal(last.past_loss[500], first.predict(X[rows]) != y[rows])


def test_a_past_model_that_cannot_read_the_rows_is_left_out():
    model, X, y = _watched()
    past = model._cycle.state.service.past
    broken = past[1]._replace(model=None)
    model._cycle.state.service.past = (past[0], broken, *past[2:])
    model.partial_fit(X[:100], y[:100])
    shown = model.detector_.shown[-1].past_loss
    assert broken.row not in shown
    assert len(shown) == len(past) - 1


def test_who_does_not_ask_for_past_losses_pays_nothing_for_them():
    model, *_ = _watched(detector=Watching(30))
    assert model._cycle.state.service.past == ()
    assert all(batch.past_loss is None for batch in model.detector_.shown)


def test_a_part_of_at_least_gets_them():
    trigger = AtLeast([Watching(30, threshold="combined"), "adwin"])
    assert "past_loss" in trigger.needs
    model, *_ = _watched(detector=trigger)
    assert any(batch.past_loss for batch in model.detector_.triggers_[0].shown)


def test_what_was_pickled_before_there_were_past_models_goes_on():
    model, X, y = _watched(detector=RefitDebt(30))
    state = model._cycle.state.service
    state.__dict__.pop("past", None)
    state.__dict__.pop("n_past", None)
    copy = pickle.loads(pickle.dumps(model))
    copy.partial_fit(X[:100], y[:100])
    assert copy._cycle.state.service.past == ()


def test_a_matrix_says_that_it_keeps_no_past_losses():
    X, y, _ = make_drifting_classification(600, random_state=0)
    matrix = RetrainMatrix(LogisticRegression(), chunk=100, initial_size=200).fit(X, y)
    with pytest.raises(ValueError, match="past_loss.*of which a matrix keeps nothing"):
        matrix.replay(RefitDebt(5, threshold="combined"))


# Growth -------------------------------------------------------------------------------------------


def _grown(fits, caution=0.5):
    """Return a trigger that knows what fits have come to, 1,000 rows after one on 1,000."""
    trigger = RefitDebt(10, caution=caution).reset()
    for n_rows, loss in fits:
        trigger._regimes.add_fit(n_rows, 100 * loss, 100)
    trigger.after_fit(_fit(1000, 1000), None, answered=False)
    for k in range(10):
        trigger.update(ScoredBatch(1000 + 100 * k, 100, LOW))
    return trigger


STEEP, FLAT = [(250, 0.4), (1000, 0.1)] * 20, [(250, 0.1), (1000, 0.1)] * 20


def test_growth_pays_where_more_rows_have_made_better_models():
    """100 errors; a twentieth of them is less than the price of 10, and a third is more."""
    assert _grown(STEEP).growth_pays
    assert not _grown(FLAT).growth_pays


def test_without_a_past_growth_saves_a_twentieth_as_it_does_without_a_forecast():
    for caution in (None, 0.5):
        trigger = _grown([], caution=caution)
        assert not trigger.growth_pays
        trigger.price = 4.9
        assert trigger.growth_pays


def test_growth_pays_for_a_blank_trigger_only_if_it_costs_nothing():
    assert not RefitDebt(10, caution=0.5).growth_pays
    assert RefitDebt(0, caution=0.5).growth_pays


def test_what_was_saved_before_there_were_combinations_goes_on():
    trigger = Alone(30).reset()
    for name in ("_tally", "_combination", "_on_schedule"):
        vars(trigger).pop(name)
    again = pickle.loads(pickle.dumps(trigger))
    for k in range(20):
        signal = again.update(ScoredBatch(100 * k, 100, LOW if k < 10 else HIGH))
        if signal.state == "drift":
            again.after_fit(_fit(100 * k + 100, 100), None, answered=True)
            break
    assert (signal.state, again.debt_) == ("drift", 0.0)
