"""What is learned is plain: dumped by skops and loaded mid-stream, an object goes on as it was."""

import importlib
import pickle
import re
import subprocess
import sys
from datetime import datetime
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import skops.io
from helpers import WaitGate, assert_same_outputs, batches, events, feed, representatives, stream
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift
from river.drift import binary
from same_state import assert_same_state, objects_in
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

import skretrain
from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit, make_mixture
from skretrain._retrainer._jobs import run
from skretrain.buffers import Reservoir, SlidingWindow, StratifiedReservoir
from skretrain.compose import Learner
from skretrain.drift import (
    AtLeast,
    BaseTrigger,
    DomainDrift,
    ErrorDrift,
    FeatureDrift,
    Periodic,
    PredictionDrift,
    RefitDebt,
    RiskMonitor,
    ScoredBatch,
    Signal,
    SliceDrift,
)
from skretrain.gates import AlwaysPromote, PairedGate, Verdict
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.model_selection import RetrainMatrix
from skretrain.policies import (
    AnchoredUpdate,
    DistillingRefit,
    FineTune,
    FullRefit,
    KeepOrRefit,
    ReplayMix,
    Revive,
    WarmStart,
)
from skretrain.serving import (
    ExpectedPerformance,
    PendingLabels,
    _trusted_types,
    trusted_types,
)
from skretrain.utils._plain import Plain

SOURCES = Path(skretrain.__file__).parent
N, SIZE = 480, 60
X, Y = stream(N, drift=200)
MOMENTS = pd.date_range("2024-01-01", periods=N, freq="h")
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(
    word=np.where(X[:, 0] > 0, "u", "v"),
    level=pd.Categorical(np.where(X[:, 1] > 0, "k", "l"), categories=["l", "k", "z"]),
    at=MOMENTS.tz_localize("Europe/Berlin"),
    gap=pd.array(np.where(X[:, 2] > 0, 1, None), dtype="Int64"),
)
TEXTS = [f"w{int(a > 0)} x{int(b > 0)}" for a, b in X[:, :2]]


def encoded(base):
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [("words", words, ["word", "level"]), ("numbers", StandardScaler(), list("abcd"))]
    return make_pipeline(ColumnTransformer(columns), base)


def loaded(model):
    """Return what skops makes of a model that it has dumped, with what is published trusted."""
    data = skops.io.dumps(model)
    return skops.io.loads(data, trusted=[*trusted_types(), *of_others(data)])


def of_others(data):
    """Return the types in a dump that are not on the published list."""
    return set(skops.io.get_untrusted_types(data=data)) - set(trusted_types())


def cut(rows, batch):
    return rows.iloc[batch] if isinstance(rows, pd.DataFrame) else rows[batch]


def learn(model, rows, y, start, stop):
    for batch in batches(stop, SIZE, start):
        model.partial_fit(cut(rows, batch), y[batch])
    return model


def by_pickle(model):
    """Return a copy without room to spare, whose content means nothing."""
    return pickle.loads(pickle.dumps(model))


def check_future(model, rows, y, stop):
    """Dumped and loaded at row `stop`, a model is as it was, and goes on as a pickled one does."""
    learn(model, rows, y, 0, stop)
    pickled, other = by_pickle(model), loaded(model)
    assert_same_state(pickled, other)
    assert other.__getstate__().text == model.__getstate__().text
    for each in (pickled, other):
        learn(each, rows, y, stop, N)
    assert_same_state(by_pickle(pickled), by_pickle(other))
    assert_same_outputs(pickled, other, cut(rows, slice(0, 60)))


def retrainer(base=None, **params):
    return DriftAwareRetrainer(GaussianNB() if base is None else base, random_state=0, **params)


