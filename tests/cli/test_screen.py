"""Columns that tell the time, name the rows or give the target away: found, named, left out."""

import numpy as np
import pandas as pd
import pytest

from skretrain.cli import main
from skretrain.cli._errors import CommandError
from skretrain.cli._screen import giveaways, out_of_order, screened, without_dropped


@pytest.fixture
def columns():
    """400 rows of columns that may be learned from, and a target that none of them tells."""
    rng = np.random.default_rng(0)
    n = 400
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "level": np.sort(rng.integers(0, 9, n)),  # it never falls, and has few values
            "city": rng.choice(["Oslo", "Rome"], n),
            "words": [f"note {k} of {k % 7}" for k in range(n)],
            "hour": pd.Series(np.arange(n) % 24),
        }
    ), (rng.random(n) < 0.5).astype(int)


CLOCKS = {
    "running number": lambda n: np.arange(n),
    "numbers with gaps and repeats": lambda n: np.repeat(np.arange(n), 3)[:n] * 7,
    "dates": lambda n: pd.date_range("2024-01-01", periods=n, freq="h"),
    "dates as text": lambda n: pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
    "with holes": lambda n: np.where(np.arange(n) % 5 == 2, np.nan, np.arange(n)),
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_a_clock_is_left_out_and_named(kind, columns):
    """Whatever it is made of; with --keep it is learned from."""
    table, _ = columns
    table["clock"] = CLOCKS[kind](len(table))
    notices = []
    left = screened(table, (), notices)
    assert "clock" not in left
    assert [name for name in table.columns if name not in left] == ["clock"]
    assert "it never falls and tells the time or counts the rows: 'clock'" in notices[0]
    repeats = kind == "numbers with gaps and repeats"
    assert ("up to 3 rows share one 'clock'" in notices[0]) == repeats
    notices = []
    assert "clock" in screened(table, ["clock"], notices)
    assert notices == []


def test_what_never_rises_is_a_clock_too(columns):
    """A file that has the newest row first counts backwards."""
    table, _ = columns
    table["number"] = np.arange(len(table))[::-1]
    notices = []
    assert "number" not in screened(table, (), notices)
    assert notices[0].startswith("left out, for it never rises and tells the time or counts")


HOURS = pd.Series(pd.date_range("2024-01-01", periods=400, freq="h"))
SHUFFLED = HOURS.sample(frac=1, random_state=0, ignore_index=True)
TURNED = HOURS[::-1].reset_index(drop=True)
NOT_IN_ORDER = "the rows are not in the order of 'when', and are taken in the order of the file: "
ASKED = "is 'when' when a row came? Then sort with --time 'when'"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (HOURS, None),
        (SHUFFLED, NOT_IN_ORDER + ASKED),
        (SHUFFLED.dt.strftime("%Y-%m-%d %H:%M"), NOT_IN_ORDER + ASKED),
        (SHUFFLED.dt.date, NOT_IN_ORDER + ASKED),
        (SHUFFLED.mask(HOURS.dt.hour == 7), NOT_IN_ORDER + ASKED),
        (TURNED, "the rows stand from the newest to the oldest 'when', and are taken in"),
        (SHUFFLED.mask(HOURS.dt.hour < 7), None),  # of many rows nobody knows
        (HOURS.dt.normalize().dt.day % 3, None),
        (pd.to_datetime("2024-01-01") + pd.to_timedelta(HOURS.dt.hour % 5, unit="D"), None),
        (SHUFFLED.astype(np.int64), None),
        (None, None),
    ],
)
@pytest.mark.no_cover
def test_rows_that_are_not_in_the_order_of_their_dates_are_asked_about(when, said, columns):
    """Shuffled and newest first are told apart; numbers, few dates and many gaps ask nothing."""
    table, _ = columns
    found = list(out_of_order(table.assign(when=when)))
    assert len(found) == (said is not None)
    assert all(line.startswith(said) for line in found)


