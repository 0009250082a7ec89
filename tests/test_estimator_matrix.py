"""Every estimator under every policy works, or says why not; the user guide shows how."""

import warnings

import matrix_page
import numpy as np
import pytest
from estimator_matrix import (
    CLASS_CHANGES,
    DRIFT,
    ENTRIES,
    EXCLUDED,
    N_ROWS,
    SIZE,
    TARGET_CHANGES,
    Entry,
    assert_answers,
    row,
    run,
)
from helpers import representatives
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import all_estimators

from skretrain import DriftAwareRetrainer
from skretrain.policies import Candidate, FullRefit
from skretrain.utils.estimator_checks import ScriptedDetector

pytestmark = pytest.mark.no_cover

# One of each family; the others run with the slow tests.
REPRESENTATIVES = [
    "DecisionTreeClassifier",
    "FixedThresholdClassifier",
    "GaussianNB",
    "GridSearchCV(Ridge)",
    "HistGradientBoostingRegressor",
    "LGBMRegressor",
    "MultiOutputRegressor",
    "RecursiveRidgeRegressor",
    "Ridge, 2 targets",
    "River2SKLClassifier",
    "SGDRegressor",
]


@pytest.mark.parametrize("name", representatives(sorted(ENTRIES), REPRESENTATIVES))
def test_every_estimator_works_or_says_why_not(name):
    shown = matrix_page.shown(row(name))
    assert shown == matrix_page.committed()[0][name], "run `make matrix`"


def test_every_estimator_is_in_the_matrix_or_left_out_for_a_reason():
    kinds = ("classifier", "regressor")
    names = {name for kind in kinds for name, _ in all_estimators(type_filter=kind)}
    assert names == {name for name in ENTRIES if name in names} | EXCLUDED.keys()
    assert all(EXCLUDED.values())


def test_the_page_has_a_row_per_estimator_and_is_what_the_script_writes():
    rows, made = matrix_page.committed()
    assert sorted(rows) == sorted(ENTRIES)
    assert matrix_page.page(rows, made) == matrix_page.PAGE.read_text()


@pytest.mark.parametrize("change", [*CLASS_CHANGES, *TARGET_CHANGES])
def test_a_model_of_the_old_concept_does_not_pass(change):
    """So that "better than chance after the drift" means something."""
    entry = ENTRIES["Ridge" if change in TARGET_CHANGES else "LogisticRegression"]
    stream = entry.stream(change)
    model = DriftAwareRetrainer(entry.make(), detector=None, policy=FullRefit(grow=False))
    model.fit(stream.X[:DRIFT], stream.y[:DRIFT])
    with pytest.raises(AssertionError):
        assert_answers(entry, model, stream)


class _Claims(FullRefit):
    """Claim a row more than were fitted."""

    def propose(self, context):
        candidate = super().propose(context)
        return candidate._replace(n_rows=candidate.n_rows + 1)


class _Changes(FullRefit):
    """Change the serving model's kind of answer: no probabilities for the last class."""

    def propose(self, context):
        rows = context.window()
        rows = rows._replace(X=rows.X[rows.y != "cedar"], y=rows.y[rows.y != "cedar"])
        return Candidate(context.learner.fresh(rows, context.number), "full_refit", len(rows.y))


class _NeedsAllClasses(GaussianNB):
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if len(np.unique(y)) < len(self.classes_):
            raise RuntimeError("a class is missing")
        return super().partial_fit(X, y, classes, sample_weight)


class _Warns(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        warnings.warn("of something", RuntimeWarning, stacklevel=2)
        return super().fit(X, y, sample_weight)


def _classifier(make):
    return Entry("classifier", "classifier", make)


@pytest.mark.parametrize(
    ("make", "policy", "change", "error"),
    [
        (GaussianNB, _Claims(), "same classes", AssertionError),
        (GaussianNB, _Changes(), "same classes", AssertionError),
        (_NeedsAllClasses, "warm_start", "fewer classes", RuntimeError),
        (_Warns, "full_refit", "same classes", RuntimeWarning),
    ],
    ids=["wrong claim", "lost class", "crash", "warning"],
)
def test_what_goes_wrong_is_found(make, policy, change, error):
    """The matrix is worth as much as what turns it red."""
    with pytest.raises(error):
        run(_classifier(make), policy, change)


_SEVERAL = [name for name, entry in ENTRIES.items() if "outputs" in entry.section]
_FAST = [
    "ClassifierChain",
    "DecisionTreeClassifier, multilabel",
    "ExtraTreesClassifier, 2 outputs",
    "MLPRegressor, 2 targets",
    "MultiOutputClassifier",
    "Ridge, 2 targets",
]


@pytest.mark.parametrize("name", representatives(_SEVERAL, _FAST))
def test_several_outputs_may_begin_with_partial_fit(name):
    entry = ENTRIES[name]
    (change,) = entry.changes
    stream = entry.stream(change)
    model = DriftAwareRetrainer(entry.make(), detector=ScriptedDetector([DRIFT]), random_state=0)
    for start in range(0, N_ROWS, SIZE):
        batch = slice(start, start + SIZE)
        model.partial_fit(stream.X[batch], stream.y[batch])
    assert model.n_refits_ > 0
    assert_answers(entry, model, stream)
