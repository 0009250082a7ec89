"""Lengths of time on the command line: batches, delays, schedules and budgets."""

import argparse
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skretrain.cli._cut import in_rows, length, seconds
from skretrain.cli._metric import ACCURACY
from skretrain.cli._policies import no_change
from skretrain.model_selection import prequential_validate
from skretrain.utils._durations import Duration


@pytest.fixture
def dated():
    """900 rows at odd minutes of 90 days, whose concept turns after 45 of them."""
    rng = np.random.default_rng(5)
    minutes = np.sort(rng.integers(0, 90 * 24 * 60, size=900))
    X = rng.normal(size=(900, 2))
    turned = minutes < 45 * 24 * 60
    y = np.where(X[:, 0] * np.where(turned, 1, -1) > 0, "yes", "no")
    frame = pd.DataFrame({"x": X[:, 0], "noise": X[:, 1], "answer": y})
    return frame.assign(at=np.datetime64("2024-01-01", "s") + minutes.astype("timedelta64[m]"))


ANSWER = ("--target", "answer", "--time", "at")
DAILY = (*ANSWER, "--batch", "1d", "--warm-up", "2w", "--label-delay", "3d")


@pytest.mark.no_cover
def test_a_history_by_the_calendar_is_that_of_the_library(run, dated, history):
    code, printed, _, _ = run(dated, *DAILY, "--estimator", "nb", quick=True)
    assert code == 0
    said = " ".join(printed.split())
    assert "batches of 1 day with a label delay of 3 days" in said
    assert "batches, one per day, have" in said
    stream = history(
        dated,
        "answer",
        time="at",
        estimator="nb",
        batch=Duration(1, "d"),
        warm_up=Duration(2, "w"),
        label_delay=Duration(3, "d"),
    )
    assert stream.times.dtype == "M8[us]"
    result = prequential_validate(
        stream.base,
        stream.X,
        stream.y,
        times=dated["at"],
        batch_size="1d",
        initial_size="2w",
        label_delay="3d",
    )
    assert stream.warm_up == result.batch_rows[0]
    np.testing.assert_array_equal(stream.timing.edges[1:-1], result.batch_rows)
    baseline = no_change(stream, ACCURACY)
    times = dated["at"].to_numpy()
    for row in range(stream.warm_up, len(dated)):
        known = np.flatnonzero(times + np.timedelta64(3, "D") <= times[row])
        known = known[times[known] < times[row]]
        assert baseline.predicted[row - stream.warm_up] == stream.y[known[-1]]


def test_a_schedule_that_is_asked_for_stands_in_the_table(run, dated, only):
    options = (*DAILY, "--estimator", "nb", "--schedule", "weekly", "--schedule", "200")
    lengths = [
        f"every {n} on {rows}"
        for n in ("day", "7 days", "28 days", "week", "200")
        for rows in ("all", "last 10 days")
    ]
    with only(["never", *lengths]):
        rows = run(dated, *options)[3]
    names = [row["policy"] for row in rows]
    assert names[1:5] == [
        "every week on all",
        "every week on last 10 days",
        "every 200 on all",
        "every 200 on last 10 days",
    ]
    assert {"every day on all", "every 7 days on all", "every 28 days on last 10 days"} < set(names)
    by_name = {row["policy"]: row for row in rows}
    mondays = pd.Series(dated["at"]).dt.to_period("W-SUN").nunique()
    # The first two weeks are the warm-up, the third begins the schedule.
    assert abs(float(by_name["every week on all"]["fits"]) - (mondays - 2)) <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--batch", "1d"), "--batch 1d needs dates, and there are none: name the column with"),
        (("--label-delay", "2w"), "--label-delay 2w needs dates"),
        (("--warm-up", "90d"), "--warm-up 90d needs dates"),
        (("--schedule", "weekly"), "--schedule 1w needs dates"),
        (("--time", "n", "--batch", "1d"), "--batch 1d needs dates, and --time 'n' holds none"),
        (("--time", "at", "--batch", "3mo"), "no two batches of 3 months in 'at'"),
        (("--time", "at", "--label-delay", "2y"), "--label-delay 2y is so long that no label"),
        (("--schedule", "10"), "--schedule 10 is shorter than a batch of 50 rows"),
        (("--schedule", "5000"), "--schedule 5000 is longer than the history"),
        (("--time", "at", "--schedule", "1y"), "--schedule 1y is longer than the history"),
        (
            ("--time", "at", "--batch", "1d", "--schedule", "1h"),
            "--schedule 1h is shorter than a batch of 1 day",
        ),
        (
            ("--time", "at", "--warm-up", "890", "--label-delay", "3d"),
            "900 rows are too few: a warm-up of 890, a label delay of 3 days and two batches",
        ),
        (("--time", "at", "--drop", "at"), "--drop 'at' is the column of --time"),
    ],
)
def test_time_without_dates_is_refused(options, message, run, dated):
    dated["n"] = np.arange(len(dated)) // 3
    code, _, error, _ = run(dated, "--target", "answer", *options)
    assert code == 2
    assert message in error


