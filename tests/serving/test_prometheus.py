"""The page for Prometheus: well formed, complete, and true to the model."""

import math
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
from fake_cluster import FakeClient
from helpers import Rings, feed, stream
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.exceptions import RetrainFailedWarning
from skretrain.gates import PairedGate
from skretrain.policies import BasePolicy, FullRefit
from skretrain.serving import (
    DistributedSegments,
    PendingLabels,
    PerformanceEstimate,
    SegmentedRetrainer,
    prometheus_text,
)
from skretrain.serving._prometheus import METRICS
from skretrain.utils._events import STATES

X, Y = stream(600, drift=300)
SAMPLE = re.compile(r"([a-z_0-9]+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def read(page):
    """Return the samples of a page by name and labels, once it has proved to be well formed.

    The format asks for the lines of a metric in one group, HELP and TYPE before its samples, and
    for no two samples alike.
    """
    samples, kinds, family = {}, {}, None
    assert page.endswith("\n") or not page
    for line in page.split("\n")[:-1]:
        if line.startswith("# HELP "):
            family, text = line.removeprefix("# HELP ").split(" ", 1)
            assert family not in kinds
            assert text
        elif line.startswith("# TYPE "):
            name, kinds[family] = line.removeprefix("# TYPE ").split(" ")
            assert name == family
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name == family
            pairs = LABEL.findall(labels or "")
            assert "".join(LABEL.sub("", labels or "")) == ""
            key = (name, *((label, unescaped(text)) for label, text in pairs))
            assert key not in samples
            samples[key] = float(value)
    for name, kind in kinds.items():
        assert kind == ("counter" if name.endswith("_total") else "gauge")
        # Of summaries and histograms; and the unit stands before "total".
        assert not re.search(r"_(count|sum|bucket|milliseconds|percent)(_|$)", name)
    return samples


def unescaped(text):
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text)


def value_of(page, name, **labels):
    """Return the value of one sample, None if there is none."""
    found = [
        value
        for (each, *pairs), value in read(page).items()
        if each == f"skretrain_{name}" and labels.items() <= dict(pairs).items()
    ]
    assert len(found) <= 1
    return found[0] if found else None


def fitted(rows=(310,), **params):
    params = {"policy": FullRefit("all", grow=False), "update": None} | params
    return DriftAwareRetrainer(GaussianNB(), detector=Rings(rows), **params).fit(X[:200], Y[:200])


def mixture():
    members = [(name, DriftAwareRetrainer(GaussianNB())) for name in ("one", "two")]
    return MixtureRetrainer(members)


ESTIMATES = [
    PerformanceEstimate("accuracy", 0.7, 0.6, 0.8, 100, 0, 0, ""),
    PerformanceEstimate("roc_auc", math.nan, math.nan, math.nan, 100, 0, 0, "withdrawn"),
    PerformanceEstimate("accuracy", 0.9, 0.85, 0.95, 100, 0, 100, ""),
]


# -- true to the model -----------------------------------------------------------------------------


def test_the_page_says_what_the_model_says_itself():
    model = feed(fitted(), X, Y, 50, 200)
    page, totals = prometheus_text(model), model.events_.totals
    expected = {
        "rows_seen_total": 600,
        "alarms_total": model.n_alarms_,
        "fits_total": totals["fits"],
        "updates_total": totals["updates"],
        "fit_rows_total": totals["rows_fitted"],
        "fit_cpu_seconds_total": totals["cpu_seconds"],
        "fit_wall_seconds_total": totals["wall_seconds"],
        "serving_version": 2,
        "serving_age_rows": 600 - model.events_[-1].row,
        "buffer_rows": 600,
        "buffer_capacity_rows": 10_000,
        "retrain_due": 0,
        "challenger_pending": 0,
    }
    assert {name: value_of(page, name) for name in expected} == expected
    for action, n in model.events_.counts.items():
        assert value_of(page, "events_total", action=action) == n
    about = {"kind": "DriftAwareRetrainer", "estimator": "GaussianNB"}
    assert value_of(page, "model_info", **about) == 1


