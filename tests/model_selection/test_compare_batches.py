"""Policies on batches as they come: the numbers of all rows together, in one pass, without rows."""

import math
import pickle
import warnings
import weakref

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import SlidingWindow
from skretrain.datasets import make_drifting_regression
from skretrain.drift import FeatureDrift, Periodic, RefitDebt
from skretrain.metrics import Price
from skretrain.model_selection import compare_policies, prequential_validate
from skretrain.model_selection._batches import checked_batch
from skretrain.model_selection._compare import _checkpoint
from skretrain.model_selection._matrix import _streamed
from skretrain.policies import FullRefit

X, Y = stream(1020, drift=500)
REPLAYED = {
    "never": [],
    "twice": [(2, 300), (3, 500)],
    "weekly": (Periodic(300), 300),
    "debt": (RefitDebt, 500),
}
POLICIES = REPLAYED | {
    "located": DriftAwareRetrainer(GaussianNB()),
    "updated": GaussianNB(),
    "replay": ReplayPartialFit(DecisionTreeClassifier(max_depth=2)),
}


def batches(X=X, y=Y, size=85):
    """Yield batches once."""
    for first in range(0, len(y), size):
        yield X[first : first + size], y[first : first + size]


def compared(given, policies=POLICIES, estimator=None, **options):
    estimator = GaussianNB() if estimator is None else estimator
    options = {"prices": [1, 10, 100], "random_state": 0, **options}
    return compare_policies(estimator, given, policies=policies, **options)


def whole(policies=POLICIES, estimator=None, X=X, y=Y, size=85, **options):
    estimator = GaussianNB() if estimator is None else estimator
    options = {"prices": [1, 10, 100], "random_state": 0, "batch_size": size, **options}
    return compare_policies(estimator, X, y, policies, **options)


