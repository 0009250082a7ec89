"""Parameters that are changed after a fleet has learned: nothing of that is lost or mixed."""

from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.drift import AtLeast, ErrorDrift
from skretrain.serving import SegmentedRetrainer, on_event


def rows(seed=0, n=30):
    """Return rows of three shops, whose column 1 could tell segments just as well."""
    rng = np.random.default_rng(seed)
    shop = np.repeat([0, 1, 2], n)
    X = np.column_stack([shop, shop + 5, rng.normal(size=3 * n)])
    return X, (X[:, 2] > 0).astype(int)


def fleet(**params):
    return SegmentedRetrainer(DriftAwareRetrainer(GaussianNB()), by=0, **params)


def n_loaded(model):
    return sum(status.is_loaded for status in model.status().values())


@pytest.mark.parametrize("in_file", [False, True])
def test_how_many_are_loaded_can_be_changed_at_any_time(tmp_path, in_file):
    model = fleet(path=tmp_path / "fleet.db" if in_file else None).fit(*rows())
    expected = clone(model).set_params(path=None).fit(*rows()).partial_fit(*rows(1))
    assert n_loaded(model) == 3
    model.set_params(max_loaded=1).partial_fit(*rows(1))
    assert n_loaded(model) == 1
    np.testing.assert_array_equal(model.predict(rows(2)[0]), expected.predict(rows(2)[0]))
    with pytest.raises(ValueError, match=r"max_loaded=0\): max_loaded must be an integer of at le"):
        model.set_params(max_loaded=0).predict(rows()[0])
    assert model.set_params(max_loaded=None).partial_fit(*rows(2)).n_batches_ == 3


def day(number, *, turned=False, n=20):
    """Return rows of three shops, of which the last has a concept of its own; and turned around."""
    rng = np.random.default_rng(number)
    shop = np.repeat([0, 1, 2], n)
    X = np.column_stack([shop, rng.normal(size=(3 * n, 2))])
    return X, ((X[:, 1] > 0) != (shop == (1 if turned else 2))).astype(int)


def weights(model):
    return [status.weight for status in model.status().values()]


def reported(model):
    return {event.segment for event in model.events_ if event.action == "drifted"}


def waiting(model):
    return [status.waits_to_grow for status in model.status().values()]


@pytest.fixture(params=["in memory", "in a file", "in a file, another object"])
def changed(request, tmp_path):
    """Let a fleet learn, then give it, or one that goes on, other parameters."""
    path = None if request.param == "in memory" else tmp_path / "fleet.db"

    def make(before, after):
        model = fleet(path=path, **before)
        for number in range(8):
            model.partial_fit(*day(number))
        return (
            fleet(path=path, **after) if "another" in request.param else model.set_params(**after)
        )

    return make


@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_a_number_of_rows_counts_at_once(changed):
    model = changed({"min_rows": 1000}, {"min_rows": 20})
    assert weights(model)[2] > 0
    assert weights(model.set_params(min_rows=1000).partial_fit(*day(8))) == [0, 0, 0]


@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_a_level_of_alarms_counts_at_once(changed):
    model = changed({}, {"alpha": 1e-30})
    assert not reported(model.partial_fit(*day(8, turned=True)))
    assert reported(model.set_params(alpha=0.05).partial_fit(*day(9, turned=True))) >= {1}


@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_a_budget_counts_at_once(changed):
    model = changed({}, {"growth_budget": 0})
    for number in range(8, 16):
        model.partial_fit(*day(number))
    assert any(waiting(model))
    assert not any(waiting(model.set_params(growth_budget=None).partial_fit(*day(16))))


@pytest.mark.parametrize("wrong", [{"alpha": 2}, {"min_rows": 0}, {"growth_budget": -1}])
@pytest.mark.no_cover
@pytest.mark.thinned(4)
def test_a_wrong_number_is_refused_and_nothing_is_lost(changed, wrong):
    other = changed({}, {})
    (name, value), expected = next(iter(wrong.items())), other.predict(day(9)[0])
    right = other.get_params()[name]
    other.set_params(**wrong)
    for call in (other.partial_fit, other.score):
        with pytest.raises(ValueError, match=f"{name}={value}"):
            call(*day(9))
    np.testing.assert_array_equal(other.set_params(**{name: right}).predict(day(9)[0]), expected)
    assert other.n_batches_ == 8


