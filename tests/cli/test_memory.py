"""A bound on the memory: which rows of a longer file are read, and that it is said."""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from skretrain.cli import _memory, _monitor, main
from skretrain.cli._errors import CommandError
from skretrain.cli._files import read_tables
from skretrain.cli._memory import Room, SampleRoom, size

COUNTS_PEAK = Path("/proc/self/status").exists()


@pytest.fixture
def frame():
    """30,000 rows of numbers, a category, a text and a date."""
    rng = np.random.default_rng(0)
    n = 30_000
    return pd.DataFrame(
        {
            "row": np.arange(n),
            "x": rng.normal(size=n).round(3),
            "city": rng.choice(["Oslo", "Rome"], n),
            "note": [f"note {k} of many" for k in rng.integers(0, 1000, n)],
            "day": pd.date_range("2020-01-01", periods=n, freq="h").astype(str),
            "answer": rng.integers(0, 2, n),
        }
    )


def _written(frame, path):
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.no_cover
def test_the_rows_that_are_read_are_the_last_and_as_they_are_in_the_file(suffix, frame, tmp_path):
    path, notices = _written(frame, tmp_path / f"stream{suffix}"), []
    (table,) = read_tables([path], notices, keep=["row"], room=Room(400_000_000))
    (whole,) = read_tables([path], [], keep=["row"])
    assert 500 < len(table) < 30_000
    pd.testing.assert_frame_equal(table, whole[-len(table) :].reset_index(drop=True))
    assert notices[0].startswith(f"the last {len(table):,} of 30,000 rows of the file are read")
    assert "--max-memory 400 MB" in notices[0]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("time", ["day", "row"])
@pytest.mark.no_cover
def test_the_last_rows_of_a_file_are_taken_for_the_newest_only_where_they_are(
    time, suffix, frame, tmp_path
):
    """A file that begins with the newest, or in no order, is not cut at its end."""
    room = Room(400_000_000, time=time)
    path = _written(frame, tmp_path / f"stream{suffix}")
    (table,) = read_tables([path], [], keep=["row", "day"], room=room)
    assert table["row"].iloc[-1] == 29_999
    moved = frame.index.to_numpy().copy()
    moved[[3, -3]] = moved[[-3, 3]]
    for order in (frame.index[::-1], moved):
        path = _written(frame.loc[order], tmp_path / f"other{suffix}")
        with pytest.raises(CommandError, match=f"not in the order of --time '{time}'"):
            read_tables([path], [], keep=["row", "day"], room=room)


@pytest.mark.parametrize("time", ["note", "no such column"])
def test_a_time_that_is_none_is_refused_later(time, frame, tmp_path):
    path = _written(frame, tmp_path / "stream.csv")
    (table,) = read_tables([path], [], keep=["row"], room=Room(400_000_000, time=time))
    assert table["row"].iloc[-1] == 29_999


@pytest.mark.no_cover
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_for_which_there_is_room_is_read_whole(suffix, frame, tmp_path):
    path, notices = _written(frame[:12_000], tmp_path / f"stream{suffix}"), []
    (table,) = read_tables([path], notices, keep=["row"], room=Room(4 * 10**9))
    assert (len(table), notices) == (12_000, [])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_without_rows_is_named(suffix, frame, tmp_path):
    path = _written(frame[:0], tmp_path / f"stream{suffix}")
    with pytest.raises(CommandError, match="could not be read: it has no rows"):
        read_tables([path], [], room=Room(4 * 10**8))


def test_a_named_index_is_a_column_of_the_last_rows_too(frame, tmp_path):
    path = tmp_path / "stream.parquet"
    frame.set_index("day").to_parquet(path)
    (table,) = read_tables([path], [], room=Room(400_000_000))
    assert table["day"].iloc[-1] == frame["day"].iloc[-1]


@pytest.mark.no_cover
def test_more_processes_more_columns_and_less_memory_leave_room_for_fewer_rows(frame):
    def n_rows(n_bytes, jobs=1, table=frame):
        return Room(n_bytes, jobs).n_rows(table, is_text=False)

    assert n_rows(10**9) > n_rows(10**9, jobs=2) > 500
    assert n_rows(10**9) > n_rows(8 * 10**8)
    assert n_rows(10**9, table=frame[["x"]]) > n_rows(10**9)
    texts = frame.astype(str)
    assert n_rows(10**9) > Room(10**9).n_rows(texts, is_text=True)