@pytest.mark.parametrize("text", ["soon", "0", "-3", "1.5", "0d", ""])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="neither a whole number of at least 1"):
        length(1)(text)
    assert length(0)("0") == 0
    assert length(1)("Weekly") == Duration(1, "w")


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90.0), ("1.5", 1.5), ("5min", 300.0), ("2h", 7200.0)]
)
def test_a_budget_is_in_seconds_or_a_duration(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["soon", "0", "-3", "inf", "nan"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="neither a number of seconds above 0"):
        seconds(text)


def test_lengths_are_told_in_words():
    assert in_rows(1_500) == "1,500 rows"
    assert in_rows(Duration(1, "mo")) == "1 month"
    assert in_rows(Duration(14, "d")) == "14 days"


@pytest.mark.no_cover
def test_what_there_was_not_the_time_for_is_a_row_of_its_own(run, dated, monkeypatch):
    """The clock of the live runs goes on by an hour each time that it is read."""
    hours = iter(range(10**6))
    monkeypatch.setattr(
        "skretrain.model_selection._compare._live.perf_counter", lambda: 3600.0 * next(hours)
    )
    options = (*ANSWER, "--estimator", "nb", "--time-budget", "600s")
    code, printed, _, rows = run(dated, *options)
    assert code == 0
    unfinished = [row["policy"] for row in rows if not row["accuracy"]]
    assert {"keep or refit", "mixture"} <= set(unfinished)
    assert "takes longer than there is time for" in printed
    assert "never" not in unfinished


def test_where_there_was_time_for_nothing_it_says_so(run, dated, monkeypatch, only, unrendered):
    """Only the first model, or schedules alone, are a comparison, too."""
    hours = iter(range(10**6))
    monkeypatch.setattr(
        "skretrain.model_selection._compare._live.perf_counter", lambda: 3600.0 * next(hours)
    )
    options = (*ANSWER, "--estimator", "nb", "--time-budget", "600s")
    with only(["never", "mixture"]):
        code, printed, error, _ = run(dated, *options, pictures=True)
    assert (code, error) == (0, "")
    assert "there was not the time for any policy but 'never'" in printed


def test_moments_that_schedules_do_not_have_are_said(run, dated):
    """135 daily batches have fewer fits than batches."""
    frame = pd.concat([dated, dated.assign(at=dated["at"] + pd.Timedelta(90, "D"))])
    options = ("--batch", "1d", "--estimator", "nb")
    printed = run(frame, *ANSWER, *options, quick=True)[1]
    assert "schedules could refit once in 2 batches, not in each of them" in printed


def test_the_date_that_is_none_is_shown(run, dated):
    frame = dated.assign(at=dated["at"].astype(str))
    frame.loc[7, "at"] = "05/01/2024"
    code, _, error, _ = run(frame, *ANSWER)
    assert code == 2
    assert "holds text such as '05/01/2024'" in error


@pytest.mark.slow
def test_a_million_rows_take_little_memory_and_about_the_time_that_there_is(tmp_path):
    """What is said of them, and how much room they need, at its most."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_000_000, 8))
    turned = np.arange(len(X)) >= 500_000
    y = np.where(turned, X[:, 0], X[:, 1]) > 0
    path = tmp_path / "million.parquet"
    pd.DataFrame(X, columns=list("abcdefgh")).assign(y=y.astype(int)).to_parquet(path)
    command = [sys.executable, "-m", "skretrain", "compare", path, "--target", "y"]
    options = ["--estimator", "nb", "--time-budget", "90s", "--out", tmp_path / "out"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert "batches of 5,000 rows" in done.stdout
    assert "would have paid" in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2_000_000  # kilobytes