@pytest.mark.parametrize(
    ("retrainer", "fallback", "told"),
    [
        (
            DriftAwareRetrainer(GaussianNB(var_smoothing=0.1)),
            "pooled",
            r"retrainer__estimator__var_smoothing=1e-09 \(here 0.1\)\.",
        ),
        (
            DriftAwareRetrainer(GaussianNB(), policy="full_refit"),
            "pooled",
            r"retrainer__policy='keep_or_refit' \(here 'full_refit'\)\.",
        ),
        (
            DriftAwareRetrainer(LogisticRegression()),
            "pooled",
            r"retrainer__estimator=GaussianNB\(\.\.\.\) \(here LogisticRegression\(\.\.\.\)\)\.",
        ),
        (
            DriftAwareRetrainer(
                GaussianNB(priors=np.array([1 / 3, 2 / 3], dtype=np.float32), var_smoothing=1),
                detector=None,
                policy="full_refit",
                update=None,
            ),
            "pooled",
            r"retrainer__detector='adwin' \(here None\), "
            r"retrainer__estimator__priors=None "
            r"\(here array\(\[0.33333334, 0.6666667 \], dtype\.\.\.\), "
            r"retrainer__estimator__var_smoothing=1e-09 \(here 1\) and 2 more\.",
        ),
        (
            ReplayPartialFit(GaussianNB()),
            None,
            r"retrainer=DriftAwareRetrainer\(\.\.\.\) \(here ReplayPartialFit\(\.\.\.\)\), "
            r"fallback='pooled' \(here None\)\.",
        ),
    ],
)
def test_a_file_that_was_begun_with_other_parameters_says_so_once(
    tmp_path, retrainer, fallback, told
):
    """It goes on as it was begun; fit, which is the way out, does not complain."""
    path = tmp_path / "fleet.db"
    expected = fleet().fit(*day(0)).partial_fit(*day(1)).predict(day(2)[0])
    fleet(path=path).fit(*day(0))
    other = SegmentedRetrainer(retrainer, by=0, fallback=fallback, path=path)
    with pytest.warns(UserWarning, match=f"go on with those: {told}"):
        other.partial_fit(*day(1))
    np.testing.assert_array_equal(other.predict(day(2)[0]), expected)
    again = SegmentedRetrainer(retrainer, by=0, fallback=fallback, path=path).fit(*day(0))
    assert type(again.retrainer_of(0)) is type(retrainer)
    assert (again.pooled_ is None) == (fallback is None)
    again.partial_fit(*day(1))


def test_a_step_that_a_pipeline_did_not_have_is_told_as_absent(tmp_path):
    path, X_y = tmp_path / "fleet.db", day(0)
    then, now = make_pipeline(GaussianNB()), make_pipeline(StandardScaler(), GaussianNB())
    SegmentedRetrainer(DriftAwareRetrainer(then), by=0, path=path).fit(*X_y)
    told = r"retrainer__estimator__standardscaler=absent \(here StandardScaler\(\.\.\.\)\), "
    with pytest.warns(UserWarning, match=told):
        SegmentedRetrainer(DriftAwareRetrainer(now), by=0, path=path).partial_fit(*X_y)


def test_a_file_that_was_begun_with_the_same_parameters_says_nothing(tmp_path):
    """Nothing of how they were written, or of what the retrainer has learned elsewhere, counts."""
    path, X_y = tmp_path / "fleet.db", day(0)
    base = make_pipeline(StandardScaler(), GaussianNB(priors=np.array([0.5, 0.5])))
    retrainer = DriftAwareRetrainer(base, detector=AtLeast([ErrorDrift()]))
    SegmentedRetrainer(retrainer, by=0, path=path).fit(*X_y)
    for one in (clone(retrainer), deepcopy(retrainer).fit(X_y[0][:, 1:], X_y[1])):
        SegmentedRetrainer(one, by=0, path=path).partial_fit(*X_y)


@pytest.mark.parametrize("in_file", [False, True])
def test_segments_are_told_by_the_same_column_until_the_next_fit(tmp_path, in_file):
    """Else the values of another column would open segments beside those that there are."""
    model = fleet(path=tmp_path / "fleet.db" if in_file else None).fit(*rows())
    other = fleet(path=tmp_path / "fleet.db") if in_file else model
    for by in (2, [0], 1):  # the number of no such column, no column, and one of whole numbers
        other.set_params(by=by)
        for call in (other.partial_fit, other.score, lambda X, _: other.observe(X)):
            with pytest.raises(ValueError, match="by must be 0 until the next fit"):
                call(*rows(1))
    assert other.segments_ == [0, 1, 2]
    assert other.n_batches_ == 1
    assert other.set_params(by=np.int64(0)).score(*rows(1)) > 0.5
    other.set_params(by=1)
    assert other.fit(*rows(1)).segments_ == [5, 6, 7]


