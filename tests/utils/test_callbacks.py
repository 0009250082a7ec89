"""Callbacks of scikit-learn 1.9 on retrainers, mixtures and incremental pipelines."""

import importlib.util
import pickle
import sys
import threading

import numpy as np
import pytest
from executors import Inline
from helpers import assert_same_outputs, stream
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.compose import make_incremental_pipeline
from skretrain.exceptions import SkretrainWarning
from skretrain.model_selection import make_prequential_scorer, prequential_validate
from skretrain.serving import BackgroundRetrainer
from skretrain.utils import _callbacks

callback = pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

X, Y = stream(300)


class Diary:
    """A callback that writes down what it hears."""

    def __init__(self):
        self.heard = []

    def setup(self, estimator, context):
        self.heard.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.heard.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, **more):
        assert isinstance(estimator, DriftAwareRetrainer)
        self.heard.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, **more):
        self.heard.append(("end", context.task_name))


def steps(*names):
    return [pair for name in names for pair in (("begin", name), ("end", name))]


def test_callbacks_hear_of_each_batch_in_the_background_as_well():
    heard = []
    for wrap in (lambda model: model, lambda model: BackgroundRetrainer(model, Inline())):
        diary = Diary()
        model = DriftAwareRetrainer(SGDClassifier(random_state=0)).fit(X, Y)
        wrap(model.set_callbacks(diary)).partial_fit(X[:50], Y[:50])
        heard.append(diary.heard)
    assert heard[0] == heard[1]
    assert ("end", "partial_fit") in heard[1]


@pytest.mark.parametrize(("batch_size", "n_batches"), [(None, 0), (100, 2), (300, 0)])
def test_callbacks_hear_of_each_batch_of_fit(batch_size, n_batches):
    """scikit-learn 1.9: one task, a step for the first fit, and one for each batch."""
    diary = Diary()
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=batch_size)
    silent = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=batch_size)
    model.set_callbacks(diary).fit(X, Y)
    assert diary.heard == [
        ("setup", "fit"),
        ("begin", "fit"),
        *steps("first fit", *["batch"] * n_batches),
        ("end", "fit"),
        ("teardown", "fit"),
    ]
    assert_same_outputs(model, silent.fit(X, Y), X)
    assert_same_outputs(pickle.loads(pickle.dumps(model)), model, X)


def test_callbacks_are_told_goodbye_when_fit_fails():
    diary = Diary()
    model = DriftAwareRetrainer(SGDClassifier(), batch_size=100).set_callbacks(diary)
    bad = X.copy()
    bad[150] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(bad, Y)
    assert diary.heard[-1] == ("teardown", "fit")
    assert ("end", "first fit") in diary.heard
    assert ("end", "fit") not in diary.heard


@pytest.mark.no_cover
def test_the_progress_bar_of_a_grid_search_reaches_the_retrainer(capsys):
    pytest.importorskip("rich", reason="the progress bar is drawn by rich")
    search = GridSearchCV(
        DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=50),
        {"update": [None, "warm_start"]},
        cv=TimeSeriesSplit(2),
        scoring=make_prequential_scorer("accuracy", batch_size=50),
    )
    expected = search.fit(X, Y).cv_results_["mean_test_score"]
    shown = search.set_callbacks(callback.ProgressBar()).fit(X, Y)
    np.testing.assert_array_equal(shown.cv_results_["mean_test_score"], expected)
    capsys.readouterr()