def assert_same(one, other):
    """Numbers agree to the last bit, processor seconds apart."""
    tables = [found.to_frame().drop(columns="cpu_seconds") for found in (one, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    for name in one.names:
        np.testing.assert_array_equal(one.batch_losses(name), other.batch_losses(name))


# -- the numbers are those of all rows together ----------------------------------------------------


@pytest.mark.parametrize(
    ("container", "options"),
    [
        (np.asarray, {}),
        (np.asarray, {"label_delay": 130, "fit_latency": 30, "seeds": 2}),
        (pd.DataFrame, {"initial_size": 255, "label_delay": 85}),
        (np.asarray, {"initial_size": 680}),  # longer than any window
    ],
)
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_batches_give_the_numbers_of_all_rows_together(container, options):
    """Scores, losses by batch, fits, rows and costs: whatever learns, replayed or live."""
    features = container(X)
    found, expected = compared(batches(features), **options), whole(X=features, **options)
    assert_same(found, expected)
    assert found.kinds["located"] == "live"
    for name in ("located", "replay"):
        one, other = found.results[name][0], expected.results[name][0]
        np.testing.assert_array_equal(one.refit_rows, other.refit_rows)
        np.testing.assert_array_equal(one.n_learned, other.n_learned)
        np.testing.assert_array_equal(one.arrived([0, 300, 900]), other.arrived([0, 300, 900]))


@pytest.mark.parametrize("scoring", [None, "neg_root_mean_squared_error", math.dist])
@pytest.mark.no_cover
def test_so_do_batches_of_a_quantity(scoring):
    if scoring is math.dist:

        def scoring(y_true, y_pred):
            return np.abs(y_true - y_pred) ** 1.5

    X, y, _ = make_drifting_regression(1000, random_state=0)
    policies = {"never": [], "weekly": (Periodic(200), 300)}
    options = {"estimator": DecisionTreeRegressor(max_depth=3, random_state=0), "scoring": scoring}
    assert_same(compared(batches(X, y), policies, **options), whole(policies, X=X, y=y, **options))


def test_linear_models_differ_by_rounding_at_most():
    """A product of matrices rounds by the number of rows."""
    X, y, _ = make_drifting_regression(1000, random_state=0)
    policies = {"never": [], "weekly": (Periodic(200), 300)}
    found = compared(batches(X, y), policies, LinearRegression())
    other = whole(policies, LinearRegression(), X=X, y=y)
    for name in policies:
        assert found.score(name) == pytest.approx(other.score(name), rel=1e-12)


@pytest.mark.parametrize("initial_size", [20, 240])
@pytest.mark.no_cover
def test_windows_are_topped_up_of_classes_that_are_long_gone(initial_size):
    """Of a class that the window lacks, as many rows are kept as a fit would take."""
    rng, n = np.random.default_rng(0), 500
    y = np.where(np.arange(n) < 150, rng.integers(0, 3, n), rng.integers(0, 2, n))
    X = rng.normal(y[:, np.newaxis], 0.7, (n, 2))
    policies = {"never": [], "short": (Periodic(40), 100), "long": (Periodic(60), 150)}
    options = {"initial_size": initial_size}
    found = compared(batches(X, y, 20), policies, **options)
    assert_same(found, whole(policies, X=X, y=y, size=20, **options))


class Careful(GaussianNB):
    """Reads the values of the first column that it knows, and is fitted on two classes or more."""

    def fit(self, X, y, sample_weight=None):
        if len(np.unique(y)) < 2:
            raise ValueError("one class")
        self.known_ = set(X[:, 0])
        return super().fit(X, y, sample_weight)

    def predict(self, X):
        if not self.known_.issuperset(X[:, 0]):
            raise ValueError("unknown")
        return super().predict(X)


def test_rows_that_a_model_cannot_read_are_counted_as_on_all_rows():
    """In the losses they count as the others of their batch, or of all where there are none."""
    rng = np.random.default_rng(0)
    shop = rng.choice(2, 680)
    shop[300:330:3], shop[425:510] = 2, 3
    X = np.column_stack([shop, rng.normal(size=680)])
    y = ((X[:, 1] > 0) ^ (shop == 2)).astype(int)
    y[425:510] = 1
    policies = {"never": [], "weekly": (Periodic(100), 300)}
    policies |= {"refitted": DriftAwareRetrainer(Careful()), "updated": Careful()}
    found = compared(batches(X, y), policies, Careful())
    assert_same(found, whole(policies, Careful(), X=X, y=y))
    assert {name: found.n_unpredicted(name) for name in policies} == dict.fromkeys(policies, 95)


def test_an_error_of_a_model_that_no_fit_would_mend_is_raised():
    """It is no row that cannot be read."""
    X_bad = X.copy()
    X_bad[400] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        compared(batches(X_bad), {"never": []})


@pytest.mark.no_cover
def test_the_order_of_policies_does_not_matter():
    """Nor does it, which others there are."""
    policies = {name: POLICIES[name] for name in ("weekly", "debt", "located", "replay")}
    found = compared(batches(), policies)
    turned = compared(batches(), dict(list(policies.items())[::-1]))
    alone = compared(batches(), {"replay": POLICIES["replay"]})
    for name in policies:
        np.testing.assert_array_equal(found.batch_losses(name), turned.batch_losses(name))
    np.testing.assert_array_equal(found.batch_losses("replay"), alone.batch_losses("replay"))


@pytest.mark.parametrize("stride", [1, 2])
def test_with_many_batches_a_stride_spares_models(stride, monkeypatch):
    """Every second of too many is let go; what is left are the numbers of a longer stride."""
    monkeypatch.setattr(_streamed, "MOST_FITS", 3)
    found = compared(batches(), REPLAYED, stride=stride)
    assert found.stride == 4
    assert len(found.matrices[0].times_) <= 3
    assert_same(found, whole(REPLAYED, stride=4))


def test_batches_of_no_rows_change_nothing():
    given = [part for batch in batches() for part in (batch, (X[:0], Y[:0]))]
    policies = {name: POLICIES[name] for name in ("never", "weekly", "updated")}
    assert_same(compared(given, policies), compared(batches(), policies))


@pytest.mark.no_cover
def test_a_buffer_that_the_next_batch_overwrites_is_not_learned_twice():
    """Who reads into the same array for each batch gets the same numbers."""

    def reused():
        buffer = np.empty((60, X.shape[1]))
        for rows, y in batches(size=60):
            buffer[:] = rows
            yield buffer, y

    policies = {name: POLICIES[name] for name in ("never", "weekly", "located")}
    assert_same(compared(reused(), policies), compared(batches(size=60), policies))


# -- one pass, in which rows are let go ------------------------------------------------------------


@pytest.mark.no_cover
def test_no_batch_is_kept():
    """All seeds and policies together go through the batches once, and hold on to none of them."""
    alive, most = weakref.WeakSet(), []

    class Given(np.ndarray):
        """An array that a weak set can hold."""

        __hash__ = object.__hash__
        __eq__ = object.__eq__

    def watched():
        for rows, y in batches():
            batch = rows.copy().view(Given)
            alive.add(batch)
            most.append(len(alive))
            yield batch, y
            del batch

    policies = {name: POLICIES[name] for name in ("weekly", "located", "replay")}
    compared(watched(), policies, seeds=2)
    assert len(most) == 12
    assert max(most[3:]) <= 4  # the first fit, the one before, this one


def test_rows_are_kept_for_the_longest_window_and_no_longer():
    """And of each class as many as would top it up."""
    matrix = _streamed.StreamedMatrix(GaussianNB(), windows=[100])
    sizes = []
    given = list(batches())
    matrix.begin(checked_batch(*given[0]))
    for batch in given[1:]:
        matrix.add(checked_batch(*batch))
        sizes.append(len(matrix._kept.index))
    assert max(sizes) <= 120
    np.testing.assert_array_equal(matrix._kept.index[-100:], np.arange(920, 1020))


# -- what comes of it ------------------------------------------------------------------------------


def test_there_is_a_best_schedule_and_a_rolling_choice():
    """Regret to the best schedule in hindsight is never below 0 for what is replayed."""
    policies = REPLAYED | {"updated": GaussianNB()}
    found = compared(batches(), policies)
    for name, regret in found.regret().items():
        assert name not in REPLAYED or (regret >= 0).all()
    assert found.rolling_choice(every=200, price=1).rows[-1] == len(Y)
    assert found.recommend(10).policy in policies
    assert pickle.loads(pickle.dumps(found)).recommend(10) == found.recommend(10)


def test_the_usual_policies_are_those_that_keep_a_bounded_number_of_rows():
    found = compare_policies(GaussianNB(), batches(X[:300], Y[:300]), random_state=0)
    usual = compare_policies(GaussianNB(), X[:300], Y[:300], batch_size=85, random_state=0)
    assert found.names == [name for name in usual.names if not name.endswith("on all")]
    assert len(found.prices) == 9


def test_a_price_in_money_takes_the_seconds_of_the_longest_window():
    price = Price(per_refit=2.0, cost_per_cpu_hour=3600.0)
    found = compared(batches(), REPLAYED, prices=[price])
    seconds = found.matrices[0].fit_seconds_[found.matrices[0].windows.index(850)].mean()
    assert found.prices[0] == pytest.approx(2 + seconds)


def test_errors_are_what_is_counted_however_rare_a_class_is():
    """What is rare at first may be common later: no score is chosen by it."""
    y = (np.arange(1020) % 40 == 0).astype(int)
    assert compared(batches(y=y), {"never": []}, prices=None).scoring == "accuracy"


def test_each_live_run_is_told_with_its_warnings():
    """They are not shown then; without `on_run` they are."""

    class Warns(GaussianNB):
        def partial_fit(self, X, y, classes=None, sample_weight=None):
            warnings.warn("hot", RuntimeWarning, stacklevel=2)
            return super().partial_fit(X, y, classes, sample_weight)

    told, policies = [], {"never": [], "updated": Warns()}
    compared(batches(), policies, on_run=told.append, seeds=2)
    assert [(run.policy, run.seed, run.n_runs) for run in told] == [
        ("updated", 0, 2),
        ("updated", 1, 2),
    ]
    assert told[0].warnings == ("RuntimeWarning: hot",) * 11
    with pytest.warns(RuntimeWarning, match="hot"):
        compared(batches(), policies)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": np.arange(1020)}, "times is for rows that are given together"),
        ({"label_time": np.arange(1020)}, "label_time is for rows that are given together"),
        ({"params": {"sample_weight": Y}}, "params is for rows that are given together"),
        ({"time_budget": 5}, "time_budget is for rows that are given together"),
        ({"scoring": "roc_auc"}, "scoring='roc_auc' is a score of all rows together"),
        ({"prices": [Price(flip_price=1.0)]}, "prices: what changed decisions cost"),
        ({"initial_size": "1d"}, "initial_size='1d'"),
        ({"label_delay": -1}, "label_delay=-1"),
        ({"stride": 0}, "stride=0"),
        ({"n_jobs": "two"}, "n_jobs='two'"),
        ({"initial_size": 1020}, "ended after 1,020 rows, all of which the first fit takes"),
        ({"initial_size": 2000}, "ended after 1020 rows, before the 2000 of the first fit"),
        ({"seeds": []}, "seeds must be a number of seeds, a sequence of integers"),
    ],
)
def test_what_needs_all_rows_is_refused_by_name(options, message):
    """With what to do instead, and before an hour has passed."""
    with pytest.raises(ValueError, match=message):
        compared(batches(), {"never": []}, **options)