@pytest.mark.parametrize(
    ("values", "n"),
    [
        ([1.0, 2.0], 1),
        (["1", "2", ""], 1),
        (["a", "b", "a"], 2),
        (["2024-01-01", "2024-01-02"], 8),
        ([f"text {k}" for k in range(50)], 30),
    ],
)
def test_a_column_becomes_about_as_many_numbers(values, n):
    assert _memory._n_numbers(pd.Series(values)) == n


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("500MB", 5 * 10**8), ("2 gb", 2 * 10**9), ("1.5GiB", 15 * 10**8), ("1TB", 10**12)],
)
def test_an_amount_of_memory_is_read(text, n_bytes):
    assert size(text) == n_bytes


@pytest.mark.parametrize("text", ["much", "500", "0MB", "-2GB", "5PB"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="no amount of memory such as 500MB"):
        size(text)


def test_too_little_memory_is_refused_with_what_it_takes(frame, tmp_path, capsys):
    path = _written(frame, tmp_path / "stream.csv")
    assert main(["compare", str(path), "--target", "answer", "--max-memory", "100MB"]) == 2
    error = capsys.readouterr().err
    assert "--max-memory 100 MB is too little: with 500 rows of this file, the command" in error
    assert "takes up to 3" in error
    assert error.count("\n") == 1


@pytest.mark.no_cover
def test_the_terminal_says_what_was_not_read(run, frame, monkeypatch):
    monkeypatch.setattr(_memory, "_COMMAND", 0)
    options = ("--target", "answer", "--max-memory", "5MB", "--estimator", "nb")
    options += ("--time-budget", "1h")
    printed = run(frame, *options, quick=True)[1]
    assert "of 30,000 rows of the file are read, as the newest" in printed


# -- two files, and a step -------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.no_cover
def test_a_sample_is_of_all_rows_in_their_order_and_the_same_each_time(suffix, frame, tmp_path):
    """It stands for the whole file, unlike its end; each file is told by its name."""
    path, notices = _written(frame, tmp_path / f"new{suffix}"), []
    room = SampleRoom(450_000_000)
    tables = read_tables([path, path], notices, keep=["row"], room=room)
    rows = tables[0]["row"].to_numpy()
    assert 500 < len(rows) < 20_000
    assert (np.diff(rows) > 0).all()
    assert abs(rows.mean() - 15_000) < 4 * 30_000 / np.sqrt(12 * len(rows))
    pd.testing.assert_frame_equal(*tables)
    assert notices[0] == (
        f"{len(rows):,} of the 30,000 rows of new{suffix} are compared, drawn at random from all: "
        "there is no room for more in --max-memory 450 MB"
    )
    other = SampleRoom(450_000_000).rows_of([frame.astype(str)], is_text=True)[0]
    alone = Room(450_000_000).rows_of([frame.astype(str)], is_text=True)[0]
    assert len(other) < 0.6 * len(alone)


@pytest.mark.no_cover
def test_each_row_is_drawn_as_often_as_any_other(monkeypatch):
    """However the file comes in parts: by chi-square over many draws."""
    rng = np.random.default_rng(0)
    room, counts = SampleRoom(10**9), np.zeros(60)
    monkeypatch.setattr(room, "n_rows", lambda part, is_text: 12)
    monkeypatch.setattr(np.random, "default_rng", lambda seed: rng)
    parts = [pd.DataFrame({"row": np.arange(n, n + 20)}) for n in (0, 20, 40)]
    for _ in range(300):
        drawn, n_rows = room.rows_of(parts, is_text=False)
        assert (len(drawn), n_rows) == (12, 60)
        counts[drawn["row"]] += 1
    assert chisquare(counts).pvalue > 0.01


def test_a_file_that_fits_is_compared_whole(frame, tmp_path):
    path, notices = _written(frame[:600], tmp_path / "new.parquet"), []
    (table,) = read_tables([path], notices, keep=["row"], room=SampleRoom(4 * 10**9))
    assert (len(table), notices) == (600, [])


def test_monitor_says_that_it_compared_a_sample(frame, tmp_path, capsys, monkeypatch):
    """And finds in it what has moved in all."""
    monkeypatch.setattr(_memory, "_COMMAND", 0)
    told = {"auc": 0.5, "low": 0.45, "high": 0.55, "moved": [], "clocks": [], "reason": ""}
    monkeypatch.setattr(_monitor, "input_shift", lambda *args, **options: told)
    monkeypatch.setattr(_monitor, "_picture", lambda found, features: None)
    both = [frame[["x", "city"]], frame.assign(x=frame.x + 1)[["x", "city"]]]
    paths = [_written(rows, tmp_path / f"{n}.parquet") for n, rows in enumerate(both)]
    options = ["--max-memory", "8MB", "--out", str(tmp_path / "out")]
    assert main(["monitor", *map(str, paths), *options]) == 10
    printed = capsys.readouterr().out
    assert "rows of 0.parquet are compared, drawn at random" in printed
    assert "rows of 1.parquet are compared, drawn at random" in printed
    assert "1 of 2 columns moved: 'x'" in printed


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_step_learns_all_rows_or_none(suffix, job, days, monkeypatch):
    """A file that is too large is refused before anything has changed; its parts are not."""
    monkeypatch.setattr(_memory, "_COMMAND", 0)
    monkeypatch.setattr(_memory, "_REMEMBERED", 0)
    job.begin(days(0, 300))
    before = job.bytes
    whole = _written(days(300, 4_000), job.folder / f"whole{suffix}")
    assert job("step", whole, "--max-memory", "3MB") == 2
    assert "the file has more than " in job.err
    assert "Nothing was changed: bring it as several files in the order of time" in job.err
    assert job.bytes == before
    for part, start in enumerate((300, 1_300)):
        piece = _written(days(start, 1_000), job.folder / f"{part}{suffix}")
        assert job("step", piece, "--max-memory", "3MB") == 0
        assert job.record["learned"] == 1_000


def test_an_empty_file_is_no_step(job, days):
    job.begin(days(0, 300))
    assert job("step", days(300, 0), "--max-memory", "2GB") == 2
    assert "it has no rows" in job.err


# -- folders ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(frame, tmp_path):
    """The rows in folders named as Hive does, one for each 2,500 of them."""
    years = frame.assign(year=frame.row // 2_500)
    years.to_parquet(tmp_path / "years", partition_cols=["year"])
    return tmp_path / "years"


@pytest.mark.parametrize("room", [None, Room(400_000_000, time="row"), Room(4 * 10**9)])
def test_a_folder_is_one_table_in_the_order_of_its_names(room, frame, folder):
    """Year 9 comes before year 10, and is a column."""
    (table,) = read_tables([folder], [], keep=["row"], room=room)
    expected = frame.assign(year=frame.row // 2_500)[-len(table) :].reset_index(drop=True)
    assert len(table) == 30_000 or room is not None
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_a_folder_that_holds_no_table_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"could not be read: the folder .* has no \.parquet"):
        read_tables([tmp_path], [])


def test_a_folder_is_a_day_of_a_job_and_the_same_folder_is_the_same_day(job, days):
    """What is in it counts, names and bytes, not where it lies."""
    job.begin(days(0, 300))
    rows = days(300, 200).assign(part=np.arange(200) // 100)
    for name in ("first", "second"):
        rows.to_parquet(job.folder / name, partition_cols=["part"])
        for number, file in enumerate(sorted((job.folder / name).rglob("*.parquet"))):
            file.rename(file.with_name(f"{number}.parquet"))
    assert job("step", job.folder / "first") == 0
    assert (job.record["rows"], job.record["learned"]) == (200, 200)
    before = job.bytes
    assert job("step", job.folder / "second") == 0
    assert job.bytes == before
    days(500, 10).to_parquet(job.folder / "second" / "part=1" / "more.parquet")
    job("step", job.folder / "second")
    assert job.record["rows"] == 210


@pytest.mark.slow
@pytest.mark.skipif(not COUNTS_PEAK, reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("estimator", ["nb", "sgd"])
def test_the_bound_is_kept(suffix, estimator, tmp_path):
    """By the peak of the whole process, of a file that takes more."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400_000, 20))
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(20)]).assign(y=X[:, 0] > 0)
    path = _written(frame, tmp_path / f"stream{suffix}")
    told = "import sys; from skretrain.cli import main; main(sys.argv[1:]); "
    told += "print(*open('/proc/self/status'))"
    command = [sys.executable, "-c", told, "compare", path, "--target", "y", "--out", tmp_path]
    options = ["--estimator", estimator, "--max-memory", "500MB"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    peak = done.stdout.split("VmHWM:")[1].split()[0]
    assert int(peak) * 1024 < 500_000_000
    assert "all 400,000 rows of the file are gone through in batches" in done.stdout
