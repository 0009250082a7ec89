"""compare_policies by any scorer: what was served is scored, over the stream and per window."""

import itertools

import numpy as np
import pandas as pd
import pytest
from helpers import representatives, stream
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_pinball_loss,
    precision_score,
    roc_auc_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skretrain import DriftAwareRetrainer
from skretrain.drift import Periodic, RefitDebt
from skretrain.model_selection import (
    RetrainMatrix,
    compare_policies,
    prequential_predict,
    prequential_validate,
)
from skretrain.model_selection._compare._measure import _is_scorer
from skretrain.policies import FullRefit

X, Y = stream(1010, drift=500)
TEXTS = np.where(Y == 1, "yes", "no")


def live(base, window, every):
    return DriftAwareRetrainer(
        base, detector=Periodic(every), update=None, policy=FullRefit(window, grow=False)
    )


def compared(policies, scoring, base=None, y=Y, **options):
    base = GaussianNB() if base is None else base
    options = {"prices": [1, 10, 100], **options}
    return compare_policies(base, X, y, policies, scoring=scoring, **options)


SCORERS = ["average_precision", "f1", "neg_log_loss"]
DELAYS = [(0, 0), (200, 0), (100, 300)]  # of labels, and of fits


@pytest.mark.parametrize(
    ("scoring", "window", "delays"),
    representatives(
        itertools.product(SCORERS, [300, "all"], DELAYS),
        fast=list(zip(SCORERS, [300, "all", 300], DELAYS, strict=True)),
        covering=[],
    ),
)
@pytest.mark.thinned(2)
def test_a_schedule_replayed_scores_what_it_does_live(scoring, window, delays):
    """By any scorer: with probabilities, or with labels; and window by window."""
    policies = {"replayed": (Periodic(200), window), "live": live(GaussianNB(), window, 200)}
    delay, latency = delays
    found = compared(policies, scoring, label_delay=delay, fit_latency=latency)
    assert found.score("replayed") == pytest.approx(found.score("live"), abs=1e-12)
    np.testing.assert_allclose(found.batch_losses("replayed"), found.batch_losses("live"))
    assert found.cost("replayed", 0) == pytest.approx(found.cost("live", 0))


@pytest.mark.parametrize(
    ("scoring", "by_hand"),
    [
        ("average_precision", lambda y, p: average_precision_score(y, p[:, 1])),
        ("roc_auc", lambda y, p: roc_auc_score(y, p[:, 1])),
        ("neg_log_loss", lambda y, p: -log_loss(y, p)),
        (
            make_scorer(f1_score, average="macro"),
            lambda y, p: f1_score(y, p[:, 1] > 0.5, average="macro"),
        ),
        (
            lambda model, X, y: float((model.predict(X) == y).mean()),
            lambda y, p: ((p[:, 1] > 0.5) == y).mean(),
        ),
    ],
)
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_the_score_is_that_of_what_was_served(scoring, by_hand):
    """That of all rows together, and of each window: the loss is its rows times what lacks to 1."""
    base = live(GaussianNB(), "all", 200)
    served = prequential_predict(base, X, Y, method="predict_proba")
    found = compared({"live": base, "replayed": (Periodic(200), "all")}, scoring)
    for name in ("live", "replayed"):
        assert found.score(name) == pytest.approx(by_hand(Y[100:], served))
        (losses,) = found.batch_losses(name)
        bounds = np.append(0, np.cumsum(found._runs_of(name, None)[0].chunk_rows))
        assert bounds[-1] == 910
        top = 0 if scoring == "neg_log_loss" else 1
        parts = [slice(a, b) for a, b in itertools.pairwise(bounds)]
        expected = [
            (part.stop - part.start) * (top - by_hand(Y[100:][part], served[part]))
            for part in parts
        ]
        np.testing.assert_allclose(losses, expected)