def test_without_callbacks_in_scikit_learn_everything_stands(monkeypatch):
    """Before 1.9 the decorator leaves a method as it is, and the mixin is empty."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("skretrain.utils._old", _callbacks.__file__)
    old = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(old)
    assert old.with_callbacks(len) is len
    assert not [name for name in vars(old.CallbackSupportMixin) if not name.startswith("__")]
    progress = old.Progress(object(), "fit", 1, None)
    with progress.task("first fit"):
        pass
    progress.end()
    assert not progress.stopped


# -- what callbacks hear ---------------------------------------------------------------------------


class Book:
    """A callback that keeps what it is told: of every task, the moment and where it stands."""

    def __init__(self, stop_at=None):
        self.told, self.stop_at, self.lock = [], stop_at, threading.Lock()

    def setup(self, estimator, context):
        self.note("setup", context)

    def teardown(self, estimator, context):
        self.note("teardown", context)

    def on_fit_task_begin(self, estimator, context):
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context):
        self.note("end", context)
        return context.task_name == self.stop_at

    def note(self, moment, context):
        with self.lock:
            self.told.append((moment, context.estimator_name, path_of(context)))

    def ended(self):
        return [(name, path) for moment, name, path in self.told if moment == "end"]

    def count(self, moment):
        return sum(told[0] == moment for told in self.told)


class Travelling(Book):
    """One that goes on to the parts of an estimator."""

    max_propagation_depth = None


class Shallow(Book):
    max_propagation_depth = 0


def path_of(context):
    names = []
    while context is not None:
        names.append(context.source_task_name or context.task_name)
        context = context.parent
    return "/".join(reversed(names))


class Listening(_callbacks.CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A base that takes callbacks, and tells of one step."""

    @_callbacks.with_callbacks
    def fit(self, X, y, sample_weight=None):
        root = self._init_callback_context(max_subtasks=1)
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        step = root.subcontext(task_name="step")
        step.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self.classes_ = np.unique(y)
        step.call_on_fit_task_end(estimator=self, X=X, y=y)
        root.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def mixture(*members, **params):
    return MixtureRetrainer([(f"m{k}", member) for k, member in enumerate(members)], **params)


BLANK = {
    "drift": lambda base, **more: DriftAwareRetrainer(base, policy="full_refit", **more),
    "replay": lambda base: ReplayPartialFit(base),
    "mixture": lambda base: mixture(DriftAwareRetrainer(base), ReplayPartialFit(base)),
    "pipeline": lambda base: make_incremental_pipeline(base),
}


@pytest.mark.parametrize("kind", BLANK)
def test_everything_that_learns_takes_callbacks(kind):
    """One root task for a call of ``fit`` or of ``partial_fit``, set up and taken down once."""
    book = Book()
    model = BLANK[kind](GaussianNB()).set_callbacks(book)
    model.fit(X[:200], Y[:200])
    n_fit = book.count("begin")
    assert n_fit == book.count("end") >= 1
    model.partial_fit(X[200:], Y[200:])
    assert book.count("setup") == book.count("teardown") == 2
    assert book.count("begin") == book.count("end") == n_fit + 1
    assert not [name for name in vars(model) if "callback" in name and name != "_skl_callbacks"]
    silent = BLANK[kind](GaussianNB()).fit(X[:200], Y[:200]).partial_fit(X[200:], Y[200:])
    assert_same_outputs(model, silent, X)