def test_counters_never_fall_while_the_model_learns():
    model, before = fitted(), {}
    for start in range(200, 600, 50):
        now = read(prometheus_text(feed(model, X, Y, 50, start, start + 50)))
        counters = {key: value for key, value in now.items() if key[0].endswith("_total")}
        assert counters.keys() >= before.keys()
        assert all(counters[key] >= value for key, value in before.items())
        before = counters


def test_what_waits_is_told():
    """A challenger on trial, a retrain whose outcome has not come, and one that is tried again."""
    model = feed(fitted(gate=PairedGate(min_rows=500)), X, Y, 50, 200, 350)
    page = prometheus_text(model)
    assert value_of(page, "challenger_pending") == 1
    assert value_of(page, "serving_version") == 1

    model = feed(fitted(), X, Y, 50, 200, 300)
    model._prepare(model._examine(X[300:350], Y[300:350], None, {}))
    assert value_of(prometheus_text(model), "retrain_due") == 1

    class Broken(BasePolicy):
        def propose(self, context):
            raise MemoryError

    model = fitted(policy=Broken())
    with pytest.warns(RetrainFailedWarning):
        feed(model, X, Y, 50, 200, 350)
    page = prometheus_text(model)
    assert value_of(page, "retrain_due") == 1
    assert value_of(page, "events_total", action="failed") == 1


@pytest.mark.parametrize("state", STATES)
def test_exactly_one_state_of_the_trigger_is_on(state):
    model = fitted()
    model.events_.state = state
    page = prometheus_text(model)
    on = {
        each: value_of(page, "trigger_state", state=each) for each in ("stable", "warning", "drift")
    }
    assert on == {each: float(each == state) for each in on}


def test_a_model_before_its_first_fit_has_a_page():
    """A service that waits for labels is scraped, too."""
    blank = DriftAwareRetrainer(GaussianNB(), initial_size=100, update=None)
    assert list(read(prometheus_text(blank))) == [next(iter(read(prometheus_text(blank))))]
    assert read(prometheus_text(mixture()))
    page = prometheus_text(blank.partial_fit(X[:50], Y[:50]))
    assert value_of(page, "serving_version") == 0
    assert value_of(page, "rows_seen_total") == value_of(page, "buffer_rows") == 50
    assert value_of(page, "serving_age_rows") is None


def test_a_mixture_has_a_sample_for_each_member():
    model = feed(mixture().fit(X[:200], Y[:200]), X, Y, 50, 200)
    page = prometheus_text(model)
    for name, weight in zip(("one", "two"), model.weights_, strict=True):
        assert value_of(page, "member_weight", member=name) == weight
        assert value_of(page, "rows_seen_total", member=name) == 600
    assert value_of(page, "model_info", kind="MixtureRetrainer") == 1


def test_a_ledger_tells_of_labels_and_of_its_model():
    model = fitted([210])
    ledger = PendingLabels(model, max_pending=80)
    ids, _ = ledger.predict(X[200:300])  # 20 are dropped
    ledger.resolve(ids[40:50], Y[240:250])
    feed(model, X, Y, 50, 300, 350)  # another version serves
    ids, _ = ledger.predict(X[350:360])
    page = prometheus_text(ledger)
    assert value_of(page, "predictions_total") == 110
    assert value_of(page, "pending_labels") == len(ledger) == 80
    assert value_of(page, "pending_labels_capacity") == 80
    assert value_of(page, "labels_resolved_total") == 10
    assert value_of(page, "labels_lost_total") == 20
    assert value_of(page, "label_events_total", action="dropped") == 1
    assert value_of(page, "rows_seen_total") == 250
    score = ledger.score_["all"]
    assert value_of(page, "served_loss", scope="all") == score.loss
    assert value_of(page, "served_loss_low", scope="all") == score.low
    assert value_of(page, "served_loss_high", scope="all") == score.high
    assert value_of(page, "served_loss", scope="serving") is None  # none of its labels has come
    ledger.resolve(ids, Y[350:360])
    page = prometheus_text(ledger)
    assert value_of(page, "served_loss", scope="serving") == ledger.score_[2].loss