@pytest.mark.no_cover
def test_a_mean_over_rows_costs_the_same_by_rows_and_by_windows():
    """Accuracy as a scorer of its own gives the scores, costs and recommendation of its name."""
    policies = {
        "never": [],
        "twice": [(4, 1000), (7, "all")],
        "weekly": (Periodic(300), "all"),
        "debt": (RefitDebt, "all"),
        "live": live(GaussianNB(), "all", 300),
    }
    by_rows = compared(policies, "accuracy", seeds=[0, 1])
    windows = compared(policies, make_scorer(accuracy_score), seeds=[0, 1])
    for name in policies:
        assert windows.score(name) == pytest.approx(by_rows.score(name))
        for price in (0, 10):
            assert windows.cost(name, price) == pytest.approx(by_rows.cost(name, price))
    assert windows.recommend(10).policy == by_rows.recommend(10).policy
    fixed = [found.regret(10, to="fixed") for found in (by_rows, windows)]
    assert fixed[0] == pytest.approx(fixed[1])
    assert "accuracy 0." in windows.recommend(10).text
    assert windows.unit == "rows x accuracy"


ACCURACY = make_scorer(accuracy_score)


@pytest.mark.parametrize(
    ("scoring", "delay"),
    representatives(
        itertools.product([ACCURACY, "average_precision"], [0, 200]),
        fast=[(ACCURACY, 0), ("average_precision", 200)],
        covering=[],
    ),
)
@pytest.mark.thinned(2)
def test_no_schedule_at_the_windows_beats_the_one_in_hindsight(scoring, delay):
    """It is the best of all that refit where windows begin, and knows no label too early."""
    found = compared({"never": []}, scoring, label_delay=delay)
    starts = [1 + start for start in found._measure.starts[1:]]
    rng = np.random.default_rng(0)
    schedules = {}
    for number in range(15):
        chosen = sorted(rng.choice(starts, size=rng.integers(1, 4), replace=False).tolist())
        schedules[str(number)] = [(c, ["all", 1000][rng.integers(2)]) for c in chosen]
    others = compared(schedules, scoring, label_delay=delay)
    for place, price in enumerate((1, 10, 100)):
        best = found.oracle["cost"][place]
        assert best <= found.cost("never", price) + 1e-9
        assert all(best <= others.cost(name, price) + 1e-9 for name in schedules)
    assert delay or found.oracle["cost"][0] < found.cost("never", 1)
    assert (np.diff(found.frontier["cpu_seconds"]) >= 0).all()


@pytest.mark.parametrize(
    ("n_rows", "batch", "share"),
    representatives([(9000, 50, 0.5), (5000, 100, 0.02)], fast=[(5000, 100, 0.02)]),
)
@pytest.mark.no_cover
def test_windows_are_whole_batches_with_rows_of_both_classes(n_rows, batch, share):
    """At most thirty of them; ten rows of a class rank something."""
    rng = np.random.default_rng(0)
    y = (rng.random(n_rows) < share).astype(int)
    found = compare_policies(
        GaussianNB(),
        rng.normal(size=(n_rows, 2)) + y[:, None],
        y,
        {"never": []},
        batch_size=batch,
        scoring="roc_auc",
        stride=20,
    )
    bounds = found._measure.bounds
    assert 2 <= len(bounds) - 1 <= 30
    assert (bounds[:-1] % batch == 0).all()
    for start, stop in itertools.pairwise(bounds):
        part = y[batch:][start:stop]
        assert min(part.sum(), (1 - part).sum()) >= 10


@pytest.mark.parametrize("base", [GaussianNB(), RidgeClassifier()])
def test_before_the_second_class_comes_models_are_sure_of_the_first(base):
    """A window of one class has a score, too: by probabilities, and by decisions."""
    y = Y.copy()
    y[:310] = 0
    policies = {"never": [], "often": [(chunk, 1000) for chunk in range(2, 10)]}
    found = compare_policies(
        base, X, y, policies, scoring="average_precision", initial_size=150, batch_size=80, prices=1
    )
    share = y[150:].mean()
    assert found.score("never") == pytest.approx(share)  # all rows alike: the share of the class
    assert found.score("often") > share


@pytest.mark.no_cover
def test_three_classes_of_text_are_scored_too():
    rng = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[rng.integers(0, 3, 600)]
    rows = rng.normal(size=(600, 2)) + np.where(y == "b", 2, 0)[:, None]
    rows[y == "c", 1] -= 3
    policies = {"replayed": (Periodic(200), "all"), "live": live(LogisticRegression(), "all", 200)}
    found = compare_policies(
        LogisticRegression(), rows, y, policies, scoring="roc_auc_ovr", prices=1
    )
    assert found.score("replayed") == pytest.approx(found.score("live"))
    assert found.score("live") > 0.9