@pytest.mark.parametrize("kind", BLANK)
def test_a_monitor_records_scores_of_what_would_serve(kind):
    """scikit-learn's own monitor: at the end, the score of the fitted model."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = BLANK[kind](GaussianNB()).set_callbacks(monitor)
    if kind != "pipeline":  # fit is scikit-learn's own, which gives no copy of the model
        model.fit(X[:200], Y[:200])
        last = monitor.get_logs().data[0]
        assert last["task_name"] == "fit"
        assert last["accuracy"] == model.score(X[:200], Y[:200])
    model.partial_fit(X[:100], Y[:100]).partial_fit(X[200:], Y[200:])
    last = monitor.get_logs().data[0]
    assert (last["task_name"], last["accuracy"]) == ("partial_fit", model.score(X[200:], Y[200:]))


def test_a_monitor_records_each_batch_of_fit():
    """Of the rows of the batch, after they were learned; with their weights."""
    monitor, weight = callback.ScoringMonitor(scoring="accuracy"), np.arange(300) % 3
    model = DriftAwareRetrainer(GaussianNB(), batch_size=100).set_callbacks(monitor)
    model.fit(X, Y, sample_weight=weight)
    told = [row for row in monitor.get_logs().data if row["task_name"] != "fit"]
    assert [row["task_name"] for row in told] == ["first fit", "batch", "batch"]
    lived = DriftAwareRetrainer(GaussianNB())
    for row, start in zip(told, (0, 100, 200), strict=True):
        part = slice(start, start + 100)
        learn = lived.fit if start == 0 else lived.partial_fit
        learn(X[part], Y[part], sample_weight=weight[part])
        expected = lived.score(X[part], Y[part], sample_weight=weight[part])
        assert row["accuracy"] == expected


def test_a_monitor_records_nothing_while_nothing_serves():
    """Rows that wait for the first fit have no score; later ones do."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = DriftAwareRetrainer(LogisticRegression(), initial_size=150).set_callbacks(monitor)
    model.partial_fit(X[:100], Y[:100])
    with pytest.raises(ValueError, match="No logs"):
        monitor.get_logs()
    model.partial_fit(X[100:200], Y[100:200])
    assert len(monitor.get_logs().data) == 1
    idle = mixture(DriftAwareRetrainer(LogisticRegression(), initial_size=150))
    idle.set_callbacks(callback.ScoringMonitor(scoring="accuracy")).partial_fit(X[:0], Y[:0])
    assert not hasattr(idle, "weights_")


# -- callbacks and the base ------------------------------------------------------------------------


def test_a_callback_that_travels_hears_of_each_fit_of_the_base():
    """The first one and every retrain, each inside the step that it belongs to."""
    book = Travelling()
    model = DriftAwareRetrainer(
        Listening(), detector=None, update="full_refit", batch_size=100, policy="full_refit"
    )
    model.set_callbacks(book).fit(X, Y)
    inside = [path for name, path in book.ended() if name == "Listening"]
    assert inside == [
        "fit/first fit/fit/step",
        "fit/first fit/fit",
        *["fit/batch/fit/step", "fit/batch/fit"] * 2,
    ]
    assert book.count("setup") == book.count("teardown") == 1
    assert book.count("begin") == book.count("end")
    assert not hasattr(model.estimator_, "_skl_callbacks")
    assert not hasattr(model.estimator, "_skl_callbacks")


def test_a_callback_travels_in_partial_fit_too():
    book = Travelling()
    DriftAwareRetrainer(Listening()).set_callbacks(book).partial_fit(X[:100], Y[:100])
    assert ("Listening", "partial_fit/fit") in book.ended()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_callback_travels_through_the_members_of_a_mixture(n_jobs):
    book = Travelling()
    members = [DriftAwareRetrainer(Listening()), ReplayPartialFit(Listening())]
    mixture(*members, n_jobs=n_jobs).set_callbacks(book).fit(X, Y)
    assert {path for name, path in book.ended() if name == "Listening"} == {
        f"fit/fit m{k}/first fit/fit{step}" for k in (0, 1) for step in ("", "/step")
    }
    assert ("DriftAwareRetrainer", "fit/fit m0") in book.ended()
    assert book.count("setup") == 1


def test_a_callback_that_stays_at_the_top_is_not_handed_on():
    book = Shallow()
    DriftAwareRetrainer(Listening()).set_callbacks(book).fit(X, Y)
    assert {name for name, _ in book.ended()} == {"DriftAwareRetrainer"}


