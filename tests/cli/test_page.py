"""The report: one file that needs nothing else, says what the table says, and shows pictures."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skretrain.cli import _pictures
from skretrain.cli._outputs import without_options
from skretrain.cli._pictures import _picture_of_shift

_VOID = {"meta", "img", "source"}


class _Reader(HTMLParser):
    """Collect tags, links and text, and insist that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.texts, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in _VOID:
            self.open.append(tag)
        self.links += [v for k, v in attributes if k in ("src", "srcset", "href", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)


@pytest.fixture
def read(run, tmp_path):
    """Run the command and read its page."""

    def read_page(frame, *options, **how):
        code, printed, _, rows = run(frame, *options, **how)
        assert code == 0
        page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        reader = _Reader()
        reader.feed(page)
        assert reader.open == []
        return page, reader, printed, rows

    return read_page


@pytest.mark.no_cover
def test_the_page_holds_the_answer_the_table_and_what_was_done(read, table):
    table["empty"] = np.nan
    table["number"] = np.arange(len(table))
    _, reader, printed, rows = read(table, "--target", "label", "--label-delay", "20")
    text = " ".join(reader.texts)
    for line in printed.splitlines():
        if line.startswith(("On this history", "Within the noise")):
            assert line in text
        if line.startswith("note:"):
            assert line.removeprefix("note:").strip().split(" (learned")[0] in text
    assert "(learned from with --keep; " in printed
    assert "--" not in text
    for row in rows:
        assert row["policy"] in text
        assert f"{float(row['accuracy']):.3f}" in text
        assert row["description"] in text
    assert "label delay of 20 rows" in text


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (
            "left out, for it never falls: 'a (b)' (sorted by with --time; or so)",
            "left out, for it never falls: 'a (b)'",
        ),
        (
            "'x' alone tells it (99.5 %): is it known before? Else leave it out with --drop",
            "'x' alone tells it (99.5 %): is it known before?",
        ),
        ("left out: 'a--b', 'c -- d'", "left out: 'a--b', 'c -- d'"),
    ],
)
def test_a_page_names_no_option_of_a_command_that_its_reader_did_not_type(told, read):
    assert without_options([told]) == [read]


@pytest.mark.no_cover
def test_nothing_is_loaded_from_anywhere(read, table):
    page, reader, _, _ = read(table, "--target", "label", pictures=True, quick=True)
    # Seven pictures, each for a wide and for a narrow screen.
    assert len(reader.links) == 14
    for link in reader.links:
        kind, _, data = link.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
    assert not {"script", "link", "iframe"} & set(reader.tags)
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)
    assert "prefers-color-scheme: dark" in page
    assert page.count(" alt=") == 7


# Classification is rendered above, and a regression in test_compare.py.


@pytest.mark.no_cover
def test_a_regression_has_no_classes_to_show(unrendered, read, table):
    _, reader, _, _ = read(table, "--target", "amount", pictures=True, quick=True)
    text = " ".join(reader.texts)
    assert len(reader.links) == 12
    assert "Each class" not in text
    assert "Could you have trusted this page?" in text
    assert "low is good" in text
    assert "kappa temporal" not in text


@pytest.mark.no_cover
def test_names_from_the_file_cannot_become_markup(unrendered, read, table):
    table = table.rename(columns={"label": "<b>&label</b>", "city": "<script>"})
    table["<script>"] = table["<script>"].where(table.index < 300, "<i>")
    page, reader, _, _ = read(table, "--target", "<b>&label</b>", pictures=True, quick=True)
    assert "<b>" not in page
    assert "script" not in reader.tags
    assert "<b>&label</b>" in " ".join(reader.texts)


def test_seeds_refusals_and_cautions_are_on_the_page(unrendered, read, table):
    table["amount"] = np.cumsum(np.random.default_rng(0).normal(size=600))
    tree = "sklearn.tree:DecisionTreeRegressor"
    options = ("--estimator", tree, "--batch", "100", "--seeds", "2", "--price", "5")
    _, reader, _, _ = read(table[["city", "amount"]], "--target", "amount", *options, pictures=True)
    text = " ".join(reader.texts)
    assert "over 2 seeds" in text
    assert "at a price of 5 units of 'amount' per refit" in text
    assert "cost: the errors summed up" in text
    assert " ± " in text
    assert "not possible: DecisionTreeRegressor has neither" in text
    assert "But repeating the newest known target" in text


def _moved(history, frame):
    picture = _picture_of_shift(history(frame.assign(label=frame.index % 2), warm_up=200))
    return None if picture is None else picture.title.removeprefix("What moved most: ")


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "still": rng.normal(size=600),
            "number": rng.normal(size=600) + 2 * (np.arange(600) >= 400),
            "kind": rng.choice(["a", "b"], 600),
            "flag": rng.random(600) < 0.5,
            "counter": np.arange(600) // 5,
            "when": pd.date_range("2024-01-01", periods=600),
            "since": pd.to_timedelta(np.arange(600), unit="h"),
            "name": [f"user {i}" for i in range(600)],
            "broken": np.where(np.arange(600) < 400, rng.normal(size=600), np.nan),
        }
    )


def test_the_column_that_moved_most_is_shown(history, columns):
    """A counter, a clock, names and a sensor that fell silent move more, but tell nothing."""
    assert _moved(history, columns) == "'number'"


@pytest.mark.parametrize(("column", "then"), [("kind", "b"), ("flag", True)])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_categories_can_move_most(history, columns, column, then):
    columns.loc[400:, column] = then
    assert _moved(history, columns.drop(columns="number")) == f"'{column}'"


@pytest.mark.no_cover
def test_a_step_is_no_counter(history, columns):
    columns["step"] = np.where(columns.index < 350, 1, 2)
    assert _moved(history, columns) == "'step'"


def test_there_is_no_such_picture_where_nothing_can_be_told(history, columns):
    assert _moved(history, columns[["counter", "when"]]) is None


def test_the_distance_between_numbers_is_that_of_kolmogorov_and_smirnov():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(0)
    then, now = rng.normal(size=50), rng.normal(0.5, 2, size=80)
    expected = ks_2samp(then, now).statistic
    assert _pictures._largest_gap(then, now) == pytest.approx(expected)


def test_numbers_too_large_to_draw_are_no_candidates():
    """A column whose spread a float cannot hold is passed over."""
    assert _pictures._largest_gap(np.array([0.0, 1.0]), np.array([1e300, -1e300])) == 0


@pytest.mark.parametrize(("noise", "most"), [(0, 32), (60, 16)])
@pytest.mark.no_cover
def test_a_large_picture_has_fewer_colours(noise, most):
    """Nothing of what it shows gets lost by it."""
    rng = np.random.default_rng(0)
    pixels = np.full((500, 500, 3), 120, dtype=np.uint8)
    pixels += rng.integers(0, noise + 1, size=pixels.shape, dtype=np.uint8)
    with Image.open(io.BytesIO(_pictures._small(Image.fromarray(pixels)))) as small:
        assert small.size == (500, 500)
        assert len(small.getcolors()) <= most
        assert abs(np.asarray(small.convert("RGB")).astype(int) - pixels).mean() < noise / 2 + 1