@pytest.mark.no_cover
def test_a_loss_of_regressors_is_shown_as_one():
    """Of a pinball loss, what is shown is the loss, and the lower is the better."""
    rng = np.random.default_rng(0)
    y = X[:, 0] * np.where(np.arange(len(X)) < 500, 1, -1) + rng.normal(size=len(X)) / 5
    pinball = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
    policies = {
        "never": [],
        "often": (Periodic(100), 1000),
        "live": live(LinearRegression(), 1000, 100),
    }
    found = compare_policies(LinearRegression(), X, y, policies, scoring=pinball, prices=[0.1])
    result = prequential_validate(policies["live"], X, y)
    by_hand = mean_pinball_loss(result.y_true, result.y_pred, alpha=0.9)
    assert found.score("live") == pytest.approx(-by_hand)
    assert found.score("often") == pytest.approx(-by_hand)
    assert f"mean pinball loss {by_hand:.3f}, 10 fits" in found.recommend().text
    assert found.cost("live", 0) == pytest.approx(by_hand * 910)


def compared_over_cities(strange, n=600):
    """Return the parts of a comparison whose models cannot read the rows of a strange city."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"city": rng.choice(["Rome", "Oslo"], n), "x": rng.normal(size=n)})
    y = (table.x > 0).astype(int).to_numpy()
    table.loc[np.arange(n)[strange], "city"] = "Bonn"
    base = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
        LogisticRegression(),
    )
    policies = {"never": [], "live": live(base, "all", 10_000)}
    found = compare_policies(
        base, table, y, policies, scoring="roc_auc", initial_size=100, batch_size=50, prices=1
    )
    return base, table, y, found


@pytest.mark.no_cover
def test_rows_that_cannot_be_read_are_in_no_score():
    """They cost what the others of their window do, and are counted."""
    base, table, y, found = compared_over_cities(slice(330, 341))
    for name in ("never", "live"):
        assert found.n_unpredicted(name) == 11
    read = np.setdiff1d(np.arange(100, 600), np.arange(330, 341))
    model = base.fit(table[:100], y[:100])
    by_hand = get_scorer("roc_auc")(model, table.iloc[read], y[read])
    assert found.score("never") == pytest.approx(by_hand)
    assert np.isfinite(found.cost("never", 1))


@pytest.mark.parametrize(
    ("strange", "n"),
    representatives([(slice(250, 400), 600), (slice(100, None), 200)], [(slice(100, None), 200)]),
)
def test_windows_of_which_nothing_can_be_read_cost_what_others_do(strange, n):
    """Where nothing at all can be read, there is no score, and the cost has no end."""
    *_, found = compared_over_cities(strange, n)
    unread = len(np.arange(n)[strange])
    assert found.n_unpredicted("never") == unread
    if unread == n - 100:
        assert np.isnan(found.score("never"))
        assert found.cost("never", 1) == np.inf
    else:
        (losses,) = found.batch_losses("never")
        rows = np.diff(found.windows)
        whole = [a >= 150 and b <= 300 for a, b in itertools.pairwise(found.windows)]
        assert sum(whole) >= 2
        expected = rows * (1 - found.score("never"))
        np.testing.assert_allclose(losses[whole], expected[whole])
    assert found.score("live") > 0.9


def test_what_has_no_signature_is_a_loss_per_row():
    assert not _is_scorer(max)


def test_a_rare_class_is_compared_by_its_average_precision():
    """Unless prices are given, which count errors."""
    rng = np.random.default_rng(0)
    y = np.where(rng.random(2000) < 0.03, "fraud", "ok")
    rows = rng.normal(size=(2000, 3)) + (y == "fraud")[:, None]
    options = {"batch_size": 400, "policies": {"never": []}}
    found = compare_policies(LogisticRegression(), rows, y, **options)
    model = LogisticRegression().fit(rows[:400], y[:400])
    by_hand = average_precision_score(y[400:] == "fraud", model.predict_proba(rows[400:])[:, 0])
    assert found.scoring == "average precision of 'fraud'"
    assert found.score("never") == pytest.approx(by_hand)
    assert "'fraud' has 3" in found.why
    priced = compare_policies(LogisticRegression(), rows, y, prices=5, **options)
    assert (priced.scoring, priced.unit, priced.why) == ("accuracy", "errors", "")


def test_a_score_that_a_window_does_not_define_names_the_rows():
    y = Y.copy()
    y[900:] = 1
    y[100:900] = 1
    with pytest.raises(ValueError, match="only one class|Only one class") as error:
        compared({"never": []}, make_scorer(_undefined), y=y)
    assert any("a window of the comparison" in note for note in error.value.__notes__)


def _undefined(y_true, y_pred):
    if len(np.unique(y_true)) == 1:
        raise ValueError("Only one class")
    return 1.0


@pytest.mark.no_cover
def test_the_answers_of_an_evaluation_are_kept_by_method():
    """What scorers asked for, with a column for each of the classes in the end."""
    result = prequential_validate(
        DriftAwareRetrainer(GaussianNB()), X, TEXTS, scoring=["accuracy", "neg_log_loss"]
    )
    proba = prequential_predict(DriftAwareRetrainer(GaussianNB()), X, TEXTS, method="predict_proba")
    np.testing.assert_array_equal(result.outputs["predict_proba"], proba)
    np.testing.assert_array_equal(result.outputs["predict"], result.y_pred)
    assert result.classes.tolist() == ["no", "yes"]
    assert set(result.outputs) == {"predict", "predict_proba"}


def test_a_batch_that_defines_no_score_has_none():
    """Without a positive row, a precision would be zero, and its warning would be told again."""
    y = Y.copy()
    y[300:400] = 0
    result = prequential_validate(GaussianNB(), X, y, scoring=["average_precision", "recall"])
    for scores in result.batch_scores.values():
        assert np.isnan(scores[2])
        assert np.isfinite(np.delete(scores, 2)).all()


def test_a_loss_per_row_is_told_from_a_scorer_by_what_it_takes():
    def off(y_true, y_pred, weight=1.0):
        return weight * (y_true != y_pred)

    assert compared({"never": []}, off).scoring == "neg_mean_off"
    assert compared({"never": []}, np.not_equal).scoring == "neg_mean_not_equal"
    assert RetrainMatrix(GaussianNB(), loss=off).fit(X, Y).replay([]).loss == pytest.approx(
        compared({"never": []}, off).cost("never", 0)
    )


def test_a_score_that_is_no_number_is_refused():
    """Not handed on as costs that nobody can compare."""
    undefined = make_scorer(precision_score, zero_division=np.nan)
    never_says_one = DummyClassifier(strategy="constant", constant=0)
    with pytest.raises(ValueError, match="the precision is nan") as error:
        compared({"never": []}, undefined, base=never_says_one)
    assert any(note.startswith("scoring: ") for note in error.value.__notes__)


def test_targets_in_a_list_are_counted_as_in_an_array():
    y = np.where(np.arange(1010) % 30 == 7, "fraud", "ok")
    options = {"policies": {"never": []}, "batch_size": 200}
    listed = compare_policies(GaussianNB(), X, y.tolist(), **options)
    assert listed.why == compare_policies(GaussianNB(), X, y, **options).why
    assert "'fraud' has 3.4 %" in listed.why


def test_a_rare_class_that_hardly_comes_after_the_first_fit_is_not_ranked():
    """Twenty rows of it make two windows; fewer show nothing, and errors are compared."""
    y = np.where(np.arange(1010) % 30 == 7, "fraud", "ok")
    y[400:] = "ok"
    found = compare_policies(GaussianNB(), X, y, {"never": []}, batch_size=200)
    assert (found.scoring, found.why) == ("accuracy", "")


@pytest.mark.no_cover
def test_each_model_is_asked_once_for_what_a_score_takes():
    """Of several answers that would do, the first; and no labels, where none are asked for."""
    found = compared({"never": []}, "average_precision", base=LogisticRegression())
    kept = {tuple(outputs) for outputs, *_ in found.matrices[0].answers_.values()}
    assert kept == {("decision_function",)}
    labels = compared({"never": []}, "f1").matrices[0].answers_
    assert {tuple(outputs) for outputs, *_ in labels.values()} == {("predict",)}