def test_a_ledger_of_any_model_tells_of_labels_alone():
    ledger = PendingLabels(DummyClassifier().fit(X, Y))
    page = prometheus_text(ledger)
    assert value_of(page, "served_loss", scope="all") is None
    assert value_of(page, "rows_seen_total") is None
    assert value_of(page, "model_info", kind="DummyClassifier") == 1


def test_an_infinite_loss_is_written_as_prometheus_has_it():
    model = LinearRegression().fit(X, Y.astype(float))
    ledger = PendingLabels(model)
    ids, _ = ledger.predict(X[:2])
    ledger.resolve(ids, [1e300, 0.5])
    page = prometheus_text(ledger)
    assert 'skretrain_served_loss{scope="all"} +Inf\n' in page
    assert value_of(page, "served_loss_low", scope="all") is None


def test_estimates_are_told_with_their_intervals_the_newest_of_each_metric():
    """One that was withdrawn has no value, and says so."""
    page = prometheus_text(fitted(), estimates=ESTIMATES, labels={"service": "fraud"})
    of = {"metric": "accuracy", "service": "fraud"}
    names = ["", "_low", "_high", "_withdrawn"]
    assert [value_of(page, f"expected_performance{name}", **of) for name in names] == [
        *(0.9, 0.85, 0.95, 0)
    ]
    assert value_of(page, "expected_performance", metric="roc_auc") is None
    assert value_of(page, "expected_performance_withdrawn", metric="roc_auc") == 1


def test_several_models_share_a_page_each_by_its_name():
    one, two = fitted(), feed(fitted(), X, Y, 50, 200)
    page = prometheus_text({"one": one, "two": PendingLabels(two)}, labels={"team": "a"})
    assert value_of(page, "rows_seen_total", model="one", team="a") == 200
    assert value_of(page, "rows_seen_total", model="two", team="a") == 600
    assert value_of(page, "pending_labels", model="two") == 0


def test_what_serves_a_retrainer_is_told_of_by_it():
    model = fitted()
    behind = SimpleNamespace(retrainer=model)
    assert prometheus_text(behind) == prometheus_text(model)
    ledger = PendingLabels(model)
    page = prometheus_text(ledger)
    ledger.model = SimpleNamespace(retrainer=model)
    assert read(prometheus_text(ledger)) == read(page)


def test_looking_changes_nothing():
    model = PendingLabels(feed(fitted(), X, Y, 50, 200))
    model.predict(X[:10])
    before = pickle.dumps(model)
    prometheus_text(model)
    assert pickle.dumps(model) == before


# -- a fleet ---------------------------------------------------------------------------------------


def mixed(number, *, n_segments=4, turned=()):
    """Return rows of segments whose number is column 0, and targets."""
    rng = np.random.default_rng(number)
    shop = np.repeat(np.arange(n_segments), 30)
    rows = rng.normal(size=(len(shop), 2))
    return np.column_stack([shop, rows]), ((rows[:, 0] > 0) != np.isin(shop, turned)).astype(int)


def fleet(**params):
    base = DriftAwareRetrainer(GaussianNB(), policy="full_refit", update=None, detector=None)
    model = SegmentedRetrainer(base, by=0, **params).fit(*mixed(0))
    for number in range(1, 5):
        model.partial_fit(*mixed(number))
    return model


def turned(model, segments=(1, 3)):
    """Let the concept of some segments turn, and return the model."""
    return model.partial_fit(*mixed(5, turned=segments))


def values_by(page, name, label):
    return {
        dict(pairs)[label]: value
        for (each, *pairs), value in read(page).items()
        if each == f"skretrain_{name}"
    }


