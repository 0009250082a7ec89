"""What following the recommendation would have come to: a sentence, a picture, or nothing."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from skretrain.cli import _policies
from skretrain.cli._metric import ACCURACY, ERROR, Measured
from skretrain.cli._pictures import _picture_of_following
from skretrain.cli._sentence import rolling_sentence
from skretrain.model_selection import RollingChoice

COSTS = {"followed": [20, 10], "never": [20, 40], "best fixed": [10, 20], "final": [8, 8]}


def choice_of(costs=COSTS):
    return RollingChoice(
        price=0.0,
        unit="errors",
        every="month",
        rows=np.array([100, 150, 200]),
        policies=["never", "mixture"],
        fixed="every 50 on all",
        final="drift",
        costs={name: np.array(values, dtype=float) for name, values in costs.items()},
        told_at="of 0 errors per refit",
    )


F1 = Measured("F1", "F1", "f1", metric=SimpleNamespace(higher_is_better=True, why=""))


@pytest.mark.parametrize(
    ("metric", "said", "numbers"),
    [
        (ACCURACY, "accuracy", ["0.700", "0.700", "0.840", "0.400"]),
        (ERROR, "mean absolute error", ["0.3000", "0.3000", "0.1600", "0.6000"]),
        (F1, "F1, in the mean of its windows,", ["0.700", "0.700", "0.840", "0.400"]),
    ],
)
def test_without_a_price_the_sentence_is_in_what_the_table_is_in(metric, said, numbers):
    followed, fixed, final, never = numbers
    assert rolling_sentence(choice_of(), metric, None) == (
        "To follow the recommendation, chosen anew every month by what was known then, would have "
        f"come to {said} {followed}; the best fixed policy in hindsight ('every 50 on all') to "
        f"{fixed}, what is recommended now ('drift') to {final}, and never retraining to {never}."
    )


def test_with_a_price_it_is_in_costs():
    assert rolling_sentence(choice_of(), ACCURACY, 5.0) == choice_of().text
    assert "would have cost 30 at a price of 0 errors" in choice_of().text


@pytest.mark.no_cover
def test_the_sentence_is_the_last_on_the_terminal_and_on_the_page(run, table, tmp_path):
    options = ("--target", "label", "--warm-up", "100", "--time", "when", "--price", "5")
    code, printed, _, _ = run(table, *options, quick=True)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert code == 0
    sentence = r"To follow the recommendation, chosen anew every week by what was known then, would"
    for text in (" ".join(printed.split()), page):
        assert re.search(f"{sentence} have cost [\\d,]+ at a price of 5 errors per refit", text)
    assert page.index("costs least") < page.index("To follow") < page.index("The policies")


def test_a_history_of_few_batches_has_no_other_times_to_go_by(run, table, tmp_path):
    options = ("--target", "label", "--warm-up", "450")
    code, printed, _, _ = run(table, *options, quick=True)
    assert code == 0
    assert "To follow" not in printed
    assert _picture_of_following(None, None) is None
    assert _policies._FEWEST_PARTS == 4