RIVER = {
    "ADWIN": drift.ADWIN(delta=0.05),
    "DDM": binary.DDM(),
    "DummyDriftDetector": drift.DummyDriftDetector(t_0=150, w=10, trigger_method="random", seed=1),
    "EDDM": binary.EDDM(),
    "FHDDM": binary.FHDDM(short_window_size=20),
    "HDDMA": binary.HDDMA(),
    "HDDMW": binary.HDDMW(),
    "KSWIN": drift.KSWIN(alpha=0.01, window_size=40, stat_size=15),
    "NoDrift": drift.NoDrift(),
    "PageHinkley": drift.PageHinkley(threshold=5),
}
TRIGGERS = {
    "at least": AtLeast([ErrorDrift(), FeatureDrift()], k=1),
    "charts": FeatureDrift("ewma"),
    "domain": DomainDrift(),
    "feature": FeatureDrift(),
    "in order": ErrorDrift(drift.PageHinkley(threshold=5), order="stream", direction="both"),
    "list": [binary.HDDMA(), drift.ADWIN()],
    "none": None,
    "periodic": Periodic(150),
    "prediction": PredictionDrift(),
    "price": RefitDebt(price=20),
    "combined policies": RefitDebt(price=20, threshold="combined"),
    "risk": RiskMonitor(r0=0.1),
    "slice": SliceDrift({"first": 0}),
}
POLICIES = {
    "anchored": AnchoredUpdate(),
    "distilling": DistillingRefit(),
    "full": FullRefit("all"),
    "keep": KeepOrRefit(),
    "replay": ReplayMix(),
    "revive": Revive(),
    "warm": WarmStart(),
}
GATES = {
    "always": AlwaysPromote(),
    "criteria": PairedGate(criteria={"recall[1]": -0.5, "anchor": -0.5}),
    "paired": PairedGate(min_rows=30, max_rows=120),
    "waits": WaitGate(2),
    "none": None,
}
BUFFERS = {
    "anchor": SlidingWindow(150, anchor=40),
    "balanced": Reservoir(100, balance=True),
    "default": None,
    "reservoir": Reservoir(100),
    "window": SlidingWindow(100),
}
CONTAINERS = {
    "array": (GaussianNB(), X),
    "csc": (SGDClassifier(random_state=0), sparse.csc_array(X).tocsr()),
    "frame": (encoded(LogisticRegression()), FRAME),
    "list": (make_pipeline(HashingVectorizer(n_features=8), SGDClassifier(random_state=0)), TEXTS),
    "polars": (encoded(LogisticRegression()), pl.from_pandas(FRAME)),
    "sparse": (SGDClassifier(random_state=0), sparse.csr_matrix(X)),
}
LABELS = {
    "flags": Y.astype(bool),
    "numbers": Y,
    "objects": np.array(["no", "yes"], dtype=object)[Y],
    "words": np.array(["no", "yes"])[Y],
}
SHAPES = {
    "clusterer": (retrainer(MiniBatchKMeans(3, random_state=0)), Y),
    "dry run": (retrainer(dry_run=True, detector=Periodic(120)), Y),
    "mixture": (
        MixtureRetrainer(
            [("a", retrainer()), ("b", ReplayPartialFit(SGDClassifier(random_state=0)))],
            budget=0.5,
            random_state=0,
        ),
        Y,
    ),
    "network": (retrainer(MLPClassifier((4,)), policy=FineTune("layer0")), Y),
    "outputs": (retrainer(KNeighborsClassifier(3), detector=Periodic(100)), np.c_[Y, 1 - Y]),
    "outliers": (retrainer(IsolationForest(n_estimators=3), detector=Periodic(100)), Y),
    "regressor": (
        retrainer(SGDRegressor(random_state=0), gate=PairedGate(), detector=Periodic(100)),
        X[:, 0] * 2.0,
    ),
    "replay": (
        ReplayPartialFit(SGDClassifier(random_state=0), buffer=Reservoir(100), ratio=2.0),
        Y,
    ),
    "ridge": (RecursiveRidgeClassifier(forgetting=[0.99, 1.0]), Y),
    "ridge in it": (retrainer(RecursiveRidgeRegressor()), X[:, 0] * 2.0),
    "waiting": (retrainer(LogisticRegression(), initial_size=400), Y),
}


class TakesBack(AlwaysPromote):
    """Take back whatever was promoted, with the next batch."""

    watches = True

    def watch(self, trial):
        return Verdict("reject", "of all things")