@pytest.mark.parametrize("place", [0, 3])
def test_a_batch_without_targets_is_refused(place):
    given = list(batches())
    given[place] = given[place][0], None
    with pytest.raises(ValueError, match=r"X gives a batch \(X, None\)"):
        compared(iter(given), {"never": []})


def test_r2_is_refused_for_which_the_mean_of_all_targets_is_needed():
    X, y, _ = make_drifting_regression(500, random_state=0)
    with pytest.raises(ValueError, match="'neg_mean_squared_error' or a function"):
        compared(batches(X, y), {"never": []}, LinearRegression(), scoring="r2")


@pytest.mark.parametrize(
    ("policy", "rows"),
    [
        (Periodic(100), "all rows there have been"),
        ("adwin", "all rows there have been"),
        ((RefitDebt, "all"), "all rows there have been"),
        ([(3, "all")], "all rows there have been"),
        (lambda now: True, "all rows there have been"),
        ((Periodic(100), "30d"), "the window '30d'"),
        ((Periodic(100), 0), "the window 0"),
    ],
)
def test_a_window_that_is_no_number_of_rows_is_refused(policy, rows):
    """Also where it does not say so: its window is to be named."""
    message = rf"policies\['mine'\] refits on {rows}, .*name a number of rows"
    with pytest.raises(ValueError, match=message):
        compared(batches(), {"mine": policy})


