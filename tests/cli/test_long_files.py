"""A file with more rows than there is room for: ``skretrain compare`` takes it in batches."""

import argparse
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain.cli import _compare, _compare_rows, _encoding, _memory, _stream
from skretrain.cli._cut import newest_known, usual_batch
from skretrain.cli._encoding import Encoding
from skretrain.cli._errors import CommandError
from skretrain.cli._files import read_tables, typed_parts
from skretrain.cli._reader import Reader, Rows
from skretrain.cli._stream import Baselines, FileStream
from skretrain.model_selection._compare import _checkpoint
from skretrain.model_selection._edges import edges_of
from skretrain.model_selection._timing import Timing

_FITTING = 1_150
_OPTIONS = ("--max-memory", "1GB", "--estimator", "nb", "--batch", "150", "--warm-up", "150")

_NO_TEXT = ("--drop", "city", "--drop", "holes")


@pytest.fixture
def long(table):
    """1,500 rows of which a few have no target; three rows come at a time."""
    frame = pd.concat([table, table, table[:300]], ignore_index=True)
    frame["when"] = np.arange(1500) // 3
    frame["weight"] = np.random.default_rng(0).integers(0, 9, 1500) / 4
    frame.loc[900:1000, "weight"] = 0.0
    frame.loc[[5, 700, 1333], ["label", "amount"]] = np.nan
    return frame


@pytest.fixture
def little_room(monkeypatch):
    """There is room for 1,150 rows, and their first 600 tell what the columns hold."""
    monkeypatch.setattr(_memory.Room, "n_rows", lambda self, first, is_text: _FITTING)
    monkeypatch.setattr(_memory, "_HEAD", 600)
    monkeypatch.setattr(_compare_rows, "_ROOM", 6)  # batches: few rows are enough for some


def _arguments(*options):
    parser = argparse.ArgumentParser()
    _compare.add_arguments(parser)
    return parser.parse_args([*_OPTIONS, *map(str, options)])


def _numbers(rows):
    """Return the table but for seconds."""
    return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in rows]


def _alike(rows, others):
    """Tell whether tables agree, to a digit or so before the last where they hold floats."""
    for one, other in zip(_numbers(rows), _numbers(others), strict=True):
        for name, text in one.items():
            try:
                assert float(text) == pytest.approx(float(other[name]), rel=1e-9, abs=1e-9)
            except ValueError:
                assert text == other[name]
    return True


# -- the numbers are those of the whole file -------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("stream.csv", ("--target", "label", "--time", "when", "--label-delay", "70")),
        ("stream.parquet", ("--target", "amount", "--price", "3", "--estimator", "sgd")),
        ("stream.parquet", ("--target", "label", "--seeds", "2", "--scoring", "accuracy")),
        ("stream.parquet", ("--target", "label", "--raw", *_NO_TEXT)),
        ("stream.parquet", ("--target", "label", "--time", "when", "--sample-weight", "weight")),
    ],
)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_a_file_in_batches_gives_the_numbers_of_the_whole(name, options, run, long, little_room):
    """Scores, costs, kappa and fits, of policies and of rules without a model."""
    code, printed, err, rows = run(long, *_OPTIONS, *options, name=name, quick=True)
    assert (code, err) == (0, "")
    assert "all 1,500 rows of the file are gone through in batches" in printed
    assert re.search(r"50 % of the rows, [\d,]+ rows/s, [\d,]+ s left", printed)
    whole = run(long, *_OPTIONS[2:], *options, name=name, quick=True)[3]
    assert _alike(rows, whole)


@pytest.mark.no_cover
def test_there_are_the_usual_schedules_but_those_on_all_rows(run, long, little_room):
    _, printed, _, rows = run(long, "--target", "label", *_OPTIONS, "--schedule", "200")
    names = [row["policy"] for row in rows]
    assert "every 200 on last 1,500" in names
    assert "mixture" in names
    assert not [name for name in names if name.endswith("on all")]
    assert "the cheapest within the noise" in printed


def test_a_page_has_its_pictures(run, long, little_room, unrendered, tmp_path):
    """All but those that need what was predicted for each row."""
    code, *_ = run(long, "--target", "label", *_OPTIONS, quick=True, pictures=True)
    assert code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for title in ("for what it takes", "Every policy over time", "over time", "What moved most"):
        assert title in page
    assert "Each class of" not in page