@pytest.mark.parametrize("params", [{}, {"max_loaded": 2, "growth_budget": 1, "fallback": None}])
def test_the_page_of_a_fleet_has_sums_over_its_segments(params):
    model = turned(fleet(**params))
    page, status = prometheus_text(model, labels={"job": "shops"}), model.status().values()
    totals = model.events_.totals
    expected = {
        "rows_seen_total": 720,
        "segments": 4,
        "segments_loaded": sum(one.is_loaded for one in status),
        "segments_on_fallback": sum(one.weight == 0 for one in status),
        "segments_waiting": sum(one.waits_to_grow for one in status),
        "segments_drifting": 2,
        "common_drift": 0,
        "fits_total": totals["fits"],
        "updates_total": totals["updates"],
        "fit_rows_total": totals["rows_fitted"],
        "fit_cpu_seconds_total": totals["cpu_seconds"],
        "fit_wall_seconds_total": totals["wall_seconds"],
    }
    assert {name: value_of(page, name, job="shops") for name in expected} == expected
    assert totals["fits"] > 4
    assert value_of(page, "model_info", kind="SegmentedRetrainer", estimator="GaussianNB") == 1
    told = values_by(page, "events_total", "action")
    assert told == {action: model.events_.counts[action] for action in told}
    assert told["drifted"] == 2
    assert {"common", "opened", "failed", "retrained", "merged"} <= told.keys()
    assert not {"kept", "updated", "buffered"} & told.keys()  # which are not counted


def test_only_segments_whose_alarm_is_open_have_a_sample_of_their_own():
    """The number of series does not grow with that of the segments."""
    model = fleet()
    assert values_by(prometheus_text(model), "segment_drifting", "segment") == {}
    page = prometheus_text(turned(model))
    assert values_by(page, "segment_drifting", "segment") == {"1": 1, "3": 1}
    model.retire(1)
    page = prometheus_text(model)
    assert values_by(page, "segment_drifting", "segment") == {"3": 1}
    assert value_of(page, "segments_drifting") == value_of(page, "segments") - 2 == 1


def test_of_many_open_alarms_the_first_hundred_have_one_and_all_are_counted():
    model = SegmentedRetrainer(DriftAwareRetrainer(GaussianNB()), by=0, fallback=None)
    names = [f"shop {number}" for number in range(150)]
    watches = model.partial_fit(*mixed(0))._fleet.alarms.watches
    watches.clear()
    for name in names:
        watches[name] = SimpleNamespace(is_open=name != "shop 7")
    model._fleet.alarms.common.is_open = True
    page = prometheus_text(model)
    shown = values_by(page, "segment_drifting", "segment")
    assert list(shown) == [name for name in names if name != "shop 7"][:100]
    assert value_of(page, "segments_drifting") == 149
    assert value_of(page, "common_drift") == 1


def test_counters_of_a_fleet_never_fall_whatever_becomes_of_its_segments():
    model, before = fleet(), {}
    changes = [
        lambda: turned(model),
        lambda: model.retire(0),
        lambda: model.merge([1, 2], into=3),
        lambda: model.partial_fit(*mixed(6)),
    ]
    for change in changes:
        change()
        now = read(prometheus_text(model))
        counters = {key: value for key, value in now.items() if key[0].endswith("_total")}
        assert counters.keys() >= before.keys()
        assert all(counters[key] >= value for key, value in before.items())
        before = counters


def test_a_fleet_is_told_of_in_a_ledger_in_a_dict_and_at_workers():
    model = turned(fleet())
    page = read(prometheus_text(model))
    ledger = PendingLabels(model)
    ledger.predict(mixed(7)[0])
    assert page.items() <= read(prometheus_text(ledger)).items()
    assert value_of(prometheus_text(ledger), "pending_labels") == 120
    both = prometheus_text({"fleet": model, "pooled": model.pooled_})
    assert value_of(both, "segments", model="fleet") == 4
    assert value_of(both, "rows_seen_total", model="pooled") == 720
    away = read(prometheus_text(DistributedSegments(model, FakeClient())))
    loaded = ("skretrain_segments_loaded",)
    assert away == page | {loaded: 0}


def test_a_fleet_before_its_first_row_and_one_in_a_file_have_a_page(tmp_path):
    """Another process than the one that lets it learn may tell of it."""
    base = DriftAwareRetrainer(GaussianNB())
    assert [name for name, *_ in read(prometheus_text(SegmentedRetrainer(base, by=0)))] == [
        "skretrain_model_info"
    ]
    path = tmp_path / "fleet.db"
    page = read(prometheus_text(fleet(path=path)))
    other = SegmentedRetrainer(base, by=0, path=path)
    assert read(prometheus_text(other)) == page | {("skretrain_segments_loaded",): 0}


