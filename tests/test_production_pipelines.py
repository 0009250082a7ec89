"""Pipelines as they are in production, data frames and texts, through a whole drifting stream."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.utils.estimator_checks import ScriptedDetector

pytestmark = pytest.mark.no_cover

N_ROWS, SIZE, N_FIRST, DRIFT = 1000, 100, 200, 500
LATE = 300  # row from which on there are categories, and words, that the first fit has not seen
POLICIES = ["full_refit", "warm_start", "replay_mix"]


def orders():
    """Return a frame of orders, with gaps, and whether each was sent back."""
    rng = np.random.default_rng(0)
    price, weight = rng.lognormal(size=N_ROWS), rng.normal(size=N_ROWS)
    city = rng.choice(["Lyon", "Oslo", "Porto"], size=N_ROWS).astype(object)
    city[LATE:][rng.random(N_ROWS - LATE) < 0.3] = "Turku"
    X = pd.DataFrame({"price": price, "weight": weight, "city": city})
    y = np.where(price > 1, "returned", "kept")
    y[DRIFT:] = np.where(weight[DRIFT:] + (city[DRIFT:] == "Turku") > 0.3, "returned", "kept")
    X.loc[rng.random(N_ROWS) < 0.1, "weight"] = np.nan
    X.loc[rng.random(N_ROWS) < 0.1, "city"] = np.nan
    return X, y


def orders_model(*, routing):
    scaler = StandardScaler()
    if routing:
        scaler.set_fit_request(sample_weight=True)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), scaler), ["price", "weight"]),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"),
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            ),
            ["city"],
        ),
    ).set_output(transform="pandas")
    booster = LGBMClassifier(
        n_estimators=10, learning_rate=0.3, min_child_samples=5, n_jobs=1, verbose=-1
    )
    return make_pipeline(columns, booster)


# What people write about, before the drift and after it; the last words are new.
_WORDS = {
    False: (["refund", "broken", "late"], ["thanks", "great", "fast"]),
    True: (["leaks", "noisy", "great"], ["refund", "sturdy", "quiet"]),
}


def texts():
    """Return a list of messages, and whether each is a complaint."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=N_ROWS)
    fill = ["the", "parcel", "lamp", "chair", "and", "it", "was"]
    messages = []
    for row, complaint in enumerate(y):
        good_or_bad = _WORDS[row >= DRIFT][0 if complaint else 1]
        words = [*rng.choice(good_or_bad, size=3), *rng.choice(fill, size=4)]
        words += ["ümlaut", "新しい"] * (row >= LATE)
        messages.append(" ".join(rng.permutation(words)))
    return messages, np.where(y == 1, "complaint", "praise")


def sgd():
    return SGDClassifier(loss="log_loss", alpha=1e-3, random_state=0)


TEXT_MODELS = {
    "hashed": lambda: make_pipeline(HashingVectorizer(n_features=2**10), sgd()),
    "tfidf": lambda: make_pipeline(TfidfVectorizer(), sgd()),
}
CONTAINERS = {"list": list, "series": pd.Series}


def cut(X, rows):
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def through_the_stream(model, X, y, **params):
    """Fit, send the rest in batches; return for each row whether it was predicted right before."""

    def part(rows):
        return cut(X, rows), y[rows], {name: values[rows] for name, values in params.items()}

    first_X, first_y, first_params = part(slice(N_FIRST))
    model.fit(first_X, first_y, **first_params)
    right = np.full(len(y), False)
    for start in range(N_FIRST, len(y), SIZE):
        batch = slice(start, start + SIZE)
        batch_X, batch_y, batch_params = part(batch)
        right[batch] = model.predict(batch_X) == batch_y
        model.partial_fit(batch_X, batch_y, **batch_params)
    return right


def retrainer(base, policy):
    return DriftAwareRetrainer(
        base,
        detector=ScriptedDetector([DRIFT]),
        policy=policy,
        update=None if policy == "full_refit" else policy,
        on_error="raise",
        random_state=0,
    )


def weights():
    """Return a weight per row, none of them zero; it changes the fit."""
    return np.random.default_rng(1).uniform(0.5, 1.5, size=N_ROWS)


def assert_fresh(model, right):
    """The old concept was known, the new one is in the end, and nothing failed on the way."""
    assert right[N_FIRST:DRIFT].mean() > 0.7
    assert right[DRIFT : DRIFT + SIZE].mean() < 0.65  # a drift, for a model that has not seen it
    assert right[-2 * SIZE :].mean() > 0.7
    assert model.n_samples_seen_ == N_ROWS
    assert model.n_alarms_ == 1
    assert model.events_.counts["failed"] == model.events_.counts["rejected"] == 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("routing", [False, True], ids=["named", "routed"])
@pytest.mark.thinned(2)
def test_a_data_frame_pipeline_stays_fresh(policy, routing):
    """Missing numbers and words, categories that appear later, replayed rows with their weights."""
    X, y = orders()
    with config_context(enable_metadata_routing=routing):
        base, name = orders_model(routing=routing), "lgbmclassifier__sample_weight"
        if routing:
            base[-1].set_fit_request(sample_weight=True)
            name = "sample_weight"
        model = retrainer(base, policy)
        assert_fresh(model, through_the_stream(model, X, y, **{name: weights()}))
        np.testing.assert_array_equal(model.buffer_.latest().params[name], weights())
    encoder = model.estimator_[0].named_transformers_["pipeline-2"][-1]
    assert ("Turku" in encoder.categories_[0]) == (policy != "warm_start" or _refitted(model))
    assert list(model.feature_names_in_) == ["price", "weight", "city"]


def _refitted(model):
    return any(event.kind != "warm_start" for event in list(model.events_)[1:])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("routing", [False, True], ids=["named", "routed"])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", TEXT_MODELS)
@pytest.mark.thinned(5)
def test_a_text_pipeline_stays_fresh(kind, container, policy, routing):
    """Rows are Python strings; what is replayed is what came."""
    messages, y = texts()
    X = CONTAINERS[container](messages)
    with config_context(enable_metadata_routing=routing):
        base, name = TEXT_MODELS[kind](), "sgdclassifier__sample_weight"
        if routing:
            base[-1].set_fit_request(sample_weight=True)
            base[-1].set_partial_fit_request(sample_weight=True)
            name = "sample_weight"
        model = retrainer(base, policy)
        assert_fresh(model, through_the_stream(model, X, y, **{name: weights()}))
        rows = model.buffer_.take(np.arange(0, 25, 5))
        assert list(rows.X) == [messages[row] for row in rows.index]
        np.testing.assert_array_equal(rows.params[name], weights()[rows.index])