def test_a_stopped_run_goes_on_and_ends_the_same(run, long, little_room, tmp_path, monkeypatch):
    """What was learned before is read, and not learned again."""
    monkeypatch.setattr(_checkpoint, "_SHARE", np.inf)
    options = ("--target", "label", *_OPTIONS, "--resume", str(tmp_path / "kept"))
    expected = run(long, "--target", "label", *_OPTIONS, quick=True)[3]
    learned, learn, stop = [], GaussianNB.partial_fit, 3

    def partial_fit(self, *args, **kwargs):
        learned.append(1)
        if len(learned) == stop:
            raise KeyboardInterrupt
        return learn(self, *args, **kwargs)

    monkeypatch.setattr(GaussianNB, "partial_fit", partial_fit)
    code, _, err, _ = run(long, *options, quick=True)
    assert (code, err) == (130, "skretrain compare: stopped\n")
    code, _, _, rows = run(long, *options, quick=True)
    assert code == 0
    assert _numbers(rows) == _numbers(expected)
    n_learned = len(learned)
    assert run(long, *options, quick=True)[3] == rows
    assert len(learned) == n_learned
    other = long.assign(temp=long["temp"].where(long.index < 1000, 0.0))
    code, _, err, _ = run(other, *options, quick=True)
    assert code == 2
    assert "--resume: the file is another than that of the run which was stopped" in err


def test_a_state_that_cannot_be_kept_is_told_and_one_that_is_broken_refused(
    run, long, little_room, tmp_path, monkeypatch
):
    """In the words of the option, and without a traceback."""
    kept = tmp_path / "kept"
    options = ("--target", "label", *_OPTIONS, "--resume", str(kept))

    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint, "write_whole", full)
        code, out, *_ = run(long, *options, quick=True)
    assert code == 0
    assert " ".join(out.split()).count("warning: --resume: the state could not be written") == 1
    assert run(long, *options, quick=True)[0] == 0
    (path,) = kept.rglob("*.pickle")
    path.write_bytes(b"")
    code, _, err, _ = run(long, *options, quick=True)
    assert code == 2
    assert f"error: --resume: '{path}', which has the state" in err


def test_a_class_that_comes_late_is_a_class(run, long, little_room):
    """The head does not show it; a matrix of costs does not know it."""
    long.loc[1200::4, "label"] = "perhaps"
    code, *_ = run(long, "--target", "label", *_OPTIONS, quick=True)
    assert code == 0
    costs = ("--cost-matrix", "yes>no=9,no>yes=1")
    code, _, err, _ = run(long, "--target", "label", *_OPTIONS, *costs, quick=True)
    assert code == 2
    assert "--target 'label' is 'perhaps' in a late row of the file" in err


@pytest.mark.parametrize("raw", [(), ("--estimator", "sklearn.naive_bayes:GaussianNB")])
def test_a_column_that_holds_something_else_later_is_named(raw, run, long, little_room):
    """Whoever the model belongs to: it is the file."""
    long["temp"] = long["temp"].astype(object)
    long.loc[1100, "temp"] = "warm"
    code, _, err, _ = run(long, "--target", "label", *_OPTIONS, *raw, quick=True)
    assert code == 2
    assert err.startswith("skretrain compare: error: 'temp' holds 'warm', and before it held")


# -- which files are gone through ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--label-time", "told"], "--label-time is about all rows together"),
        (["--time-budget", "5min"], "--time-budget is about all rows together"),
        (["--price", "flip=1"], r"changed decisions \(flip=\) are counted on all rows"),
        (["--label-delay", "1d"], "1 day is a length of time, and not of rows"),
        (["--schedule", "daily"], "1 day is a length of time, and not of rows"),
        (["--scoring", "roc_auc"], "the ROC AUC is a score of all rows together"),
        (["--batch", "200"], "no room for batches of 200 rows, a warm-up of 150 and a label delay"),
    ],
)
def test_what_needs_rows_together_is_said(options, reason, long, little_room, tmp_path):
    """The last rows are read then, as of the newest."""
    long["holes"] = long["holes"].fillna(1.0).abs()
    long["came"] = pd.date_range("2024-01-01", periods=len(long), freq="h")
    long["told"] = long["came"] + pd.Timedelta("1h")
    long.to_parquet(tmp_path / "stream.parquet")
    found = _arguments(tmp_path / "stream.parquet", "--target=label", "--time=came", *options)
    history, _ = _compare_rows.rows_and_metric(found)
    assert history.stream is None
    assert re.search(
        f"there is no room for more in --max-memory 1,000 MB, and .*{reason}", history.notices[0]
    )


