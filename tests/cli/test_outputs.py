"""A finished run writes what can be written, and one line says what could not."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from skretrain.cli import _compare, main
from skretrain.cli._console import Stream

FILES = {"report.html", "compare.csv", "compare.png"}


@pytest.fixture
def table(table):
    """Few columns: it is their encoding that takes most of the time."""
    return table[["temp", "label", "amount"]].copy()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def _is_incomplete(answer, *parts):
    """One line on the standard error, code 1, and the answer on the terminal."""
    code, printed, error, _ = answer
    assert code == 1
    assert "On this history" in printed
    assert error.startswith("skretrain compare: error: the run is finished, but not written was ")
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.no_cover
def test_a_file_that_cannot_be_written_takes_no_other_with_it(name, run, table, out):
    (out / name).mkdir(parents=True)
    answer = run(table, "--target", "label", quick=True)
    _is_incomplete(answer, f"{name}: Is a directory")
    assert sorted(path.name for path in out.iterdir() if path.is_file()) == sorted(FILES - {name})
    assert f"{name}" not in answer[1]


def test_a_full_disk_leaves_the_old_files(monkeypatch, run, table, out):
    out.mkdir()
    (out / "report.html").write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = run(table, "--target", "label", quick=True)
    _is_incomplete(answer, *FILES, "No space left on device")
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert (out / "report.html").read_text() == "old"


@pytest.mark.no_cover
def test_a_picture_that_cannot_be_drawn_takes_no_other_with_it(
    monkeypatch, run, table, out, unrendered
):
    def fail(*args, **kwargs):
        raise RuntimeError("odd\nnumbers")

    monkeypatch.setattr(_compare.pictures.__globals__["RegretDisplay"], "plot", fail)
    answer = run(table, "--target", "label", pictures=True, quick=True)
    _is_incomplete(answer, "the picture of prices: RuntimeError: odd")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == 6
    assert {path.name for path in out.iterdir()} == FILES


def test_a_page_that_cannot_be_made_takes_no_other_file_with_it(monkeypatch, run, table, out):
    def fail(**parts):
        raise MemoryError

    monkeypatch.setattr(_compare, "page", fail)
    answer = run(table, "--target", "label", quick=True)
    _is_incomplete(answer, "report.html: MemoryError")
    assert {path.name for path in out.iterdir()} == FILES - {"report.html"}


TARGETS = [r"a$\frac$b", "US$ $", "<b>{y}</b>", "_y", "目标", "y\n$z^$"]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_of_any_name_is_drawn(target, run, table, out):
    frame = table[["temp", "label"]].rename(columns={"label": target, "temp": f"{target} "})
    code, _, error, _ = run(frame, "--target", target, pictures=True)
    assert (code, error) == (0, "")
    assert {path.name for path in out.iterdir()} == FILES


@pytest.mark.slow
def test_classes_and_categories_of_any_name_are_drawn(run, table, out):
    table["label"] = np.where(table.label == "yes", r"$\frac$", "$x^$")
    table["city"] = np.where(table.temp > 1, "Rome $_$", "Oslo $_$")
    assert run(table, "--target", "label", pictures=True)[0] == 0


SCALES = [2.0**997, 2.0**-997]  # 1.3e300, and its inverse


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
def test_a_quantity_near_the_ends_of_the_floats(scale, run, table, out):
    table["amount"] = table.amount / 100 * scale
    frame = table[["temp", "amount"]]
    options = ["--target", "amount", "--seeds", "2", "--batch", "100"]
    code, _, error, rows = run(frame, *options, pictures=True)
    assert (code, error) == (0, "")
    plain = run(frame.assign(amount=frame.amount / scale), *options)[3]
    for one, other in zip(rows, plain, strict=True):
        error, expected = float(one["mean_absolute_error"]), float(other["mean_absolute_error"])
        assert error / scale == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_a_file_name_that_is_no_text(table, tmp_path, capsys, out, unrendered):
    name = os.fsdecode(b"caf\xe9.csv")
    table.to_csv(tmp_path / "a.csv", index=False)
    os.rename(tmp_path / "a.csv", tmp_path / name)
    command = ["compare", str(tmp_path / name), "--target", "label", "--batch", "100"]
    assert main([*command, "--out", str(out)]) == 0
    assert "caf?.csv" in capsys.readouterr().out
    assert "caf?.csv" in (out / "report.html").read_text(encoding="utf-8")
    advise = ["advise", *[str(tmp_path / name)] * 2, "--target", "label", "--out", str(out)]
    assert main([*advise, "--estimator", "nb"]) == 0
    assert "caf?.csv" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.no_cover
def test_a_parquet_name_and_a_folder_that_are_no_text(table, tmp_path, capsys, unrendered):
    folder = tmp_path / os.fsdecode(b"d\xfcr")
    folder.mkdir()
    table.to_parquet(tmp_path / "a.parquet")
    path = folder / os.fsdecode(b"\xff.parquet")
    os.rename(tmp_path / "a.parquet", path)
    command = ["advise", str(path), str(path), "--target", "label", "--estimator", "nb"]
    assert main([*command, "--out", str(folder / "out")]) == 0
    assert sorted(os.listdir(folder / "out")) == ["advice.csv", "report.html"]


@pytest.mark.no_cover
def test_an_advice_that_cannot_be_written(table, tmp_path, capsys, out, unrendered):
    (out / "report.html").mkdir(parents=True)
    table.to_csv(tmp_path / "a.csv", index=False)
    command = ["advise", *[str(tmp_path / "a.csv")] * 2, "--target", "label", "--out", str(out)]
    assert main([*command, "--estimator", "nb"]) == 1
    assert "report.html: Is a directory" in capsys.readouterr().err
    assert (out / "advice.csv").exists()


# -- the standard output ---------------------------------------------------------------------------


class _Broken(io.StringIO):
    encoding = "ascii"

    def __init__(self, error):
        super().__init__()
        self.error = error

    def flush(self):
        raise self.error


def test_letters_that_the_terminal_lacks_are_question_marks():
    file = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    stream = Stream(file)
    stream.write("é ± 目 \udce9\n")
    stream.flush()
    assert file.buffer.getvalue() == "é ± ? ?\n".encode("latin-1")
    assert not stream.failed


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (OSError(28, "No space left on device"), ["standard output: No space left on device"]),
        (OSError("odd"), ["standard output: odd"]),
        (BrokenPipeError(32, "Broken pipe"), []),
    ],
)
def test_an_output_that_fails_is_silent_from_then_on(error, failed):
    stream = Stream(_Broken(error))
    for _ in range(3):
        stream.write("a ±")
        stream.flush()
    assert stream.failed == failed
    assert stream.file.getvalue() == "a ?"


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["full", "gone"])
def test_a_terminal_that_fails_costs_no_report(reader, table, tmp_path, out):
    table[["temp", "label"]].to_csv(tmp_path / "a.csv", index=False)
    code = "import sys; from skretrain.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "compare", str(tmp_path / "a.csv"), "--target", "label"]
    command += ["--batch", "200", "--out", str(out)]
    if reader == "full":
        if not os.path.exists("/dev/full"):
            pytest.skip("the system has no full device")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1
        assert "standard output: No space left on device" in done.stderr
    else:
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, "")
    assert "Traceback" not in done.stderr
    assert {path.name for path in out.iterdir()} == FILES