quiet = pytest.mark.filterwarnings(
    "ignore::skretrain.exceptions.SkretrainWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@pytest.mark.no_cover
@pytest.mark.parametrize("order", ["random", "stream"])
@pytest.mark.parametrize("name", RIVER)
@pytest.mark.thinned(3)
def test_river_detectors_go_on_from_class_parameters_and_state(name, order):
    errors = np.random.default_rng(0).random(640) < np.where(np.arange(640) < 320, 0.1, 0.6)
    parts = [ScoredBatch(k, 40, errors[k : k + 40].astype(float)) for k in range(0, 640, 40)]
    trigger = ErrorDrift(RIVER[name], order=order).reset()
    for batch in parts[:7]:
        trigger.update(batch)
    other = loaded(trigger)
    assert_same_state(by_pickle(trigger), other)
    rest = [trigger.update(batch) for batch in parts[7:]]
    assert [other.update(batch) for batch in parts[7:]] == rest
    assert name == "NoDrift" or "drift" in {signal.state for signal in rest}


@pytest.mark.no_cover
@quiet
@pytest.mark.parametrize(
    ("name", "stop"),
    representatives(product(RIVER | TRIGGERS, [120, 300]), fast=product(TRIGGERS, [300])),
)
def test_triggers_go_on(name, stop):
    check_future(retrainer(detector=(RIVER | TRIGGERS)[name]), X, Y, stop)


@pytest.mark.no_cover
@quiet
@pytest.mark.parametrize(
    ("name", "stop"), representatives(product(POLICIES, [120, 300]), fast=product(POLICIES, [300]))
)
def test_policies_go_on(name, stop):
    trigger, base = ErrorDrift(drift.ADWIN(delta=0.5)), LogisticRegression()
    check_future(retrainer(base, detector=trigger, policy=POLICIES[name]), X, Y, stop)


@pytest.mark.no_cover
@quiet
@pytest.mark.parametrize(
    ("name", "stop"), representatives(product(GATES, [120, 180, 300]), fast=product(GATES, [180]))
)
def test_gates_go_on_while_a_challenger_waits_or_a_promotion_is_watched(name, stop):
    buffer = SlidingWindow(200, anchor=40)
    check_future(retrainer(detector=Periodic(110), gate=GATES[name], buffer=buffer), X, Y, stop)


@pytest.mark.no_cover
@quiet
@pytest.mark.parametrize("name", BUFFERS)
def test_buffers_go_on(name):
    check_future(retrainer(detector=Periodic(200), buffer=BUFFERS[name]), X, Y, 300)


@pytest.mark.no_cover
@pytest.mark.parametrize("rows", [FRAME, pl.from_pandas(FRAME)], ids=["pandas", "polars"])
@pytest.mark.parametrize("buffer", [SlidingWindow(130, anchor=20), Reservoir(50)], ids=repr)
def test_frames_that_are_remembered_come_back_with_every_type(rows, buffer):
    clone(buffer)
    for batch in batches(240, SIZE):
        buffer.add(rows[batch], Y[batch], {"weight": X[batch, 0]})
    other = loaded(buffer)
    for each in (pickled := by_pickle(buffer), other):
        each.add(rows[240:], Y[240:], {"weight": X[240:, 0]})
    assert_same_state(by_pickle(pickled), by_pickle(other))


@pytest.mark.no_cover
@quiet
@pytest.mark.parametrize(
    ("name", "kind"),
    representatives(
        product(CONTAINERS, LABELS),
        fast=[("array", "flags"), ("array", "numbers"), *product(CONTAINERS, ["objects"])],
    ),
)
@pytest.mark.thinned(3)
def test_rows_of_any_container_and_labels_of_any_type_come_back(name, kind):
    if name == "polars" and sklearn.__version__.startswith("1.7."):
        pytest.skip("a ColumnTransformer of scikit-learn 1.7 finds no columns of polars by name")
    base, rows = CONTAINERS[name]
    model = retrainer(base, detector=Periodic(120), gate=WaitGate(1))
    check_future(model, rows, LABELS[kind], 180)


@pytest.mark.no_cover
@quiet
@pytest.mark.parametrize("name", SHAPES)
def test_estimators_of_every_kind_go_on(name):
    model, y = SHAPES[name]
    check_future(clone(model), X, y, 300)


# Of each 29th combination, so that every two parts meet.
COMBINATIONS = list(
    product(RIVER | TRIGGERS, POLICIES, ["none", "paired"], BUFFERS, ["array", "frame", "polars"])
)[::29]


@quiet
@pytest.mark.slow
@pytest.mark.parametrize(("detector", "policy", "gate", "buffer", "container"), COMBINATIONS)
def test_any_combination_goes_on(detector, policy, gate, buffer, container):
    base, rows = CONTAINERS[container]
    base = LogisticRegression() if container == "array" else base
    trigger = (RIVER | TRIGGERS)[detector]
    if detector == "slice" and container != "array":
        trigger = SliceDrift({"first": "word"})
    parts = {"policy": POLICIES[policy], "gate": GATES[gate], "buffer": BUFFERS[buffer]}
    check_future(retrainer(base, detector=trigger, **parts), rows, Y, 300)


@pytest.mark.no_cover
@quiet
@settings(max_examples=4, deadline=None)
@given(st.integers(1, N - 1))
def test_it_does_not_matter_at_which_row_a_model_is_dumped(stop):
    model = retrainer(detector=RIVER["PageHinkley"], policy=ReplayMix(), gate=WaitGate(2))
    feed(model, X, Y, 50, 0, stop)
    other = feed(loaded(model), X, Y, 50, stop)
    fields = ("action", "row", "state", "since", "kind", "reason")
    assert events(feed(model, X, Y, 50, stop), *fields) == events(other, *fields)


@quiet
@pytest.mark.parametrize("rows", [X, FRAME], ids=["array", "frame"])
@pytest.mark.no_cover
def test_a_job_that_is_out_comes_back_and_takes_its_outcome(rows):
    base = GaussianNB() if rows is X else encoded(GaussianNB())
    model, job, start = retrainer(base, detector=Periodic(110), gate=WaitGate(3)), None, 0
    while job is None:
        batch = slice(start, start + SIZE)
        job = model._prepare(model._examine(cut(rows, batch), Y[batch], None, {}))
        start += SIZE
    other = loaded(model)
    assert_same_state(by_pickle(model), other)
    outcome = run(job)
    for each in (model, other):
        each._accept(by_pickle(outcome))
    assert events(model, "action", "row", "reason") == events(other, "action", "row", "reason")


@quiet
def test_a_version_that_is_watched_can_still_be_taken_back_after_loading():
    parts = {"detector": Periodic(110), "gate": TakesBack(), "policy": FullRefit("all")}
    model = learn(retrainer(**parts), X, Y, 0, 180)
    assert model._cycle.state.service.previous is not None
    other = loaded(model)
    for each in (pickled := by_pickle(model), other):
        learn(each, X, Y, 180, N)
    assert_same_state(by_pickle(pickled), by_pickle(other))
    assert "rolled_back" in {event.action for event in other.events_}


@quiet
@pytest.mark.parametrize("by", ["hour", None])
def test_a_stratified_reservoir_draws_on_the_same_rows(by):
    rows = FRAME.assign(at=MOMENTS)
    buffer = StratifiedReservoir(60, column="at" if by else "word", by=by).reset()
    for batch in batches(300, SIZE):
        buffer.add(rows[batch], Y[batch])
    other = loaded(buffer)
    for batch in batches(N, SIZE, 300):
        for each in (buffer, other):
            each.add(rows[batch], Y[batch])
    assert buffer.index.tolist() == other.index.tolist()


@pytest.mark.parametrize(
    ("name", "at"),
    [(str, lambda day: datetime(2024, 1, day)), (int, lambda day: pd.Timestamp(2024, 1, day))],
    ids=["words and datetimes", "numbers and timestamps"],
)
def test_a_ledger_knows_the_labels_that_it_waits_for(name, at):
    ledger = PendingLabels(feed(retrainer(), X, Y, SIZE, 0, 200))
    for day, start in enumerate(range(200, 450, 50), 1):
        rows = slice(start, start + 50)
        ids = list(map(name, range(start, start + 50)))
        ledger.predict(X[rows], ids=ids, at=at(day))
        ledger.resolve(ids[:20], Y[rows][:20], at=at(day + 1))
    other = loaded(ledger)
    assert_same_state(by_pickle(ledger), other)
    late = list(map(name, range(230, 250)))
    for mine, theirs in zip(
        ledger.resolve(late, Y[230:250], at=at(9)),
        other.resolve(late, Y[230:250], at=at(9)),
        strict=True,
    ):
        np.testing.assert_equal(mine, theirs)
    assert other.score_ == ledger.score_
    assert other.delays_.median == ledger.delays_.median


def test_expected_performance_a_learner_and_a_matrix_come_back():
    model = GaussianNB().fit(X, Y)
    expected = ExpectedPerformance(["accuracy", "roc_auc"]).fit(Y, model.predict_proba(X))
    for each in (expected, Learner(encoded(GaussianNB()), random_state=0)):
        assert_same_state(by_pickle(each), loaded(each))
    matrix = RetrainMatrix(GaussianNB()).fit(X, Y)
    assert_same_state(by_pickle(matrix), loaded(matrix))


@quiet
def test_a_model_that_skretrain_fits_in_a_way_of_its_own_stays_one():
    base = XGBClassifier(n_estimators=2, n_jobs=1)
    model = learn(retrainer(base), X, LABELS["words"], 0, 200)
    other = loaded(model)
    assert type(other.estimator_) is type(model.estimator_)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    inside = learn(retrainer(make_pipeline(StandardScaler(), base)), X, LABELS["words"], 0, 200)
    with pytest.raises(TypeError, match="part of something else and cannot be saved there"):
        skops.io.dumps(inside)
    assert_same_state(by_pickle(inside), by_pickle(inside))


# -- what is to be trusted -------------------------------------------------------------------------


@pytest.mark.no_cover
@quiet
@pytest.mark.parametrize(
    "base",
    [
        GaussianNB(),
        HistGradientBoostingClassifier(max_iter=2),
        KNeighborsClassifier(3),
        LogisticRegression(),
        MLPClassifier((4,), max_iter=20),
        RandomForestClassifier(3),
        SGDClassifier(),
    ],
    ids=lambda base: type(base).__name__,
)
def test_a_retrainer_asks_for_no_more_trust_than_its_base_alone(base):
    alone = skops.io.get_untrusted_types(data=skops.io.dumps(clone(base).fit(X, Y)))
    model = learn(retrainer(base), X, Y, 0, 300)
    assert of_others(skops.io.dumps(model)) <= set(alone)


@quiet
@pytest.mark.no_cover
def test_the_ready_made_mixture_asks_for_nothing_but_trees():
    for task, y in (("classification", Y), ("regression", X[:, 0])):
        model = make_mixture(task=task, random_state=0).fit(X[:100], y[:100])
        trees = {"sklearn.tree._tree.Tree"}
        trees |= {"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"}
        assert of_others(skops.io.dumps(model)) <= trees


def test_every_type_on_the_list_is_there_and_stands_once():
    _trusted_types._names.cache_clear()  # whoever asked before, perhaps without being covered
    names = trusted_types()
    assert names == sorted(set(names))
    for name in names:
        module, _, kind = name.rpartition(".")
        assert hasattr(importlib.import_module(module), kind)
    names.clear()
    assert trusted_types()  # the list is the caller's own


@quiet
@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "rows", "y"),
    [
        (encoded(GaussianNB()), FRAME, Y),
        # Fitted in a way of ours, of which the new process has not heard.
        (XGBClassifier(n_estimators=2, n_jobs=1), FRAME[list("abcd")], LABELS["words"]),
    ],
    ids=["encoded", "mended"],
)
def test_a_new_process_loads_without_having_imported_anything(base, rows, y, tmp_path):
    model = learn(retrainer(base, detector=drift.ADWIN()), rows, y, 0, 300)
    data = skops.io.dumps(model)
    (tmp_path / "model.skops").write_bytes(data)
    (tmp_path / "types").write_text("\n".join([*trusted_types(), *of_others(data)]))
    rows[300:].to_pickle(tmp_path / "rows")
    code = (
        "import sys, pathlib, pandas, skops.io; folder = pathlib.Path(sys.argv[1]);"
        "types = (folder / 'types').read_text().split();"
        "model = skops.io.load(folder / 'model.skops', trusted=types);"
        "print(*model.predict(pandas.read_pickle(folder / 'rows')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == [str(label) for label in model.predict(rows[300:])]


# -- what cannot be written ------------------------------------------------------------------------


class Largest(BaseTrigger):
    """One of a user, which has no state but what it says."""

    def __init__(self, of=None):
        self.of = of

    def reset(self):
        self.seen_ = [set(), {(1, 2): frozenset({3})}]
        return self

    def update(self, batch):
        self.seen_[0].add(batch.start)
        return Signal("stable")


class Sealed(Largest):
    """One that leaves something behind when it is saved."""

    def __getstate__(self):
        return super().__getstate__() | {"of": "left behind"}


def test_a_function_without_a_name_is_refused_by_where_it_stands():
    with pytest.raises(TypeError, match=r"DriftAwareRetrainer\.detector\.of holds .*<lambda>"):
        skops.io.dumps(retrainer(detector=Largest(lambda: 1)))

    class Local(Largest):
        pass

    with pytest.raises(TypeError, match=r"DriftAwareRetrainer\.detector holds .*Local"):
        skops.io.dumps(retrainer(detector=Local()))


@pytest.mark.parametrize("kind", [Largest, Sealed])
def test_triggers_of_users_are_written_as_well(kind):
    trigger = kind(np.mean).reset()
    trigger.update(ScoredBatch(0, 1))
    model = learn(retrainer(detector=trigger), X, Y, 0, 120)
    assert_same_state(by_pickle(model), loaded(model))
    assert (loaded(model).detector.of == "left behind") == (kind is Sealed)


# -- how it stays so -------------------------------------------------------------------------------


def test_no_class_has_slots_which_only_pickle_reads():
    texts = {path.name: path.read_text() for path in SOURCES.rglob("*.py")}
    assert not [name for name, text in texts.items() if re.search(r"slots=True|__slots__ = ", text)]


@quiet
@pytest.mark.no_cover
def test_everything_of_ours_that_a_model_holds_has_a_plain_state():
    model = learn(retrainer(encoded(GaussianNB()), gate=PairedGate()), FRAME, Y, 0, 300)
    for found in (*objects_in(model), *objects_in(PendingLabels(model))):
        if type(found).__module__.startswith("skretrain."):
            assert isinstance(found, Plain | tuple), type(found)