def test_one_column_of_dates_in_order_is_the_order_of_the_rows(columns):
    """Others may be birthdays. Newest first is the likelier order, and what is kept is known."""
    table, _ = columns
    assert not list(out_of_order(table.assign(when=HOURS, birthday=SHUFFLED)))
    (line,) = out_of_order(table.assign(birthday=SHUFFLED, when=TURNED))
    assert "'birthday'" not in line
    (line,) = out_of_order(table.assign(birthday=SHUFFLED, when=SHUFFLED))
    assert "'birthday', 'when', and are" in line
    assert "is one of them when a row came?" in line
    assert not list(out_of_order(table.assign(birthday=SHUFFLED), ["birthday"]))


def test_a_name_of_the_row_is_left_out_and_text_is_not(columns):
    """An identifier is another in nearly every row; so are sentences, which have words."""
    table, _ = columns
    rng = np.random.default_rng(1)
    table["id"] = [f"K-{k:06d}" for k in rng.permutation(10**6)[: len(table)]]
    table.loc[3, "id"] = None
    notices = []
    left = screened(table, (), notices)
    assert [name for name in table.columns if name not in left] == ["id"]
    assert "it is another in nearly every row and names them: 'id'" in notices[0]
    assert "id" in screened(table, ["id"], [])


def test_what_may_be_learned_from_stays(columns):
    table, y = columns
    notices = []
    assert list(screened(table, (), notices)) == list(table)
    assert notices == list(giveaways(table, y, "classification", 400)) == []


def test_a_column_that_gives_the_target_away_is_named(columns):
    """Of classes, a rare one too; of numbers; as text. It stays: it may be known in time."""
    table, y = columns
    rng = np.random.default_rng(2)
    table["paid back"] = np.where(y == 1, "late", "in time")
    (line,) = giveaways(table, y, "classification", 400)
    assert line.startswith("'paid back' alone tells the target (100.0 %): is it known before")
    rare = (np.arange(400) % 40 == 7).astype(int)
    table["alarm sent"] = rare
    assert [line.split(" alone")[0] for line in giveaways(table, rare, "classification", 400)] == [
        "'alarm sent'"
    ]
    amount = rng.normal(size=400)
    table["with tax"] = 1.19 * amount
    (line,) = giveaways(table, amount, "regression", 400)
    assert line.startswith("'with tax' alone tells the target (an R2 of 0.99")


@pytest.mark.parametrize("kind", ["object", "str", "category"])
@pytest.mark.no_cover
def test_gaps_in_a_column_of_text_are_no_text(kind, columns):
    """They are read, and tell nothing by themselves."""
    table, y = columns
    table["city"] = table.city.where(np.arange(400) % 3 > 0, None).astype(kind)
    assert not list(giveaways(table, y, "classification", 400))
    told = table.assign(late=pd.Series(np.where(y == 1, "late", None)).astype(kind))
    (line,) = giveaways(told, y, "classification", 400)
    assert line.startswith("'late' alone tells the target (100.0 %)")


def test_few_rows_give_nothing_away(columns):
    table, y = columns
    table["same"] = y
    assert list(giveaways(table, y, "classification", 60)) == []
    assert list(giveaways(table, np.zeros(400), "regression", 400)) == []


@pytest.mark.no_cover
def test_the_command_says_what_it_leaves_out_and_takes_both_words(run, table):
    """The numbers without a clock are those of the file without it."""
    table["number"] = np.arange(600) * 10
    options = ("--target", "label", "--warm-up", "100")
    frame = table.drop(columns="when")
    code, printed, _, rows = run(frame, *options, quick=True, screens=True)
    assert code == 0
    assert "note:        left out, for it never falls" in printed
    plain = run(frame.drop(columns="number"), *options, quick=True)[3]
    scores = [[row["accuracy"] for row in answer] for answer in (rows, plain)]
    assert scores[0] == scores[1]
    dropped = run(frame, *options, "--drop", "number", quick=True)
    assert [row["accuracy"] for row in dropped[3]] == scores[0]
    assert "never falls" not in dropped[1]
    kept = run(frame, *options, "--keep=number", quick=True)
    assert [row["accuracy"] for row in kept[3]] != scores[0]
    assert "never falls" not in kept[1]