def test_rows_that_are_in_no_order_are_not_gone_through(long, little_room, tmp_path):
    """As of a file of which the last rows are read, they are refused."""
    long.to_parquet(tmp_path / "stream.parquet")
    found = _arguments(tmp_path / "stream.parquet", "--target=label", "--time=temp")
    with pytest.raises(_compare_rows._Together, match="its rows are not in the order of 'temp'"):
        _compare_rows._in_batches(found)
    with pytest.raises(CommandError, match="not in the order of --time 'temp'"):
        _compare_rows.rows_and_metric(found)


@pytest.mark.parametrize("n_rows", [1_500, 1_100])
def test_where_too_few_rows_fit_the_error_says_whether_there_are_more(
    n_rows, long, little_room, tmp_path
):
    """To bring more rows would not help then."""
    long[:n_rows].to_csv(tmp_path / "stream.csv", index=False)
    options = ("--target", "label", "--time-budget", "1h", "--batch", 800)
    with pytest.raises(CommandError, match="rows are too few: a warm-up of") as caught:
        _compare_rows.rows_and_metric(_arguments(tmp_path / "stream.csv", *options))
    is_cut = "Or allow more memory: the last 1,150 of 1,500 rows of the file are read"
    assert (is_cut in str(caught.value)) == (n_rows == 1_500)


def test_a_file_for_which_there_is_room_is_compared_whole(long, little_room, tmp_path):
    """As without a bound."""
    long[:_FITTING].to_csv(tmp_path / "stream.csv", index=False)
    found = [
        _compare_rows.rows_and_metric(_arguments(tmp_path / "stream.csv", "--target", "label"))[0]
    ]
    arguments = _arguments(tmp_path / "stream.csv", "--target", "label")
    arguments.max_memory = None
    found.append(_compare_rows.rows_and_metric(arguments)[0])
    np.testing.assert_array_equal(found[0].X, found[1].X)
    assert found[0].notices == found[1].notices


def test_without_a_batch_and_a_warm_up_they_are_as_long_as_there_is_room(
    long, little_room, tmp_path, monkeypatch
):
    """A window has ten batches, and is copied: a twentieth of the room, or 100 rows."""
    monkeypatch.setattr(_memory.Room, "n_rows", lambda self, first, is_text: 4_500)
    monkeypatch.setattr(_compare_rows, "_ROOM", 20)
    rows = pd.concat([long] * 4, ignore_index=True)
    rows.to_parquet(tmp_path / "stream.parquet")
    arguments = _arguments(tmp_path / "stream.parquet", "--target", "label")
    arguments.batch = arguments.warm_up = None
    history, _ = _compare_rows.rows_and_metric(arguments)
    assert (history.stream.batch, history.warm_up, history.n_rows) == (100, 600, 6_000)


@pytest.mark.parametrize(
    ("n_rows", "most", "batch"),
    [(10_000, np.inf, 100), (1_000_000, np.inf, 5_000), (1_000_000, 4_999, 2_000)],
)
def test_a_batch_is_a_round_number_and_has_room(n_rows, most, batch):
    assert usual_batch(n_rows, most) == batch


def test_the_order_of_texts_that_are_numbers_is_theirs(tmp_path, monkeypatch):
    """Although 1999 looks like a year, and 999 does not."""
    frame = pd.DataFrame({"n": np.arange(900, 2100).astype(str), "x": 1.0})
    room = _memory.HeadRoom(10**9, time="n")
    monkeypatch.setattr(room, "n_rows", lambda first, is_text: 100)
    room.rows_of([frame[:300], frame[300:]], is_text=True)
    assert room.is_ordered
    room.rows_of([frame[300:], frame[:300]], is_text=True)
    assert not room.is_ordered


# -- parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stream.csv", "stream.parquet", "folder"])
def test_parts_are_the_table_as_it_is_read_whole(name, long, tmp_path, monkeypatch):
    """Types and gaps included, words for no value, too."""
    monkeypatch.setattr("skretrain.cli._csv._PART", 400)
    monkeypatch.setattr("skretrain.datasets._parquet._BYTES_AT_ONCE", 20_000)
    path = tmp_path / name
    long = long.assign(year=np.arange(1500) // 700)
    if name == "folder":
        long.to_parquet(path, partition_cols=["year"])
    else:
        long.to_csv(path, index=False) if name.endswith("csv") else long.to_parquet(path)
    types, options = {}, {"missing": ["[b]"]}
    (whole,) = read_tables([path], [], types=types, **options)
    parts = list(typed_parts(path, types=types, **options))
    assert len(parts) > 2
    assert [part.index[0] for part in parts] == [0] * len(parts)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, check_dtype=False)


