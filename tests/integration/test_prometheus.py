"""Prometheus' own parser reads the page as it was meant."""

import math

import numpy as np
import pytest
from helpers import Rings, feed, stream
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.serving import (
    PendingLabels,
    PerformanceEstimate,
    SegmentedRetrainer,
    prometheus_text,
)
from skretrain.serving._prometheus import METRICS

parser = pytest.importorskip(
    "prometheus_client.parser", reason="the extra `integration` is not installed"
)

X, Y = stream(600, drift=300)
ESTIMATES = [
    PerformanceEstimate("accuracy", 0.9, 0.85, math.inf, 100, 0, 100, ""),
    PerformanceEstimate("roc_auc", math.nan, math.nan, math.nan, 100, 0, 0, "withdrawn"),
]


def fitted():
    return DriftAwareRetrainer(GaussianNB(), detector=Rings([310])).fit(X[:200], Y[:200])


def ledger():
    """Return a ledger of a mixture, with labels that came."""
    members = [("one", fitted()), ("two", DriftAwareRetrainer(GaussianNB()))]
    mixture = MixtureRetrainer(members).fit(X[:200], Y[:200])
    served = PendingLabels(mixture)
    ids, _ = served.predict(X[200:250])
    served.resolve(ids[:30], Y[200:230])
    feed(mixture, X, Y, 50, 200)
    return served


def fleet():
    """Return a fleet of which a segment's alarm is open."""
    rows = np.column_stack([np.arange(600) % 3, X])
    model = SegmentedRetrainer(DriftAwareRetrainer(GaussianNB(), detector=None), by=0)
    turned = np.where(rows[:, 0] == 1, 1 - Y, Y)
    return model.fit(rows[:300], Y[:300]).partial_fit(rows[:200], Y[:200]).partial_fit(rows, turned)


def families_of(page):
    return {family.name: family for family in parser.text_string_to_metric_families(page)}


def test_every_metric_is_read_with_its_kind_and_its_help():
    families = families_of(prometheus_text(ledger(), estimates=ESTIMATES))
    families |= families_of(prometheus_text(fleet()))
    expected = {
        # The parser leaves out what says that a name is that of a counter.
        f"skretrain_{name}".removesuffix("_total"): (
            "counter" if name.endswith("_total") else "gauge",
            text,
        )
        for name, text in METRICS.items()
    }
    assert {
        name: (family.type, family.documentation) for name, family in families.items()
    } == expected


def test_every_sample_is_read_with_its_labels_and_its_value():
    odd = 'a "quoted" \\ path\nand a line, {b="c"} = 1'
    model = feed(fitted(), X, Y, 50, 200)
    page = prometheus_text({"one": model, "two": ledger()}, labels={"odd": odd})
    samples = [sample for family in families_of(page).values() for sample in family.samples]
    n_lines = sum(not line.startswith("#") for line in page.splitlines())
    assert len(samples) == n_lines
    assert {sample.labels["odd"] for sample in samples} == {odd}
    assert all(math.isfinite(sample.value) for sample in samples)
    seen = {
        sample.labels["action"]: sample.value
        for sample in samples
        if sample.name == "skretrain_events_total" and sample.labels["model"] == "one"
    }
    assert seen == model.events_.counts


def test_a_number_that_is_infinite_is_read_as_one():
    families = families_of(prometheus_text(fitted(), estimates=ESTIMATES))
    (high,) = families["skretrain_expected_performance_high"].samples
    assert high.value == math.inf
