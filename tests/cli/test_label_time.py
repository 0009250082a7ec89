"""--label-time: a column says when each label came, and nothing is learned before."""

import numpy as np
import pandas as pd
import pytest

from skretrain.cli._errors import CommandError
from skretrain.cli._metric import ACCURACY
from skretrain.cli._policies import no_change
from skretrain.model_selection import compare_policies, prequential_validate

DAY = np.timedelta64(24, "h")


@pytest.fixture
def late(table):
    """Labels come one to nine days after their rows, one in ten never."""
    rng = np.random.default_rng(0)
    known = table.when + pd.to_timedelta(rng.integers(24, 216, size=600), unit="h")
    known[:100] = table.when[:100]
    return table.assign(known=known.where(rng.random(600) < 0.9))


@pytest.mark.no_cover
@pytest.mark.parametrize("as_text", [False, True])
def test_the_policies_are_those_of_compare_policies_with_the_same_moments(
    late, history, run, as_text
):
    frame = late[["when", "temp", "holes", "known", "label"]]
    stream = history(frame, time="when", label_time="known", keep=())
    policies = {"never": [], "each": [(chunk, "all") for chunk in range(2, 11)]}
    comparison = compare_policies(
        stream.base,
        stream.X,
        stream.y,
        policies,
        batch_size=50,
        initial_size=100,
        times=late.when.to_numpy(),
        label_time=late.known.to_numpy(),
        random_state=0,
    )
    if as_text:
        frame = frame.assign(known=frame.known.astype(str).replace("NaT", ""))
    options = ("--target", "label", "--time", "when", "--label-time", "known")
    code, printed, _, rows = run(frame, *options, "--batch", "50", "--warm-up", "100", quick=True)
    assert code == 0
    said = " ".join(printed.split())
    assert "with labels when 'known' says" in said
    assert "come after the last row, or never: these rows are scored, and not learned" in said
    found = {row["policy"]: float(row["accuracy"]) for row in rows}
    assert found["never"] == pytest.approx(comparison.scores("never")[0])


@pytest.mark.no_cover
def test_the_baseline_repeats_the_newest_row_whose_label_came(late, history):
    stream = history(late, time="when", label_time="known", keep=())
    baseline = no_change(stream, ACCURACY)
    y, known, when = stream.y, late.known.to_numpy(), late.when.to_numpy()
    for row in range(100, 600):
        newest = max(k for k in range(row) if known[k] <= when[row])
        assert baseline.losses[0, row - 100] == (y[newest] != y[row])


@pytest.mark.no_cover
def test_a_live_run_learns_what_came_and_no_model_sees_the_column(late, history):
    stream = history(late, time="when", label_time="known", keep=())
    assert "known" not in stream.table.columns
    result = prequential_validate(
        stream.base,
        stream.X,
        stream.y,
        batch_size=50,
        initial_size=100,
        times=late.when.to_numpy(),
        label_time=late.known.to_numpy(),
    )
    n_known = stream.timing.arrivals.n_known(600)
    assert result.learned_rows.tolist() == stream.timing.arrivals.order[:n_known].tolist()


@pytest.mark.no_cover
def test_rows_that_are_left_out_take_their_moments_with_them(late, history):
    late["weight"] = np.where(np.arange(600) % 7 == 3, 0.0, 1.0)
    late.loc[::11, "label"] = None
    shuffled = late.sample(frac=1, random_state=0)
    stream = history(shuffled, time="when", label_time="known", weight="weight", keep=())
    stays = late[(late.weight > 0) & late.label.notna()]
    n_known = [
        int((stays.known <= stays.when.iloc[min(row, len(stays) - 1)]).sum())
        for row in range(100, len(stays), 50)
    ]
    found = [stream.timing.arrivals.n_known(row) for row in range(100, len(stays), 50)]
    assert found == n_known


def test_numbers_are_moments_where_times_are_numbers(late, history):
    frame = late.assign(when=np.arange(600), known=np.arange(600) + 40.5)
    timing = history(frame, time="when", label_time="known", warm_up=200, keep=()).timing
    assert [timing.arrivals.n_known(row) for row in (200, 300, 599)] == [160, 260, 559]


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {"known": 3.5},
            {},
            "--label-time 'known' holds '3.5' and the like, and --time 'wh",
        ),
        ({"known": "soon"}, {}, "holds 'soon' and the like"),
        ({"when": range(600)}, {}, "--time 'when' holds numbers: name a column of numbers"),
        ({}, {"label_time": "knwon"}, "--label-time 'knwon' is not a column.*did you mean 'known'"),
        ({}, {"label_time": "when"}, "named by --time, too; when a label came is neither learned"),
        ({}, {"label_time": "label"}, "named by --target, too"),
        ({}, {"keep": ["known"]}, "named by --keep, too"),
        ({"known": None}, {}, "no label of the 100 rows of the warm-up is known"),
    ],
)
def test_what_is_no_such_column_is_told(late, history, changes, options, message):
    frame = late.assign(**changes)
    with pytest.raises(CommandError, match=message):
        history(frame, **({"time": "when", "label_time": "known", "keep": ()} | options))


def test_labels_before_their_rows_or_all_too_late_are_told(late, history):
    early = late.assign(known=late.known - 9 * DAY)
    with pytest.raises(CommandError, match=r"earlier than --time 'when' in \d+ rows, as 2023-12-2"):
        history(early, time="when", label_time="known", keep=())
    late.loc[100:, "known"] = pd.Timestamp("2030-01-01")
    with pytest.raises(CommandError, match="after the warm-up no label comes in time"):
        history(late, time="when", label_time="known", keep=())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--label-time", "known"), "--label-time needs --time"),
        (
            ("--label-time", "known", "--time", "when", "--label-delay", "3d"),
            "--label-delay 3d and --label-time say the same thing",
        ),
    ],
)
def test_options_that_do_not_go_together_are_told(late, run, options, message):
    code, _, error, _ = run(late, "--target", "label", *options)
    assert code == 2
    assert message in " ".join(error.split())


def test_if_a_rule_without_a_model_does_better_no_delay_is_asked_for(run):
    """All labels of a day are one, and come with it: the newest is the best forecast."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"day": np.arange(600), "x": rng.normal(size=600)})
    frame["known"] = frame.day + 0.0
    frame["label"] = np.where(np.arange(600) // 40 % 2, "yes", "no")
    options = ("--target", "label", "--time", "day", "--label-time", "known")
    printed = " ".join(run(frame, *options, quick=True)[1].split())
    assert "never: these" not in printed
    assert "State another measure with --scoring." in printed