@pytest.mark.parametrize("columns", [["temp", "city", "note"], ["note"], ["temp"]])
def test_rows_are_encoded_alike_whatever_comes_with_them(columns, table, monkeypatch):
    """Also words."""
    monkeypatch.setattr(_encoding, "_words_do_better", lambda first, y, texts, base: bool(texts))
    numbers = np.random.default_rng(0).integers(0, 300, (len(table), 2))
    table["note"] = [f"word {one} and {two}" for one, two in numbers]
    y = (table["label"] == "yes").to_numpy().astype(int)
    encoding = Encoding(table[columns][:200], y[:200], LogisticRegression())
    assert ("words" in encoding.by) == ("note" in columns)
    whole = encoding.numbers(table)
    parts = [encoding.numbers(table[n : n + 150]) for n in range(0, 600, 150)]
    dense = [part.toarray() if "note" in columns else part for part in [whole, *parts]]
    np.testing.assert_array_equal(np.concatenate(dense[1:]), dense[0])


class _AsItIs:
    """A Reader of frames of a target and a time."""

    def rows(self, table):
        y = table["y"].to_numpy()
        return Rows(table[["y"]], y, table["time"].to_numpy(), table, {"sample_weight": y + 0.5})


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 2), min_size=2, max_size=60),
    st.integers(1, 20),
    st.integers(1, 15),
    st.integers(1, 25),
    st.integers(0, 20),
)
def test_batches_and_baselines_are_those_of_the_whole(steps, warm_up, batch, part, delay):
    """However the file comes in parts: batches end with a time, and targets come as late."""
    times, n = np.cumsum(steps), len(steps)
    y = np.random.default_rng(0).integers(0, 3, n)
    table = pd.DataFrame({"time": times, "y": y})
    edges = edges_of(n, min(warm_up, n), batch, times)
    stream = FileStream(
        None, _AsItIs(), missing=(), types={}, warm_up=warm_up, batch=batch, n_rows=0
    )
    rules = Baselines(1, np.not_equal, delay)
    with pytest.MonkeyPatch.context() as patch:
        cut = [table[first : first + part] for first in range(0, n, part)]
        patch.setattr(_stream, "typed_parts", lambda *args, **options: [table[:0], *cut])
        given = list(rules.watched(stream))
    np.testing.assert_array_equal(np.cumsum([0, *(len(part) for _, part, _ in given)]), edges)
    for _, part, params in given:
        np.testing.assert_array_equal(params["sample_weight"], part + 0.5)
    np.testing.assert_array_equal(np.concatenate([part for _, part, _ in given]), y)
    assert stream.n_rows == n
    pd.testing.assert_frame_equal(stream.newest(), table[-warm_up:])
    if len(edges) < 3:
        return
    newest = newest_known(Timing(warm_up, delay, 0), times, n)
    wrong = (y != y[np.maximum(newest, 0)]) & (newest >= 0)
    starts = edges[1:-1]
    (constant, n_rows), (same, n_known) = rules.losses()
    np.testing.assert_array_equal(constant, np.add.reduceat((y != 1).astype(float), starts))
    np.testing.assert_array_equal(n_rows, np.diff(edges)[1:])
    np.testing.assert_array_equal(same, np.add.reduceat(wrong.astype(float), starts))
    np.testing.assert_array_equal(n_known, np.add.reduceat((newest >= 0).astype(int), starts))


def test_a_late_row_with_a_wrong_weight_is_refused(run, long, little_room):
    """By the name of the column, as in the whole file."""
    options = ("--target", "label", "--sample-weight", "weight")
    long.loc[1400, "weight"] = -1.0
    code, printed, err, _ = run(long, *_OPTIONS, *options, name="stream.parquet", quick=True)
    assert code == 2
    assert re.search(r"weight, from [\d.]+ to 2: [^)]* that of the first 150\s+rows", printed)
    assert "--sample-weight 'weight' holds -1, and a weight is a finite number" in err


def test_rows_of_a_part_in_which_none_counts_are_none():
    """Nor are those of a part without a target."""
    table = pd.DataFrame({"y": [1.0, 2.0], "x": [3.0, 4.0], "t": [0, 1], "w": [0, 0]})
    reader = Reader("y", "t", ["x"], lambda y: y.to_numpy(), None, {"sample_weight": "w"})
    for part in (table, table[:0]):
        rows = reader.rows(part)
        assert [*map(len, (rows.X, rows.y, rows.times, rows.params["sample_weight"]))] == [0] * 4