@pytest.mark.parametrize("policy", [(FeatureDrift(), 300), (Periodic("1d"), 300)])
def test_a_trigger_that_sums_do_not_feed_is_refused_before_the_third_batch(policy):
    gone = []

    def counted():
        for batch in batches():
            gone.append(1)
            yield batch

    with pytest.raises(ValueError, match=r"policies\['mine'\]"):
        compared(counted(), {"mine": policy})
    assert len(gone) <= 2


def test_a_live_policy_is_named_in_its_error():
    with pytest.raises(TypeError, match="no partial_fit") as caught:
        compared(batches(), {"mine": DecisionTreeClassifier()})
    assert caught.value.__notes__ == ["under the policy 'mine'"]


# -- one that was stopped goes on ------------------------------------------------------------------


class Counts(GaussianNB):
    """Counts the fits in this process."""

    fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


KEPT = REPLAYED | {
    "located": DriftAwareRetrainer(GaussianNB(), buffer=SlidingWindow(max_rows=200)),
    "weekly, live": DriftAwareRetrainer(
        Counts(), detector=Periodic(300), update=None, policy=FullRefit(300, grow=False)
    ),
}


def _stopped(n):
    for number, batch in enumerate(batches()):
        if number == n:
            raise KeyboardInterrupt
        yield batch


@pytest.mark.parametrize("stop", [1, 8])
def test_a_pass_that_was_stopped_ends_as_if_it_had_not_been(stop, tmp_path, monkeypatch):
    """What was kept is not fitted again, and the batches before are only read."""
    monkeypatch.setattr(_checkpoint, "_SHARE", math.inf)
    options = {"policies": KEPT, "estimator": Counts(), "label_delay": 100}
    Counts.fits = 0
    expected = compared(batches(), **options)
    n_fits, Counts.fits = Counts.fits, 0
    with pytest.raises(KeyboardInterrupt):
        compared(_stopped(stop), **options, memory=tmp_path)
    found = compared(batches(), **options, memory=str(tmp_path))
    assert_same(found, expected)
    assert Counts.fits == n_fits + (stop == 1)  # of the first fit alone, nothing is kept
    Counts.fits = 0
    again = compared(batches(), **options, memory=tmp_path)
    assert_same(again, expected)
    assert again.cpu_seconds("located") == found.cpu_seconds("located")
    assert Counts.fits == 0


def test_a_state_is_kept_in_a_small_share_of_the_time_and_at_the_end(tmp_path, monkeypatch):
    """After the first batch, and at the end, where there is never the time in between."""
    written = []
    monkeypatch.setattr(_checkpoint, "_SHARE", 0.0)
    monkeypatch.setattr(_checkpoint, "write_whole", lambda path, content: written.append(path))
    compared(batches(), {"never": []}, memory=tmp_path)
    assert len(written) == 2