def test_a_base_without_callbacks_is_named_in_one_warning():
    """As in scikit-learn; ``max_propagation_depth=0`` says that it is not meant to hear."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=100)
    with pytest.warns(SkretrainWarning, match="SGDClassifier does not support callbacks") as seen:
        model.set_callbacks(Travelling()).fit(X, Y)
    assert len(seen) == 1
    model.partial_fit(X[:50], Y[:50])  # not with every batch
    model.set_callbacks(Shallow()).fit(X, Y)


def test_a_callback_of_the_base_hears_of_its_fits_as_parts_of_one_run():
    """One that does not travel may be set on the base: all copies of the base share it."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    base = Listening().set_callbacks(monitor)
    model = DriftAwareRetrainer(
        base, detector=None, update="full_refit", batch_size=100, policy="full_refit"
    )
    model.fit(X, Y)
    assert len(monitor.get_logs(select="all")) == 1
    assert len(monitor.get_logs().data) == 3
    assert model.estimator_._skl_callbacks[0] is monitor


def test_a_callback_of_the_base_is_shared_by_models_that_go_on_learning():
    """A copy that learns further is no reason for a second record."""
    base = GaussianNB()
    base._skl_callbacks = [Book()]  # it does not ask for them, which is its own affair
    model = DriftAwareRetrainer(base).fit(X[:100], Y[:100])
    before = model.estimator_
    after = model.partial_fit(X[100:], Y[100:]).estimator_
    assert after is not before
    assert after._skl_callbacks is before._skl_callbacks


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", ["drift", "replay", "mixture"])
def test_a_callback_that_travels_is_refused_on_a_part(kind, learn):
    """It would hear of the parts, and not of the whole."""
    model = BLANK[kind](Listening().set_callbacks(Travelling()))
    with pytest.raises(TypeError, match="can't have auto-propagated callbacks"):
        getattr(model, learn)(X, Y)
    member = DriftAwareRetrainer(Listening()).set_callbacks(Travelling())
    with pytest.raises(TypeError, match=r"MixtureRetrainer\(\.\.\.\)\.set_callbacks"):
        getattr(mixture(member), learn)(X, Y)


def test_a_retrainer_inside_another_estimator_links_what_its_base_hears():
    """A search with a callback: the base's fits are leaves of the tree of the search."""
    book = Travelling()
    search = GridSearchCV(
        DriftAwareRetrainer(Listening()), {"dry_run": [False]}, cv=TimeSeriesSplit(2)
    )
    search.set_callbacks(book).fit(X, Y)
    inside = [path for name, path in book.ended() if name == "Listening"]
    assert len(inside) == 6
    assert sum(path.endswith("first fit/fit") for path in inside) == 3  # two splits, and the last
    assert all(path.startswith("fit/") for path in inside)


# -- the wish to stop ------------------------------------------------------------------------------


@pytest.mark.parametrize(("stop_at", "n_seen"), [("first fit", 100), ("batch", 200), ("fit", 300)])
def test_a_callback_may_end_a_fit(stop_at, n_seen):
    """The rows to come are left out; what was learned is what would have been without them."""
    model = DriftAwareRetrainer(GaussianNB(), batch_size=100).set_callbacks(Book(stop_at))
    shorter = DriftAwareRetrainer(GaussianNB(), batch_size=100).fit(X[:n_seen], Y[:n_seen])
    assert model.fit(X, Y).n_samples_seen_ == n_seen
    assert_same_outputs(model, shorter, X)


def test_a_callback_does_not_end_an_evaluation():
    """Its scores are those of the whole stream."""
    model = DriftAwareRetrainer(GaussianNB()).set_callbacks(Book("batch"))
    assert len(prequential_validate(model, X, Y).y_pred) == 200


def test_nobody_who_does_not_listen_is_asked(monkeypatch):
    """Without callbacks, no context is made, and no rows are handed to one."""
    monkeypatch.setattr(
        _callbacks.CallbackSupportMixin, "_init_callback_context", lambda *_, **__: 1 / 0
    )
    for kind in BLANK:
        if kind != "pipeline":
            model = BLANK[kind](GaussianNB()).fit(X[:200], Y[:200])
            model.partial_fit(X[200:], Y[200:])
