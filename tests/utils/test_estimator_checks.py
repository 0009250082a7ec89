"""The checks for retrainers: each finds the fault it is for, and sound retrainers pass them all."""

import pickle

import numpy as np
import pytest
import sklearn
from helpers import representatives, state_of
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import (
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.drift import FitRecord, Periodic, ScoredBatch
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.policies import WarmStart
from skretrain.utils import estimator_checks
from skretrain.utils.estimator_checks import (
    ScriptedDetector,
    check_retrainer,
    parametrize_with_retrainer_checks,
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Fits of 20 rows gain nothing from threads, and pytest's workers share the cores."""
    with threadpool_limits(limits=1):
        yield


# -- ScriptedDetector --------------------------------------------------------------------------


def _states(detector, *starts, n_rows=10):
    signals = [detector.update(ScoredBatch(start, n_rows)) for start in starts]
    return [(signal.state, signal.since) for signal in signals]


def test_it_rings_on_the_batch_that_contains_a_scripted_row_and_on_no_other():
    stable = ("stable", None)
    assert _states(ScriptedDetector([10, 29]), 0, 10, 20, 30) == [
        stable,
        ("drift", 10),
        ("drift", 29),
        stable,
    ]


def test_of_several_rows_in_one_batch_the_earliest_is_announced():
    assert _states(ScriptedDetector(np.array([17, 12, 15])), 10) == [("drift", 12)]


def test_it_writes_down_what_it_is_told_until_it_is_reset():
    detector = ScriptedDetector([5])
    detector.after_fit(FitRecord(10, 10, 0, "first_fit", 0.0, 0.0), None, False)
    _states(detector, 10, 20)
    detector.after_fit(FitRecord(30, 10, 20, "full_refit", 0.0, 0.0), None, True)
    assert detector.updates_ == [(10, 10), (20, 10)]
    assert detector.fits_ == [(10, False), (30, True)]
    detector.reset()
    assert detector.updates_ == detector.fits_ == []


@pytest.mark.parametrize("rows", [[-1], [1.5], ["a"]])
def test_rows_that_are_no_stream_rows_are_refused_when_used(rows):
    with pytest.raises(ValueError, match="ScriptedDetector\\(rows="):
        ScriptedDetector(rows).reset()


def test_a_clone_is_blank_and_a_pickle_is_not():
    detector = ScriptedDetector((5,))
    _states(detector, 0)
    assert not hasattr(clone(detector), "updates_")
    assert pickle.loads(pickle.dumps(detector)).updates_ == [(0, 10)]


# -- sound retrainers --------------------------------------------------------------------------


class Noisy(GaussianNB):
    """Says that two fits may differ."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags


class TwoClasses(GaussianNB):
    """Takes two classes."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class WeightlessSteps(GaussianNB):
    """Takes weights in ``fit`` alone."""

    def partial_fit(self, X, y, classes=None):
        return super().partial_fit(X, y, classes)


SOUND = [
    *(wrapper(base) for wrapper in (DriftAwareRetrainer, ReplayPartialFit) for base in (
        SGDClassifier(loss="log_loss"),
        LogisticRegression(random_state=3),
        DummyClassifier(),
        MultinomialNB(),
        Noisy(),
        TwoClasses(),
        WeightlessSteps(),
        PoissonRegressor(),
        MiniBatchKMeans(n_clusters=2, n_init=1),
    )),
    DriftAwareRetrainer(LocalOutlierFactor(), detector=None),
    DriftAwareRetrainer(IsolationForest(n_estimators=3)),
    ReplayPartialFit(SGDClassifier(), ratio=0.5, n_passes=2, buffer=Reservoir(70), random_state=1),
    ReplayPartialFit(GaussianNB(), buffer=Reservoir(70, balance=True), new_classes="raise"),
    DriftAwareRetrainer(LogisticRegression(), update=WarmStart(), policy="warm_start"),
    DriftAwareRetrainer(GaussianNB(), policy="replay_mix", batch_size=30, initial_size=40),
    DriftAwareRetrainer(GaussianNB(), detector=[Periodic(30), "adwin"], buffer=SlidingWindow(90)),
    DriftAwareRetrainer(DecisionTreeClassifier(), detector=None, update="full_refit"),
    DriftAwareRetrainer(Ridge(), dry_run=True, initial_size=150),
    DriftAwareRetrainer(make_pipeline(ReplayPartialFit(GaussianNB()))),
    MixtureRetrainer([("one", DriftAwareRetrainer(GaussianNB()))]),
    MixtureRetrainer(
        [
            ("updated", DriftAwareRetrainer(GaussianNB(), new_classes="raise")),
            ("refitted", DriftAwareRetrainer(LogisticRegression(), update=None, dry_run=True)),
            ("replayed", ReplayPartialFit(SGDClassifier(), buffer=Reservoir(70), random_state=1)),
        ],
        random_state=3,
    ),
    MixtureRetrainer(
        [
            ("a", DriftAwareRetrainer(SGDClassifier(loss="log_loss"), detector=None)),
            ("b", DriftAwareRetrainer(DecisionTreeClassifier(), initial_size=150)),
            ("c", ReplayPartialFit(WeightlessSteps())),
            ("d", DriftAwareRetrainer(Noisy(), detector=Periodic(30))),
        ],
        budget=0.3,
    ),
    MixtureRetrainer(
        [
            ("two classes", DriftAwareRetrainer(TwoClasses())),
            ("more", DriftAwareRetrainer(GaussianNB())),
        ],
    ),
    MixtureRetrainer(
        [
            ("counts", DriftAwareRetrainer(PoissonRegressor())),
            ("line", ReplayPartialFit(SGDRegressor())),
            ("tree", DriftAwareRetrainer(DecisionTreeRegressor(), update=None)),
        ],
        budget=0.5,
    ),
    DriftAwareRetrainer(RecursiveRidgeClassifier(forgetting=(0.99, 0.999))),
    ReplayPartialFit(RecursiveRidgeClassifier(forgetting=(0.99, 0.999))),
    DriftAwareRetrainer(RecursiveRidgeRegressor(forgetting=(0.99, 0.999)), policy="warm_start"),
    ReplayPartialFit(RecursiveRidgeRegressor(), ratio=0.5, n_passes=2),
    DriftAwareRetrainer(make_pipeline(StandardScaler(), RecursiveRidgeClassifier())),
    MixtureRetrainer(
        [
            ("updated", DriftAwareRetrainer(RecursiveRidgeClassifier(), detector=None)),
            ("replayed", ReplayPartialFit(RecursiveRidgeClassifier(forgetting=(0.9, 0.99)))),
        ],
    ),
]  # fmt: skip


# Between them they reach every line of the checks that sound retrainers reach.
FAST = [SOUND[at] for at in (2, 8, 12, 13, 19, 27, 29)]


@pytest.mark.parametrize(
    "retrainer",
    representatives(SOUND, FAST),
    ids=lambda retrainer: "".join(repr(retrainer).split()),
)
def test_a_sound_retrainer_passes_and_is_not_touched(retrainer):
    before = repr(retrainer)
    check_retrainer(retrainer)
    assert repr(retrainer) == before
    assert not hasattr(retrainer, "estimator_")
    assert not hasattr(retrainer, "estimators_")


def _names(retrainer):
    mark = parametrize_with_retrainer_checks([retrainer])
    return {parameter.id.split("-")[-1] for parameter in mark.args[1]}


def test_tags_decide_which_checks_apply():
    """Nothing is skipped in silence: what is not run is not there."""
    of_classifier = _names(DriftAwareRetrainer(GaussianNB()))
    everything = {check.__name__ for check, _ in estimator_checks._CHECKS}
    assert everything - of_classifier == {"check_classes_are_ignored"}
    with_detector = {
        "check_detector_is_used_blank",
        "check_loss_precedes_learning",
        "check_alarm_is_answered",
    }
    assert of_classifier - _names(ReplayPartialFit(GaussianNB())) == with_detector
    assert of_classifier - _names(DriftAwareRetrainer(TwoClasses())) == {
        "check_declared_classes_count",
        "check_new_class_grows",
        "check_new_class_is_refused",
    }
    assert of_classifier - _names(DriftAwareRetrainer(Noisy())) == {
        "check_clone_forgets",
        "check_second_fit_forgets",
        "check_pickle_continues",
        "check_weight_equals_repetition",
    }
    about_weights = {
        "check_weight_equals_repetition",
        "check_zero_weight_batch_changes_no_model",
    }
    assert of_classifier - _names(DriftAwareRetrainer(WeightlessSteps())) == about_weights
    with sklearn.config_context(enable_metadata_routing=True):
        assert of_classifier - _names(DriftAwareRetrainer(GaussianNB())) == about_weights


def mixture_of(*bases, kind=MixtureRetrainer, **params):
    members = [(f"{number}", DriftAwareRetrainer(base)) for number, base in enumerate(bases)]
    return kind(members, **params)


@pytest.mark.no_cover
def test_a_mixture_is_checked_as_a_whole():
    """It has no detector and no memory of its own; what its members lack, it lacks."""
    of_one = _names(DriftAwareRetrainer(GaussianNB()))
    of_parts = {
        "check_detector_is_used_blank",
        "check_loss_precedes_learning",
        "check_alarm_is_answered",
        "check_memory_is_bounded",
        "check_memory_is_aligned",
        "check_weight_equals_repetition",
    }
    assert of_one - _names(mixture_of(GaussianNB(), LogisticRegression())) == of_parts
    assert of_one - _names(mixture_of(GaussianNB(), TwoClasses())) == of_parts | {
        "check_declared_classes_count",
        "check_new_class_grows",
        "check_new_class_is_refused",
    }
    assert of_one - _names(mixture_of(GaussianNB(), Noisy())) == of_parts | {
        "check_clone_forgets",
        "check_second_fit_forgets",
        "check_pickle_continues",
    }
    assert of_one - _names(mixture_of(GaussianNB(), WeightlessSteps())) == of_parts | {
        "check_zero_weight_batch_changes_no_model",
    }
    of_regressor = _names(mixture_of(Ridge()))
    assert _names(DriftAwareRetrainer(Ridge())) - of_regressor == of_parts
    with pytest.raises(ValueError, match="cannot be checked"):
        check_retrainer(mixture_of(GaussianNB(), CountVectorizer()))


@pytest.mark.no_cover
def test_the_checks_pass_with_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        check_retrainer(DriftAwareRetrainer(GaussianNB()))
        check_retrainer(mixture_of(GaussianNB(), LogisticRegression()))


@pytest.mark.parametrize(
    ("base", "holds"),
    [(GaussianNB(), True), (Ridge(), True), (SGDClassifier(), False), (IsolationForest(), False)],
    ids=repr,
)
def test_weights_are_compared_with_repetition_where_the_bare_base_equals_it(base, holds):
    retrainer = DriftAwareRetrainer(base)
    rows, weight = estimator_checks._stream(retrainer).first, np.arange(100) % 4
    assert estimator_checks._repetition_holds(retrainer, rows, weight) is holds


# -- faulty retrainers -------------------------------------------------------------------------


class FitsItsArgument(ReplayPartialFit):
    def fit(self, X, y=None, **params):
        self.estimator.fit(X, y)
        return super().fit(X, y, **params)


class ChangesItsArgument(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        self.ratio = self.ratio / 2
        return super().partial_fit(X, y, classes, **params)


class UsesTheDetectorItself(DriftAwareRetrainer):
    def _make_parts(self, learner, seed):
        _, *others = super()._make_parts(learner, seed)
        return self.detector.reset(), *others


class CopiesAUsedDetector(DriftAwareRetrainer):
    def _make_parts(self, learner, seed):
        _, *others = super()._make_parts(learner, seed)
        used = pickle.loads(pickle.dumps(self.detector))
        return used if hasattr(used, "updates_") else used.reset(), *others


class ClonesWithItsPast(ReplayPartialFit):
    def __sklearn_clone__(self):
        return pickle.loads(pickle.dumps(self))


class ContinuesInFit(ReplayPartialFit):
    def fit(self, X, y=None, **params):
        again = hasattr(self, "estimator_")
        return (super().partial_fit if again else super().fit)(X, y, **params)


class LosesItsSeedInPickles(ReplayPartialFit):
    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "_cycle"):
            learned = state_of(self)
            learned.settings = learned.settings._replace(seed=99)


class HasTheModelTooEarly(ReplayPartialFit):
    @property
    def estimator_(self):
        return self._snapshot.model if hasattr(self, "_cycle") else self.estimator


class HidesFailures(ReplayPartialFit):
    def fit(self, X, y=None, **params):
        try:
            return super().fit(X, y, **params)
        except Exception:
            return self


class PredictsUnfitted(ReplayPartialFit):
    def predict(self, X):
        return super().predict(X) if hasattr(self, "estimator_") else np.zeros(len(X))


class ForgetsBeforeItFits(ReplayPartialFit):
    def fit(self, X, y=None, **params):
        self.__dict__.pop("_cycle", None)
        return super().fit(X, y, **params)


class CountsFeaturesBeforeItFits(ReplayPartialFit):
    def fit(self, X, y=None, **params):
        try:
            return super().fit(X, y, **params)
        except Exception:
            self.n_features_in_ = X.shape[1]
            raise


class RemembersABadBatch(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        try:
            return super().partial_fit(X, y, classes, **params)
        except ValueError:
            self.buffer_.add(np.zeros((1, self.n_features_in_)), np.zeros(1, dtype=int))
            raise


class DropsABadBatchSilently(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        try:
            return super().partial_fit(X, y, classes, **params)
        except ValueError:
            return self


class CountsPredictions(ReplayPartialFit):
    def predict(self, X):
        self._n_predicted = getattr(self, "_n_predicted", 0) + len(X)
        return super().predict(X)


class PredictsPerBatch(ReplayPartialFit):
    def predict(self, X):
        return np.full(len(X), super().predict(X)[0])


class CannotStartWithPartialFit(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        if not hasattr(self, "estimator_"):
            return self
        return super().partial_fit(X, y, classes, **params)


class LearnsTwice(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        super().partial_fit(X, y, classes, **params)
        return super().partial_fit(X, y, classes, **params)


class CountsWithoutRemembering(ReplayPartialFit):
    def _learn(self, examination):
        super()._learn(examination)
        self.buffer_.reset()


class WritesTwoEvents(ReplayPartialFit):
    def _learn(self, examination):
        super()._learn(examination)
        self.events_.counts["kept"] += 1


class ShowsABatchTwice(DriftAwareRetrainer):
    def _learn(self, examination):
        super()._learn(examination)
        updates = self.detector_.updates_
        updates.append(updates[-1])


class NeedsTwoRows(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        return self if len(X) == 1 else super().partial_fit(X, y, classes, **params)


class LogsEmptyBatches(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        if not len(X):
            self.events_.counts["kept"] += 1
        return super().partial_fit(X, y, classes, **params)


class TrainsBeforeItTests(DriftAwareRetrainer):
    def _examine(self, X, y, classes, params):
        trained = clone(self.estimator).fit(X, y)
        state_of(self).service.replace(trained, self.classes_)
        return super()._examine(X, y, classes, params)


class IgnoresAlarms(DriftAwareRetrainer):
    def _new_cycle(self):
        cycle = super()._new_cycle()
        cycle.state.settings = cycle.state.settings._replace(dry_run=True)
        return cycle


class CountsAlarmsTwice(DriftAwareRetrainer):
    n_alarms_ = property(lambda self: 2 * state_of(self).n_alarms)


class CountsNoRefits(DriftAwareRetrainer):
    n_refits_ = 0


class DoesNotTellTheDetector(DriftAwareRetrainer):
    def _new_cycle(self):
        cycle = super()._new_cycle()
        cycle.state.tell_trigger = _say_nothing
        return cycle


def _say_nothing(record, *, answered):
    if not answered:
        return


class RepeatsTheAlarm(DriftAwareRetrainer):
    def _learn(self, examination):
        super()._learn(examination)
        state_of(self).n_alarms += self.n_samples_seen_ > 150


class SharesCoefficients(ReplayPartialFit):
    def _examine(self, X, y, classes, params):
        self.estimator_.partial_fit(X, y)
        return super()._examine(X, y, classes, params)


class HasClasses(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        self._classes = classes
        return super().partial_fit(X, y, classes, **params)

    classes_ = property(lambda self: self._classes)


class DropsClasses(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        return super().partial_fit(X, y, **params)


class HasTheClassesOfTheBatch(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        self._classes = np.unique(y)
        return super().partial_fit(X, y, classes, **params)

    classes_ = property(lambda self: self._classes)


class AppendsClasses(ReplayPartialFit):
    classes_ = property(lambda self: np.roll(super().classes_, -1))


class SwapsProbabilities(ReplayPartialFit):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, ::-1]


class LosesProbability(ReplayPartialFit):
    def predict_proba(self, X):
        return 0.9 * super().predict_proba(X)


class SwapsDecisions(ReplayPartialFit):
    def decision_function(self, X):
        return super().decision_function(X)[..., ::-1]


class ServesWithoutNewClasses(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        model = self.estimator_
        super().partial_fit(X, y, classes, **params)
        state_of(self).service.replace(model, self.classes_)
        return self


class TakesEveryClass(ReplayPartialFit):
    def _new_cycle(self):
        cycle = super()._new_cycle()
        cycle.state.labels.grow = True
        return cycle


class DeclaresWhatItRefuses(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        if hasattr(self, "estimator_") and not np.isin(y, self.classes_).all():
            state_of(self).labels.declared = np.unique(y)
        return super().partial_fit(X, y, classes, **params)


class PredictsPositions(ReplayPartialFit):
    def predict(self, X):
        return np.searchsorted(self.classes_, super().predict(X))


class ReversesText(ReplayPartialFit):
    @property
    def classes_(self):
        classes = super().classes_
        return classes if classes.dtype.kind != "U" else classes[::-1]


class LearnsTextOtherwise(ReplayPartialFit):
    def predict(self, X):
        predicted = super().predict(X)
        return predicted if predicted.dtype.kind != "U" else np.full_like(predicted, "yes")


class _OtherMetadata:
    def fit(self, X, y=None, **params):
        return super().fit(X, y, **self.changed(params))

    def partial_fit(self, X, y=None, classes=None, **params):
        return super().partial_fit(X, y, classes, **self.changed(params))


class LearnsRowsOfNoWeight(_OtherMetadata, ReplayPartialFit):
    def changed(self, params):
        return {name: np.maximum(values, 0.1) for name, values in params.items()}


class SkipsRowsOfNoWeight(ReplayPartialFit):
    def partial_fit(self, X, y=None, classes=None, **params):
        if not params["sample_weight"].any():
            return self
        return super().partial_fit(X, y, classes, **params)


class ScoresRowsOfNoWeight(DriftAwareRetrainer):
    def partial_fit(self, X, y=None, classes=None, **params):
        super().partial_fit(X, y, classes, **params)
        self.detector_.losses_[-1] = np.zeros(len(X))
        return self


class IgnoresWeights(_OtherMetadata, ReplayPartialFit):
    def changed(self, params):
        return {}


class ForgetsWeights(DriftAwareRetrainer):
    def partial_fit(self, X, y=None, classes=None, **params):
        return super().partial_fit(X, y, classes)


class RemembersTooMuch(ReplayPartialFit):
    def _new_cycle(self):
        cycle = super()._new_cycle()
        buffer = SlidingWindow(1000).reset().set_params(max_rows=50)
        cycle.state.parts = cycle.state.parts._replace(buffer=buffer)
        return cycle


class ShufflesTargets(ReplayPartialFit):
    def _examine(self, X, y, classes, params):
        return super()._examine(X, np.asarray(y)[::-1], classes, params)


class RemembersNoMetadata(_OtherMetadata, ReplayPartialFit):
    def changed(self, params):
        return {}


class MixtureOfArguments(MixtureRetrainer):
    def fit(self, X, y, **params):
        super().fit(X, y, **params)
        self._engine.members = [member.fit(X, y) for _, member in self.estimators]
        return self


class RelearnsInTurns(MixtureRetrainer):
    def partial_fit(self, X, y=None, classes=None, **params):
        super().partial_fit(X, y, classes, **params)
        self.estimators_[0].partial_fit(X, y)
        return self


class LosesAMember(MixtureRetrainer):
    def partial_fit(self, X, y=None, classes=None, **params):
        before = pickle.dumps(self.estimators_[-1])
        super().partial_fit(X, y, classes, **params)
        self._engine.members[-1] = pickle.loads(before)
        return self


class WeighsRowsOfNoWeight(MixtureRetrainer):
    def partial_fit(self, X, y=None, classes=None, **params):
        super().partial_fit(X, y, classes, **params)
        self._engine.shares.update(np.arange(len(self.estimators)), len(X))
        self._engine._serve()
        return self


class WeighsABadBatch(MixtureRetrainer):
    def partial_fit(self, X, y=None, classes=None, **params):
        try:
            return super().partial_fit(X, y, classes, **params)
        except ValueError:
            self._engine._serve()
            raise


class HasMembersTooEarly(MixtureRetrainer):
    @property
    def estimators_(self):
        return self._engine.members if hasattr(self, "_engine") else self.estimators


class SwapsMeans(MixtureRetrainer):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, ::-1]


class HasNoMean(MixtureRetrainer):
    def predict_proba(self, X):
        proba = super().predict_proba(X)
        return 0.9 * proba + 0.1 / proba.shape[1]


class ClonesAMixtureWithItsPast(MixtureRetrainer):
    def __sklearn_clone__(self):
        return pickle.loads(pickle.dumps(self))


class IgnoresNewLabels(MixtureRetrainer):
    classes_ = property(lambda self: super().classes_[:2])


NB = GaussianNB()
SGD = SGDClassifier(loss="log_loss")
FAULTY = [
    ("constructor_arguments_stay", FitsItsArgument(NB), "fit changed a parameter"),
    ("constructor_arguments_stay", ChangesItsArgument(NB), "partial_fit changed a parameter"),
    ("detector_is_used_blank", UsesTheDetectorItself(NB), "must be copied"),
    ("detector_is_used_blank", CopiesAUsedDetector(NB), "must start blank"),
    ("clone_forgets", ClonesWithItsPast(NB), "must not have estimator_"),
    ("second_fit_forgets", ContinuesInFit(NB), "differs from the first"),
    ("pickle_continues", LosesItsSeedInPickles(NB), "pickled at row 100"),
    ("failed_first_fit_leaves_nothing", HasTheModelTooEarly(NB), "estimator_ must be absent"),
    ("failed_first_fit_leaves_nothing", HidesFailures(NB), "must raise what the base raises"),
    ("failed_first_fit_leaves_nothing", PredictsUnfitted(NB), "must raise NotFittedError"),
    ("failed_second_fit_changes_nothing", HidesFailures(NB), "must raise what the base raises"),
    ("failed_second_fit_changes_nothing", CountsFeaturesBeforeItFits(NB), "n_features_in_"),
    ("bad_input_is_refused", RemembersABadBatch(NB), "must leave no trace"),
    ("bad_input_is_refused", DropsABadBatchSilently(NB), "must raise ValueError"),
    ("predict_changes_nothing", CountsPredictions(NB), "must change nothing"),
    ("predict_ignores_batch_size", PredictsPerBatch(NB), "depend on the batch size"),
    ("partial_fit_starts_blank_objects", CannotStartWithPartialFit(NB), "estimator_ must exist"),
    ("every_row_counts_once", LearnsTwice(NB), "n_samples_seen_ is 300"),
    ("every_row_counts_once", CountsWithoutRemembering(NB), "must remember the rows"),
    ("every_row_counts_once", WritesTwoEvents(NB), "5 batches made 10 events"),
    ("every_row_counts_once", ShowsABatchTwice(NB), "must see every batch once"),
    ("one_row_at_a_time", NeedsTwoRows(NB), "n_samples_seen_ is 100"),
    ("empty_batch_changes_nothing", LogsEmptyBatches(NB), "must change nothing"),
    ("loss_precedes_learning", TrainsBeforeItTests(DecisionTreeClassifier()), "losses must come"),
    ("alarm_is_answered", IgnoresAlarms(NB), "made the event"),
    ("alarm_is_answered", CountsAlarmsTwice(NB), "n_alarms_=2"),
    ("alarm_is_answered", CountsNoRefits(NB), "answered by one new model"),
    ("alarm_is_answered", DoesNotTellTheDetector(NB), "must hear"),
    ("alarm_is_answered", RepeatsTheAlarm(NB), "repeat the alarm"),
    ("replaced_models_stay", SharesCoefficients(SGD), "had served before"),
    ("classes_are_ignored", HasClasses(Ridge()), "classes_ must not exist"),
    ("declared_classes_count", DropsClasses(NB), "as soon as it is declared"),
    ("declared_classes_count", SwapsProbabilities(NB), "must follow classes_"),
    ("declared_classes_count", LosesProbability(NB), "must add up to 1"),
    ("declared_classes_count", SwapsDecisions(SGD), "decision_function must follow classes_"),
    ("batches_may_lack_classes", HasTheClassesOfTheBatch(NB), "after a batch of class 0"),
    ("new_class_grows", AppendsClasses(NB), "classes_ must know"),
    ("new_class_grows", ServesWithoutNewClasses(NB), "estimator_ must know"),
    ("new_class_is_refused", TakesEveryClass(NB), "must raise ValueError for a new label"),
    ("new_class_is_refused", DeclaresWhatItRefuses(NB), "must leave no trace"),
    ("label_kinds", PredictsPositions(NB), "gave predictions"),
    ("label_kinds", ReversesText(NB), "gave classes_"),
    ("label_kinds", LearnsTextOtherwise(NB), "learned unlike 0 and 1"),
    ("zero_weight_batch_changes_no_model", LearnsRowsOfNoWeight(NB), "must not change the model"),
    ("zero_weight_batch_changes_no_model", SkipsRowsOfNoWeight(NB), "counted and remembered"),
    ("zero_weight_batch_changes_no_model", ScoresRowsOfNoWeight(NB), "must not be scored"),
    ("weight_equals_repetition", IgnoresWeights(NB), "after fit"),
    ("weight_equals_repetition", ForgetsWeights(NB), "after partial_fit"),
    ("memory_is_bounded", RemembersTooMuch(NB), "max_rows is 50"),
    ("memory_is_aligned", ShufflesTargets(NB), "lost the order of y"),
    ("memory_is_aligned", RemembersNoMetadata(NB), "must keep the targets"),
    *(
        (check, mixture_of(NB, SGD, kind=kind, **params), message)
        for check, kind, params, message in [
            ("clone_forgets", ClonesAMixtureWithItsPast, {}, "must not have estimators_"),
            ("constructor_arguments_stay", MixtureOfArguments, {}, "fit changed a parameter"),
            ("failed_first_fit_leaves_nothing", HasMembersTooEarly, {}, "estimators_ must be"),
            ("bad_input_is_refused", WeighsABadBatch, {}, "must leave no trace"),
            ("every_row_counts_once", LosesAMember, {}, "must remember the rows 0 to 199"),
            (
                "every_row_counts_once",
                RelearnsInTurns,
                {"budget": 0.9},
                "must remember the rows 0 to 199",
            ),
            ("declared_classes_count", SwapsMeans, {}, "must follow classes_"),
            ("declared_classes_count", HasNoMean, {}, "must follow classes_"),
            ("new_class_grows", IgnoresNewLabels, {}, "classes_ must know"),
            ("zero_weight_batch_changes_no_model", WeighsRowsOfNoWeight, {}, "must not change"),
        ]
    ),
]


@pytest.mark.parametrize(
    ("check", "retrainer", "message"),
    FAULTY,
    ids=[f"{check}-{type(retrainer).__name__}" for check, retrainer, _ in FAULTY],
)
def test_a_check_finds_the_fault_that_it_is_for(check, retrainer, message):
    with pytest.raises(AssertionError, match=message):
        getattr(estimator_checks, f"check_{check}")("Faulty", retrainer)


def test_there_is_a_fault_for_every_check():
    everything = {check.__name__ for check, _ in estimator_checks._CHECKS}
    assert {f"check_{check}" for check, *_ in FAULTY} == everything


# -- the two ways to run them ------------------------------------------------------------------


def test_the_error_names_the_check_in_a_note():
    with pytest.raises(AssertionError) as caught:
        check_retrainer(PredictsPerBatch(NB))
    assert caught.value.__notes__ == [
        "skretrain: check_predict_ignores_batch_size failed for "
        "PredictsPerBatch(estimator=GaussianNB())."
    ]


@pytest.mark.parametrize("run", [check_retrainer, lambda one: _names(one)])
def test_a_class_and_a_base_that_takes_other_input_are_refused(run):
    with pytest.raises(TypeError, match="instance, got the class ReplayPartialFit"):
        run(ReplayPartialFit)
    with pytest.raises(ValueError, match="cannot be checked"):
        run(ReplayPartialFit(CountVectorizer()))


def test_pytest_gets_one_readable_test_per_check_and_retrainer():
    mark = parametrize_with_retrainer_checks([ReplayPartialFit(NB), DriftAwareRetrainer(Ridge())])
    ids = [parameter.id for parameter in mark.args[1]]
    assert mark.name == "parametrize"
    assert len(set(ids)) == len(ids)
    assert "ReplayPartialFit(estimator=GaussianNB())-check_clone_forgets" in ids
    assert "DriftAwareRetrainer(estimator=Ridge())-check_alarm_is_answered" in ids
    for parameter in mark.args[1]:
        retrainer, check = parameter.values
        assert check.args == (type(retrainer).__name__,)