@pytest.mark.parametrize("change", [{"label_delay": 85}, {"stride": 2}])
@pytest.mark.no_cover
def test_another_call_begins_anew(change, tmp_path):
    policies = {"never": [], "weekly": (Periodic(300), 300)}
    compared(batches(), policies, memory=tmp_path)
    found = compared(batches(), policies, memory=tmp_path, **change)
    assert_same(found, compared(batches(), policies, **change))


@pytest.mark.parametrize("n", [500, 1020])
def test_other_batches_are_not_taken_for_those_that_were_learned(n, tmp_path):
    """Nor fewer of them."""
    compared(batches(), {"never": []}, memory=tmp_path)
    others = Y[:n].copy()
    others[300] = 1 - others[300]
    with pytest.raises(ValueError, match="memory: the first 11 batches .* are not those that"):
        compared(batches(X[:n], others), {"never": []}, memory=tmp_path)


@pytest.mark.no_cover
def test_more_batches_of_the_same_stream_are_learned_on_top(tmp_path):
    """A file that has grown since is not gone through again."""
    compared(batches(X[:765], Y[:765]), KEPT, memory=tmp_path)
    assert_same(compared(batches(), KEPT, memory=tmp_path), compared(batches(), KEPT))


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps(3)])
@pytest.mark.no_cover
def test_a_state_that_was_broken_is_named_with_the_way_out(content, tmp_path):
    """Such as by a copy that failed; pickle names no file."""
    compared(batches(), {"never": []}, memory=tmp_path)
    (path,) = tmp_path.glob("*.pickle")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path.name}.* cannot be read \(.*Delete it to begin"):
        compared(batches(), {"never": []}, memory=tmp_path)
    path.unlink()
    compared(batches(), {"never": []}, memory=tmp_path)


@pytest.mark.no_cover
def test_a_state_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path, monkeypatch):
    """The disk is full, and has room again before the end: then it is kept."""
    monkeypatch.setattr(_checkpoint, "_SHARE", math.inf)
    attempts, write = [], _checkpoint.write_whole

    def full(path, content):
        attempts.append(path)
        if len(attempts) < 4:
            raise OSError(28, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(_checkpoint, "write_whole", full)
    with pytest.warns(UserWarning, match=r"memory: .* No space left .*goes on") as told:
        found = compared(batches(), KEPT, memory=tmp_path)
    assert len(told) == 1
    assert_same(found, compared(batches(), KEPT))
    n_attempts = len(attempts)
    assert_same(compared(batches(), KEPT, memory=tmp_path), found)
    assert len(attempts) == n_attempts > 3


def test_a_policy_that_cannot_be_pickled_is_refused_before_the_work_begins(tmp_path):
    policies = {"mine": (lambda now: False, 300)}
    with pytest.raises(ValueError, match=r"memory='.*': a policy cannot be pickled"):
        compared(batches(), policies, memory=tmp_path)


@pytest.mark.parametrize("kind", [list, iter])
@pytest.mark.parametrize("evaluate", [compared, prequential_validate])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda X, y: (X, y, {}, {}), "a tuple of 4"),
        (lambda X, y: (X,), "a tuple of 1"),
        (lambda X, y: X[:2], "a ndarray"),
        (lambda X, y: None, "a NoneType"),
    ],
)
def test_what_is_no_pair_is_told_as_that(kind, evaluate, make, told):
    """At the beginning or later; an array of two rows is no features and targets."""
    many = list(batches())
    if kind is iter or isinstance(make(*many[0]), tuple):
        with pytest.raises(ValueError, match=f"X gives {told} where a batch is to be: each is a p"):
            _evaluated(evaluate, kind([make(*batch) for batch in many]))
    with pytest.raises(ValueError, match=f"X gives {told} where a batch is to be: each is a pair"):
        _evaluated(evaluate, kind([*many[:5], make(*many[5])]))


def test_a_list_of_batches_without_targets_is_told_as_an_iterator_of_them_is():
    for kind in (list, iter):
        with pytest.raises(ValueError, match=r"X gives a batch \(X, None\), and policies are comp"):
            compared(kind([(X[:100], None), (X[100:200], None)]))


def _evaluated(evaluate, given):
    if evaluate is prequential_validate:
        return evaluate(DriftAwareRetrainer(GaussianNB()), given)
    return evaluate(given, {"never": []})


def test_nothing_is_kept_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compared(batches(), {"never": []})
    assert list(tmp_path.iterdir()) == []