@pytest.mark.no_cover
def test_the_command_names_a_column_that_gives_the_target_away(run, table):
    """It is learned from all the same; left out, nothing is to be said."""
    frame = table[["temp", "label"]].assign(closed=np.where(table.label == "yes", "done", "open"))
    options = ("--target", "label", "--warm-up", "100")
    code, printed, _, rows = run(frame, *options, quick=True)
    assert code == 0
    assert "'closed' alone tells the target (100.0 %): is it known before the target is?" in printed
    assert float(rows[0]["accuracy"]) > 0.95
    code, printed, _, rows = run(frame, *options, "--drop", "closed", quick=True)
    assert "alone tells" not in printed
    assert float(rows[0]["accuracy"]) < 0.9


@pytest.mark.no_cover
def test_a_shuffled_file_is_said_to_be_and_sorted_by_time_it_is_not(run, table):
    """The row that was first is first again, and a birthday is no question any more."""
    options = ("--target", "label", "--warm-up", "100")
    frame = table[["when", "temp", "label"]].copy()
    shuffled = frame.sample(frac=1, random_state=0)
    code, printed, _, _ = run(shuffled, *options, quick=True, screens=True)
    assert code == 0
    assert f"note:        {NOT_IN_ORDER}{ASKED}" in printed
    options = (*options, "--time", "when")
    frame["born"] = frame.when.sample(frac=1, random_state=1).to_numpy()
    answers = [
        run(rows, *options, quick=True, screens=True)
        for rows in (frame.sample(frac=1, random_state=0), frame)
    ]
    assert "in the order of" not in answers[0][1]
    scores = [[row["accuracy"] for row in rows] for *_, rows in answers]
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("dropped", "kept", "ids", "message"),
    [
        (["y"], [], [], "--drop 'y' is the target"),
        (["cty"], [], [], "--drop 'cty' is not a column of the file; did you mean 'city'"),
        ([], ["cty"], [], "--keep 'cty' is not a column"),
        (["city"], ["city"], [], "'city' is to be left out by --drop and kept by --keep"),
        ([], [], ["y"], "--id 'y' is the target; leave --id out"),
        ([], [], ["hour"], "--id 'hour' is the column of --time"),
        ([], [], ["cty"], "--id 'cty' is not a column of the file; did you mean 'city'"),
        ([], ["city"], ["city"], "'city' is to be left out by --id and kept by --keep"),
    ],
)
def test_what_cannot_be_dropped_or_kept_or_identify_is_named(dropped, kept, ids, message, columns):
    table, y = columns
    table["y"] = y
    with pytest.raises(CommandError, match=message):
        without_dropped(table, dropped, kept, "y", "hour", ids)


def test_an_identifier_is_named_and_not_learned_from(run, table):
    """Whether the screening would find it, as a running number, or not, as numbers of customers."""
    table = table.assign(order=np.arange(len(table)), customer=np.arange(len(table)) % 40)
    plain = table.drop(columns=["order", "customer"])
    options = ("--target", "label", "--warm-up", "100")
    _, printed, _, rows = run(table, *options, "--id", "order", "--id", "customer", quick=True)
    assert "identifiers: 'order', 'customer', which say what a row is of" in printed
    assert "left out" not in printed
    expected = run(plain, *options, quick=True)[3]
    assert [row["accuracy"] for row in rows] == [row["accuracy"] for row in expected]
    found = run(table, *options, quick=True)[1]
    assert "counts the rows: 'order' (learned from with --keep; confirmed with --id" in found
    assert "identifiers" not in found


def test_an_identifier_needs_a_file(capsys):
    assert main(["compare", "--id", "customer"]) == 2
    assert "--id needs a FILE" in capsys.readouterr().err