def test_what_is_in_memory_does_not_go_on_in_a_file_and_is_not_lost(tmp_path):
    model = fleet().fit(*rows())
    expected = model.predict(rows(1)[0])
    model.set_params(path=tmp_path / "fleet.db")
    for call in (model.partial_fit, model.score, lambda *_: model.segments_):
        with pytest.raises(ValueError, match="path must be None until the next fit"):
            call(*rows(1))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(rows()[0], rows()[1][1:])
    with pytest.raises(ValueError, match=r"path=3\): path must be the path of a file, or None"):
        model.set_params(path=3).predict(rows()[0])
    model.set_params(path=None)
    np.testing.assert_array_equal(model.predict(rows(1)[0]), expected)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.partial_fit(rows()[0], rows()[1][1:])  # that a file was opened does not matter
    assert model.n_batches_ == 1


def test_fit_may_take_what_was_in_memory_to_a_file_and_hooks_go_on(tmp_path):
    heard, model = [], fleet().fit(*rows())
    on_event(model, {"retired": heard.append})
    model.set_params(path=tmp_path / "fleet.db").fit(*rows()).retire(1)
    assert [event.segment for event in heard] == [1]
    assert fleet(path=tmp_path / "fleet.db").segments_ == [0, 2]


def test_with_another_path_the_state_is_that_of_the_other_file(tmp_path):
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    model = fleet(path=first, max_loaded=1).fit(*rows())
    fleet(path=second).fit(*rows()).partial_fit(*rows(1))
    assert model.set_params(path=second).n_batches_ == 2
    assert model.partial_fit(*rows(2)).n_batches_ == 3
    assert fleet(path=second).n_batches_ == 3
    assert model.set_params(path=first).n_batches_ == 1


def test_what_is_in_a_file_does_not_begin_anew_in_memory_before_the_next_fit(tmp_path):
    model = fleet(path=tmp_path / "fleet.db").fit(*rows()).partial_fit(*rows(1))
    for call in (lambda: model.partial_fit(*rows(2)), lambda: model.predict(rows()[0])):
        with pytest.raises(ValueError, match=r"fleet.db'\)?,? until the next fit, .* in that file"):
            model.set_params(path=None), call()
    assert model.set_params(path=tmp_path / "fleet.db").n_batches_ == 2
    assert model.set_params(path=None).fit(*rows()).n_batches_ == 1
    assert fleet(path=tmp_path / "fleet.db").n_batches_ == 2


@pytest.mark.parametrize("in_file", [False, True])
def test_what_there_is_to_ask_for_is_that_of_the_segments_until_the_next_fit(in_file, tmp_path):
    """Whatever the parameter has become meanwhile; what is no retrainer is refused."""
    X, y = rows()
    model = fleet(path=tmp_path / "fleet.db" if in_file else None).fit(X, y)
    expected = model.score(X, y)
    model.set_params(retrainer=DriftAwareRetrainer(Ridge()))
    assert model.score(X, y) == expected
    assert is_classifier(model)
    assert model.predict_proba(X).shape == (len(X), 2)
    assert not hasattr(model.fit(X, y), "predict_proba")
    for wrong in ("x", GaussianNB()):
        with pytest.raises(ValueError, match="retrainer must be a DriftAwareRetrainer or a Replay"):
            model.set_params(retrainer=wrong).partial_fit(X, y)
    with pytest.raises(ValueError, match="retrainer must be a DriftAwareRetrainer or a ReplayPart"):
        clone(model).partial_fit(X, y)


@pytest.mark.parametrize("share", [np.float32(0.5), 0.5])
def test_a_share_is_one_of_whatever_type_it_is(share):
    base = DriftAwareRetrainer(LogisticRegression())
    model = SegmentedRetrainer(base, by=0, growth_budget=share).fit(*rows())
    model.partial_fit(*rows(1))
    assert [status.waits_to_grow for status in model.status().values()] == [False, False, True]


def test_there_is_something_to_learn_beside_the_segments():
    with pytest.raises(ValueError, match="one of several columns, and X has no other"):
        fleet().fit(rows()[0][:, :1], rows()[1])