# -- well formed -----------------------------------------------------------------------------------


NAMES = st.sampled_from(["name", "value", "self", "model", "le", "Service_2", "_a", "x" * 50])


@given(st.dictionaries(NAMES, st.text()))
def test_any_text_may_stand_in_a_label(labels):
    """What a reader gets is what was written."""
    page = prometheus_text(DriftAwareRetrainer(GaussianNB()), labels=labels)
    ((_, *pairs),) = read(page)
    assert labels.items() <= dict(pairs).items()


def test_what_cannot_be_sent_stands_in_a_label_as_its_code():
    """The names of files hold such signs, where they are of another encoding."""
    page = prometheus_text(fitted(), labels={"job": b"caf\xe9".decode(errors="surrogateescape")})
    assert value_of(page, "alarms_total", job=r"caf\udce9") == 0
    page.encode()


def test_every_metric_of_the_list_is_given_by_somebody():
    """And nothing else: a name that nobody gives is a promise that is broken."""
    ledger = PendingLabels(mixture().fit(X[:200], Y[:200]))
    ids, _ = ledger.predict(X[:50])
    ledger.resolve(ids, Y[:50])
    pages = [prometheus_text(ledger, estimates=ESTIMATES), prometheus_text(turned(fleet()))]
    names = {name for page in pages for name, *_ in read(page)}
    assert names == {f"skretrain_{name}" for name in METRICS}


def test_the_prefix_begins_every_name():
    page = prometheus_text(fitted(), prefix="fraud_model")
    assert all(name.startswith("fraud_model_") for name, *_ in read(page))


def test_numbers_of_numpy_are_numbers():
    estimate = PerformanceEstimate(
        "cost", np.float64(0.1), np.float64(-1), np.float32(2), 1, 0, 0, ""
    )
    page = prometheus_text(fitted(), estimates=[estimate])
    assert 'skretrain_expected_performance{metric="cost"} 0.1\n' in page
    assert 'skretrain_expected_performance_low{metric="cost"} -1\n' in page


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "1st", "a b", "a:b", "ä", None, 3])
def test_a_prefix_that_cannot_begin_a_name_is_refused(prefix):
    with pytest.raises(ValueError, match=r"prefix=.*must be letters, digits and underscores"):
        prometheus_text(fitted(), prefix=prefix)


@pytest.mark.parametrize("name", ["", "1st", "a-b", "ä", 3, None])
def test_a_label_that_cannot_be_a_name_is_refused(name):
    with pytest.raises(ValueError, match="labels must be letters, digits and underscores"):
        prometheus_text(fitted(), labels={name: "x"})


@pytest.mark.parametrize("name", ["__name__", "action", "member", "state", "scope", "version"])
def test_a_label_that_samples_have_of_their_own_is_refused(name):
    with pytest.raises(ValueError, match="labels must be other than action, estimator"):
        prometheus_text(fitted(), labels={name: "x"})


def test_the_name_of_a_model_is_a_label_like_any_other_unless_there_are_several():
    assert (
        value_of(prometheus_text(fitted(), labels={"model": "a"}), "alarms_total", model="a") == 0
    )
    with pytest.raises(ValueError, match=r"labels must be other than.*model"):
        prometheus_text({"one": fitted()}, labels={"model": "a"})


def test_other_things_are_refused():
    with pytest.raises(ValueError, match="model must be a retrainer, a mixture, a fleet, a Pend"):
        prometheus_text(GaussianNB())
    with pytest.raises(ValueError, match="labels must be a dict"):
        prometheus_text(fitted(), labels=["a"])
    with pytest.raises(ValueError, match="names that differ as texts"):
        prometheus_text({1: fitted(), "1": fitted()})
    for junk in (None, 5, "ab", ESTIMATES[0], [0.9]):
        with pytest.raises(ValueError, match=r"estimates=.*must be a list, as ExpectedPerf"):
            prometheus_text(fitted(), estimates=junk)
    with pytest.raises(ValueError, match="estimates are of a single model"):
        prometheus_text({"one": fitted()}, estimates=ESTIMATES)
