"""Many rows of one time: no label of a moment is known within it."""

import numpy as np
import pandas as pd
import pytest

from skretrain.cli._metric import ACCURACY
from skretrain.cli._policies import no_change


@pytest.fixture
def days():
    """60 days of 20 rows; all rows of a day have one label, and no day tells of the next."""
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(60), 20)
    frame = pd.DataFrame({"day": day, "x": day + 0.01 * rng.normal(size=1200)})
    frame["noise"] = rng.normal(size=1200)
    frame["label"] = np.where(rng.random(60) < 0.5, "yes", "no")[day]
    return frame


@pytest.mark.no_cover
def test_a_day_that_is_cut_by_batches_tells_nothing_of_itself(run, days):
    options = ["--target", "label", "--time", "day", "--batch", "10", "--warm-up", "110"]
    code, printed, _, rows = run(days, *options)
    assert code == 0
    said = " ".join(printed.split())
    assert "up to 20 rows share one 'day': none of their labels is known to the others" in said
    assert "Batches end with a time stamp and have 20 rows" in said
    assert "first 120 rows" in said
    by_name = {row["policy"]: float(row["accuracy"]) for row in rows}
    assert max(by_name.values()) < 0.62
    frame = days.drop(columns="day")
    in_order = run(frame, "--target", "label", "--batch", "10", quick=True)[3]
    assert max(float(row["accuracy"]) for row in in_order) > 0.75  # each label before the next row


@pytest.mark.parametrize("delay", [0, 7, 33])
@pytest.mark.no_cover
def test_the_baseline_repeats_a_label_of_an_earlier_day(delay, history, days):
    stream = history(days, time="day", batch=20, warm_up=100, label_delay=delay)
    baseline = no_change(stream, ACCURACY)
    y, day = stream.y, np.repeat(np.arange(60), 20)
    for row in range(100, 1200):
        newest = max(known for known in range(row - delay) if day[known] < day[row])
        assert baseline.losses[0, row - 100] == (y[newest] != y[row])


@pytest.mark.no_cover
def test_a_delay_between_batches_is_said(run, table):
    options = ["--target", "label", "--label-delay", "70"]
    said = " ".join(run(table, *options, quick=True)[1].split())
    assert "labels come in whole batches: 100 rows late" in said
    said = run(table, "--target", "label", "--label-delay", "50", quick=True)[1]
    assert "whole batches" not in said


@pytest.mark.no_cover
def test_times_that_all_differ_change_nothing(run, table):
    frame = table[["temp", "when", "label"]]
    code, printed, _, rows = run(frame, "--target", "label", "--time", "when", quick=True)
    assert code == 0
    assert "share one" not in printed
    plain = run(frame.drop(columns="when"), "--target", "label", quick=True)[3]
    assert [row["accuracy"] for row in rows] == [row["accuracy"] for row in plain]


@pytest.mark.parametrize("n_days", [1, 2])
def test_too_few_time_stamps_are_refused_with_the_way_out(n_days, run, days):
    days["day"] = days.day * n_days // 60
    code, _, error, _ = run(days, "--target", "label", "--time", "day")
    assert code == 2
    assert f"up to {1200 // n_days:,} rows share one 'day'" in error
    assert "Lower --warm-up or --batch" in error


def test_rows_without_a_target_and_their_times_are_left_out_together(history, days):
    days.loc[days.index[::7], "label"] = None
    stream = history(days, time="day", batch=20, warm_up=100)
    left = days[days.label.notna()]
    np.testing.assert_array_equal(stream.times, left.day)
