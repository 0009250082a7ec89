"""Columns of a frame keep the types of the first fit, whatever a later chunk makes of them."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from catboost import CatBoostClassifier
from helpers import Rings, representatives
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from xgboost import XGBClassifier

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.buffers import SlidingWindow
from skretrain.drift import BaseTrigger, ErrorDrift, Signal
from skretrain.policies import FullRefit

N, SIZE = 400, 50
rng = np.random.default_rng(0)
NUMBER = rng.normal(size=N)
WORDS = rng.choice(["b", "a"], N).astype(object)
Y = ((WORDS == "a") ^ (rng.random(N) < 0.1)).astype(int)


class CatBoost(CatBoostClassifier):
    """With a categorical column; as a parameter, a list of them cannot be cloned."""

    def fit(self, X, y=None, **params):
        return super().fit(X, y, cat_features=["c"], **params)


LEARNERS = {
    "lightgbm": LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1),
    "xgboost": XGBClassifier(n_estimators=5, enable_categorical=True, n_jobs=1),
    "sklearn": HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype"),
    "catboost": CatBoost(iterations=5, verbose=0, thread_count=1, allow_writing_files=False),
}


def column(values, dtype=None):
    return pd.Series(values, dtype=dtype).reset_index(drop=True)


def levels(values, *order):
    return column(pd.Categorical(values, categories=list(order) or None))


def with_gaps(values):
    values = np.array(values, dtype=object)
    values[::7] = None
    return values


def changed(start, values):
    """WORDS with others from row `start` on, one chunk long."""
    words = WORDS.copy()
    words[start : start + SIZE] = values
    return words


DIGITS = np.resize(np.array(["1", "2"], dtype=object), SIZE)
NOTHING = np.full(SIZE, None)
NEW = np.resize(np.array(["c", "a", "b"], dtype=object), SIZE)

# For each: the words as they are meant, and for some chunks the column as it comes.
CATEGORIES = {
    "no value, as objects": (changed(150, NOTHING), {3: column(NOTHING, object)}),
    "no value, as floats": (changed(150, NOTHING), {3: column(np.full(SIZE, np.nan))}),
    "no value, as categories": (changed(150, NOTHING), {3: levels(NOTHING)}),
    "digits": (changed(150, DIGITS), {3: levels(DIGITS.astype(int))}),
    "digits and a gap": (
        changed(150, with_gaps(DIGITS)),
        {3: levels(pd.Series(with_gaps(DIGITS)).astype(float))},
    ),
    "plain numbers": (changed(150, DIGITS), {3: column(DIGITS.astype(int))}),
    "new levels": (changed(150, NEW), {3: levels(NEW, "c", "a", "b")}),
    "other order": (WORDS, {k: levels(WORDS[k * SIZE :][:SIZE], "a", "b") for k in (2, 3, 5)}),
    "fewer levels": (changed(150, "a"), {3: levels(np.full(SIZE, "a"), "a")}),
    "levels that nobody has": (WORDS, {3: levels(WORDS[150:200], "z", "b", "a")}),
    "missing values": (with_gaps(WORDS), {}),
    "text": (WORDS, {3: column(WORDS[150:200], "str"), 5: column(WORDS[250:300], object)}),
}
LEVELS = {
    "digits": "ba12",
    "digits and a gap": "ba12",
    "plain numbers": "ba12",
    "new levels": "bac",
}


def chunks_of(words, odd):
    for k in range(N // SIZE):
        rows = slice(k * SIZE, (k + 1) * SIZE)
        values = odd[k] if k in odd else levels(words[rows], "b", "a")
        yield pd.DataFrame({"c": values, "x": NUMBER[rows]}), Y[rows]


def streamed(model, chunks, *, strict=True):
    """Fit on two chunks, then predict and learn each of the others."""
    chunks = list(chunks)
    (X, y), (X_more, y_more) = chunks[:2]
    model.fit(pd.concat([X, X_more], ignore_index=True) if isinstance(X, pd.DataFrame)
              else pl.concat([X, X_more]), np.concatenate([y, y_more]))  # fmt: skip
    for X, y in chunks[2:]:
        before = X.clone() if isinstance(X, pl.DataFrame) else X.copy()
        try:
            model.predict(X)
        except Exception:
            assert not strict
        model.partial_fit(X, y)
        model.predict(X)
        assert X.equals(before)
    return model


def refitted_often(base, **params):
    rings = Rings(range(SIZE, N + 1, SIZE))
    return DriftAwareRetrainer(base, detector=rings, policy=FullRefit("all"), update=None, **params)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("name", "case"),
    representatives(product(LEARNERS, CATEGORIES), fast=[*product(LEARNERS, CATEGORIES)][::5]),
)
@pytest.mark.thinned(3)
def test_a_categorical_column_stays_one(name, case):
    """No refit fails, no batch is refused, and the model is that of the typed union."""
    words, odd = CATEGORIES[case]
    if name == "catboost" and pd.isna(words).any():
        pytest.skip("CatBoost takes no missing category")
    model = refitted_often(LEARNERS[name], on_error="raise")
    # XGBoost refuses to predict for a level that it was not fitted on; partial_fit teaches it.
    streamed(model, chunks_of(words, odd), strict=name != "xgboost" or case not in LEVELS)
    assert model.n_samples_seen_ == N
    dtype = pd.CategoricalDtype(list(LEVELS.get(case, "ba")))
    union = pd.DataFrame({"c": pd.Series(words, dtype=dtype), "x": NUMBER})
    memory = model.buffer_.latest().X
    pd.testing.assert_frame_equal(memory, union)
    assert memory["c"].cat.categories.tolist() == dtype.categories.tolist()
    by_hand = clone(LEARNERS[name]).fit(union, Y)
    np.testing.assert_array_equal(model.predict_proba(union), by_hand.predict_proba(union))


# -- other types -----------------------------------------------------------------------------------

FLAGS = rng.random(N) < 0.5
GAPS = np.zeros(N, dtype=bool)
GAPS[150:200:7] = True
COUNTS = rng.integers(0, 9, N)
TIMES = pd.Series(pd.date_range("2024-10-26", periods=N, freq="h"))
ZONED = TIMES.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")


def whole(values):
    """The column as it usually comes, by chunk."""
    return {k: column(values[k * SIZE : (k + 1) * SIZE]) for k in range(N // SIZE)}


def holed(values, dtype):
    """Values with gaps in the fourth chunk."""
    return pd.Series(values).astype(dtype).where(~GAPS)


# For each: the column by chunk, and as it is remembered.
TYPES = {
    "whole numbers, then a gap": (
        whole(COUNTS) | {3: column(holed(COUNTS, float)[150:200])},
        holed(COUNTS, float),
    ),
    "whole numbers, then nothing": (
        whole(COUNTS) | {3: column(NOTHING, object)},
        pd.Series(COUNTS).astype(float).where((TIMES.index < 150) | (TIMES.index >= 200)),
    ),
    "numbers as objects": (
        whole(COUNTS) | {3: column(holed(COUNTS, object)[150:200], object)},
        holed(COUNTS, float),
    ),
    "flags, then a gap": (
        whole(FLAGS) | {3: column(holed(FLAGS, object)[150:200], object)},
        holed(FLAGS.astype(float), float),
    ),
    "flags as objects": (whole(FLAGS) | {3: column(FLAGS[150:200], object)}, pd.Series(FLAGS)),
    "flags, then nothing": (
        whole(FLAGS) | {3: column(NOTHING, object)},
        pd.Series(FLAGS).astype(float).where((TIMES.index < 150) | (TIMES.index >= 200)),
    ),
    "flags that can be missing": (
        whole(FLAGS) | {3: column(holed(FLAGS, "boolean")[150:200])},
        holed(FLAGS, "boolean"),
    ),
    "whole numbers that can be missing": (
        whole(COUNTS) | {3: column(holed(COUNTS, "Int64")[150:200])},
        holed(COUNTS, "Int64"),
    ),
    "numbers as categories": (
        whole(COUNTS) | {3: levels(COUNTS[150:200])},
        pd.Series(COUNTS),
    ),
    "nothing at first": (
        whole(COUNTS) | dict.fromkeys((0, 1), column(np.full(SIZE, np.nan))),
        pd.Series(COUNTS).astype(float).where(TIMES.index >= 100),
    ),
    "nothing at first, then categories": (
        {k: levels(WORDS[k * SIZE :][:SIZE], "b", "a") for k in range(N // SIZE)}
        | dict.fromkeys((0, 1), column(np.full(SIZE, np.nan))),
        pd.Series(WORDS).where(TIMES.index >= 100).astype(pd.CategoricalDtype(["b", "a"])),
    ),
    "numbers, then words as categories": (
        {k: levels(np.resize([2, 1], SIZE)) for k in range(N // SIZE)} | {3: levels(NEW)},
        pd.Series(
            np.concatenate([np.resize(["2", "1"], 150), NEW, np.resize(["2", "1"], 200)]),
            dtype=pd.CategoricalDtype(list("12abc")),
        ),
    ),
}


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("name", "case"),
    representatives(
        product(["lightgbm", "xgboost", "sklearn"], TYPES), fast=product(["sklearn"], TYPES)
    ),
)
def test_a_column_keeps_its_type_or_gets_one_that_holds_all(name, case):
    """No refit fails, no batch is refused, and the model is that of the typed union."""
    if name == "sklearn" and case.startswith("nothing at first"):
        pytest.skip("histogram boosting cannot be fitted on a column without a value")
    by_chunk, expected = TYPES[case]
    chunks = [
        (pd.DataFrame({"c": by_chunk[k], "x": NUMBER[k * SIZE :][:SIZE]}), Y[k * SIZE :][:SIZE])
        for k in range(N // SIZE)
    ]
    model = refitted_often(LEARNERS[name], on_error="raise")
    streamed(model, chunks, strict="categories" not in case)
    assert model.n_samples_seen_ == N
    union = pd.DataFrame({"c": expected, "x": NUMBER})
    pd.testing.assert_frame_equal(model.buffer_.latest().X, union)
    by_hand = clone(LEARNERS[name]).fit(union, Y)
    np.testing.assert_array_equal(model.predict_proba(union), by_hand.predict_proba(union))


def hour_of(frame):
    return frame["t"].dt.hour.to_numpy()[:, None]


HOURLY = make_pipeline(FunctionTransformer(hour_of), LogisticRegression())
ENCODED = make_pipeline(
    ColumnTransformer([("t", OneHotEncoder(handle_unknown="ignore"), ["t"])]), LogisticRegression()
)
TEXT = pd.Series(WORDS).astype("str")

COLUMNS = {
    "a zone, then none": (HOURLY, ZONED, {3: TIMES[150:200] + pd.Timedelta(hours=1)}, ZONED),
    "another zone": (HOURLY, ZONED, {3: ZONED[150:200].dt.tz_convert("Asia/Tokyo")}, ZONED),
    "no zone, then one": (
        HOURLY, TIMES, {3: TIMES[150:200].dt.tz_localize("Asia/Tokyo")}, TIMES
    ),
    "finer times": (HOURLY, TIMES, {3: TIMES[150:200].dt.as_unit("ns")}, TIMES.dt.as_unit("ns")),
    "times as objects": (HOURLY, TIMES, {3: TIMES[150:200].astype(object)}, TIMES),
    "text, then objects": (ENCODED, TEXT, {3: TEXT[150:200].astype(object)}, TEXT),
    "text, then categories": (ENCODED, TEXT, {3: TEXT[150:200].astype("category")}, TEXT),
    "objects, then text": (
        ENCODED, TEXT.astype(object), {3: TEXT[150:200]}, TEXT.astype(object)
    ),
    "objects, then categories": (
        ENCODED, TEXT.astype(object), {3: TEXT[150:200].astype("category")}, TEXT.astype(object)
    ),
}  # fmt: skip


@pytest.mark.no_cover
@pytest.mark.parametrize("case", COLUMNS)
def test_times_and_text_keep_their_type(case):
    base, usual, odd, expected = COLUMNS[case]
    chunks = [
        (pd.DataFrame({"t": column(odd.get(k, usual[k * SIZE : (k + 1) * SIZE]))}),
         Y[k * SIZE : (k + 1) * SIZE])
        for k in range(N // SIZE)
    ]  # fmt: skip
    model = streamed(refitted_often(base, on_error="raise"), chunks)
    union = pd.DataFrame({"t": expected})
    pd.testing.assert_frame_equal(model.buffer_.latest().X, union)
    by_hand = clone(base).fit(union, Y)
    np.testing.assert_array_equal(model.predict_proba(union), by_hand.predict_proba(union))


# -- polars ----------------------------------------------------------------------------------------


def polars_levels(values, *order):
    return pl.Series([*values], dtype=pl.Enum(list(order)) if order else pl.Categorical)


POLARS = {
    "other levels": (changed(150, NEW), {3: polars_levels(NEW, "c", "b", "a")}, "bac"),
    "other order": (WORDS, {3: polars_levels(WORDS[150:200], "a", "b")}, "ba"),
    "no value": (changed(150, NOTHING), {3: pl.Series([None] * SIZE)}, "ba"),
    "no value, as text": (changed(150, NOTHING), {3: pl.Series([None] * SIZE, dtype=str)}, "ba"),
    "text": (WORDS, {3: pl.Series(WORDS[150:200].tolist())}, "ba"),
    "categories of the library": (WORDS, {3: polars_levels(WORDS[150:200])}, "ba"),
    "digits": (changed(150, DIGITS), {3: pl.Series(DIGITS.astype(int))}, "ba12"),
    "nothing at first": (
        changed(0, NOTHING), dict.fromkeys((0,), pl.Series([None] * SIZE)), "ba",
    ),
}  # fmt: skip


def in_polars(words, odd):
    for k in range(N // SIZE):
        rows = slice(k * SIZE, (k + 1) * SIZE)
        values = odd[k] if k in odd else polars_levels(words[rows], "b", "a")
        yield pl.DataFrame({"c": values, "x": NUMBER[rows]}), Y[rows]


@pytest.mark.no_cover
@pytest.mark.parametrize("case", POLARS)
def test_levels_of_polars_are_joined(case):
    """The first two chunks are one fit, so that nothing at first is for the join."""
    words, odd, order = POLARS[case]
    base = LEARNERS["xgboost"]
    chunks = list(in_polars(words, odd))
    model = refitted_often(base, on_error="raise", initial_size=2 * SIZE)
    for X, y in chunks:
        model.partial_fit(X, y)
    union = pl.DataFrame({"c": pl.Series(words.tolist(), dtype=pl.Enum(list(order))), "x": NUMBER})
    memory = model.buffer_.latest().X
    assert memory.equals(union)
    assert memory.schema == union.schema
    by_hand = clone(base).fit(union, Y)
    np.testing.assert_array_equal(model.predict_proba(union), by_hand.predict_proba(union))
    for X, _ in chunks[2:]:
        assert len(model.predict(X)) == SIZE


# -- on the way ------------------------------------------------------------------------------------

ODD = {1: column(np.full(SIZE, np.nan)), 3: levels(DIGITS.astype(int)), 5: column(NOTHING, object)}
MEANT = changed(150, DIGITS)
MEANT[50:100] = MEANT[250:300] = None
ARRIVING = list(chunks_of(MEANT, ODD))


@pytest.mark.parametrize("make", [
    lambda base: DriftAwareRetrainer(base, detector=Rings([200, 350]), random_state=0),
    lambda base: refitted_often(base, buffer=SlidingWindow(max_rows=60)),
    lambda base: ReplayPartialFit(base, random_state=0),
    lambda base: MixtureRetrainer(
        [("a", DriftAwareRetrainer(base)), ("b", refitted_often(base))], budget=0.5
    ),
])  # fmt: skip
@pytest.mark.parametrize(
    "name", representatives(["lightgbm", "xgboost", "sklearn"], fast=["lightgbm"])
)
@pytest.mark.no_cover
def test_continued_replayed_mixed_or_out_of_a_short_memory(name, make):
    """Long after the odd chunks have left the window, nothing has failed."""
    model = make(LEARNERS[name]).fit(*ARRIVING[0])
    for X, y in ARRIVING[1:]:
        model.partial_fit(X, y)
        assert len(model.predict(X)) == SIZE
    assert model.events_.counts["failed"] == 0
    for member in getattr(model, "estimators_", [model]):
        assert member.buffer_.latest().X["c"].cat.categories.tolist() == list("ba12")


@pytest.mark.no_cover
def test_rows_that_wait_for_the_first_fit_decide_on_the_types():
    model = refitted_often(LEARNERS["lightgbm"], initial_size=3 * SIZE)
    for X, y in ARRIVING:
        model.partial_fit(X, y)
    assert model.buffer_.latest().X["c"].cat.categories.tolist() == list("ba12")


def test_a_model_of_number_levels_is_asked_for_them_until_it_is_fitted_anew():
    """A word next to them is a level that it does not know; the numbers it reads as ever."""
    numbers = pd.DataFrame({"c": levels(np.resize([2, 1], N)), "x": NUMBER})
    y = (np.resize([2, 1], N) == 1).astype(int)
    model = DriftAwareRetrainer(LEARNERS["lightgbm"], detector=None).fit(numbers, y)
    asked = pd.DataFrame({"c": levels(["1", "2", "word"] * 2), "x": NUMBER[:6]})
    np.testing.assert_array_equal(
        model.predict_proba(asked)[[0, 1, 3, 4]],
        model.predict_proba(asked.assign(c=levels([1, 2, np.nan] * 2)))[[0, 1, 3, 4]],
    )
    model.partial_fit(asked, np.array([1, 0, 0] * 2))
    assert (
        "levels of ['c'] have other codes from now on: they were numbers"
        in model.events_[-1].reason
    )
    assert model.events_[-1].action == "retrained"
    assert model.predict(asked).tolist()[:2] == [1, 0]


def test_a_trigger_judges_the_predictions_that_were_served():
    """In a dry run the model stays one of numbers: it reads the text as predict does."""
    source = np.random.default_rng(1)

    def batch(*words):
        words = source.choice(np.array(words, dtype=object), 200)
        y = np.array([str(word) in "13" for word in words]).astype(int)
        return pd.DataFrame({"c": pd.Categorical(words)}), y

    base = HistGradientBoostingClassifier(max_iter=20, categorical_features="from_dtype")
    model = DriftAwareRetrainer(base, detector=ErrorDrift(), dry_run=True)
    model.fit(*batch(1, 2, 3, 4))
    for _ in range(2):
        model.partial_fit(*batch(1, 2, 3, 4))
    for _ in range(6):
        X, y = batch("1", "2", "3", "4", "A3")
        assert model.score(X, y) == 1
        model.partial_fit(X, y)
    assert model.n_alarms_ == 0
    # That the levels are others is told once, and not with every batch.
    assert [event.action for event in model.events_].count("suggested") == 1


def test_a_trigger_without_labels_judges_the_predictions_that_were_served():
    seen = []

    class Looks(BaseTrigger):
        needs = frozenset({"y_pred"})

        def reset(self):
            return self

        def update(self, batch):
            seen.append(batch.y_pred)
            return Signal("stable")

    X = pd.DataFrame({"c": levels(np.resize([2, 1], 100))})
    base = HistGradientBoostingClassifier(max_iter=20, categorical_features="from_dtype")
    model = DriftAwareRetrainer(base, detector=Looks(), dry_run=True).fit(X, np.resize([0, 1], 100))
    words = pd.DataFrame({"c": levels(["1", "2", "word"])})
    model.partial_fit(words, np.array([1, 0, 0]))
    model.observe(words)
    assert seen[-1].tolist() == model.predict(words).tolist()
    assert seen[-1].tolist()[:2] == [1, 0]


@pytest.mark.parametrize(("first", "then"), [
    ([False, True], [0, 1]), ([0, 1], [False, True]), ([False, True], [0.0, 1.0]),
])  # fmt: skip
def test_flags_and_numbers_are_the_same_levels_to_a_model(first, then):
    X, X_then = (pd.DataFrame({"c": levels(np.resize(v, 100))}) for v in (first, then))
    y = np.resize([0, 1], 100)
    model = DriftAwareRetrainer(LEARNERS["sklearn"], detector=None)
    assert model.fit(X, y).score(X_then, y) == 1
    model.partial_fit(X_then, y)
    assert model.buffer_.latest().X["c"].notna().all()


def test_levels_that_every_batch_cuts_anew_are_remembered():
    model = DriftAwareRetrainer(make_pipeline(
        ColumnTransformer([("c", OneHotEncoder(handle_unknown="ignore"), ["c"])]),
        LogisticRegression(),
    ), detector=None)  # fmt: skip
    cuts = [pd.Series(pd.qcut(NUMBER[k * SIZE : (k + 1) * SIZE], 3)) for k in range(4)]
    for k, cut in enumerate(cuts):
        model.partial_fit(cut.to_frame("c"), Y[k * SIZE : (k + 1) * SIZE])
    memory = model.buffer_.latest().X["c"]
    assert memory.tolist() == [interval for cut in cuts for interval in cut]
    assert len(memory.cat.categories) == 3 * 4


def test_a_rank_in_between_makes_a_model_learn_the_codes_anew():
    """Until then it reads the true order; an order that nobody told it is never asserted."""

    def ranked(order, values):
        return pd.DataFrame({"c": levels(values, *order).cat.as_ordered()})

    at_least_high = FunctionTransformer(lambda X: X[["c"]].ge("high").astype(float))
    model = DriftAwareRetrainer(make_pipeline(at_least_high, LogisticRegression()), detector=None)
    model.fit(ranked(["low", "high"], ["low", "high"] * 30), np.resize([0, 1], 60))
    middle = ranked(["low", "middle", "high"], ["middle", "low", "high"] * 30)
    assert model.score(middle, np.resize([0, 0, 1], 90)) == 1
    model.partial_fit(middle, np.resize([0, 0, 1], 90))
    assert model.events_[-1].action == "retrained"
    assert "a new one stands between them" in model.events_[-1].reason
    order = model.buffer_.latest().X["c"].cat
    assert order.ordered
    assert order.categories.tolist() == ["low", "middle", "high"]
    model.partial_fit(middle, np.resize([0, 0, 1], 90))
    assert ["other codes" in event.reason for event in model.events_].count(True) == 1
