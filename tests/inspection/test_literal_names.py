"""Names of columns, classes, policies and files are drawn as they are, never as mathematics."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from matplotlib.text import Text

from skretrain.inspection import (
    DistributionDisplay,
    DriftTimelineDisplay,
    FeatureDriftDisplay,
    ForgettingDisplay,
    MixtureDisplay,
    PerClassDisplay,
    PolicyComparisonDisplay,
    PolicyParetoDisplay,
    RegretDisplay,
    SliceDisplay,
)
from skretrain.inspection._panels import literal, shortened
from skretrain.metrics import SliceScore
from skretrain.metrics._feature_shifts import FeatureShift

NAMES = [r"a$\frac$b", "US$ and A$", "$x^$", "one $", r"\$5 or $6", "$$", r"\alpha_{1}", "{", "%"]
ROWS = np.arange(4)


def _timeline(name):
    kwargs = {"baseline": 0.5, "baseline_label": f"base {name}"}
    return DriftTimelineDisplay(ROWS, ROWS / 4, label=name, **kwargs).plot()


def _comparison(name):
    curves = {name: ROWS / 4, "other": ROWS / 5}
    return PolicyComparisonDisplay(ROWS, curves, label=f"score {name}").plot()


def _per_class(name):
    y = np.array([name, "other"], dtype=object)[np.arange(60) % 2]
    return PerClassDisplay.from_predictions(np.arange(60), y, y, window=20)


def _pareto(name):
    return PolicyParetoDisplay({name: 1.0}, {name: 0.5}, score_label=f"minus {name}").plot()


def _regret(name):
    return RegretDisplay([1.0, 2.0], {name: [0.1, 0.2]}, unit=f"of {name}", reference=name).plot()


def _forgetting(name):
    names = [name, "other"]
    return ForgettingDisplay(np.eye(2), concepts=names, label=f"of {name}").plot()


def _mixture(name):
    return MixtureDisplay(ROWS, np.ones((4, 1)), [name]).plot()


def _features(name):
    shift = FeatureShift(name, "numeric", reason=f"as {name}")
    return FeatureDriftDisplay([shift], {name: None}, label_then=name).plot()


def _slices(name):
    scores = [SliceScore(name, 9, 0.5, 0.2, 0.8, -0.1, 0.5, 0.5)]
    return SliceDisplay(scores, curves={name: ([1, 2], [0.5, 0.6])}).plot()


def _numbers(name):
    then, now = (pd.DataFrame({name: ROWS + shift}) for shift in (0, 1))
    return DistributionDisplay.from_frames(then, now, name, label_then=f"then {name}")


def _categories(name):
    then, now = (pd.DataFrame({"city": [name, other]}) for other in ("x", "y"))
    return DistributionDisplay.from_frames(then, now, "city")


DRAWINGS = [
    *(_timeline, _comparison, _per_class, _pareto, _regret, _forgetting),
    *(_mixture, _slices, _features, _numbers, _categories),
]


def _drawn(name, draw):
    """Return what there is to read on the figure, after it was drawn without an error."""
    figure = draw(name).figure_
    figure.canvas.draw()
    shown = []
    for text in figure.findobj(Text):
        plain, is_math = text._preprocess_math(text.get_text())
        if not is_math:
            shown.append(plain.replace("\n", " "))
    return shown


@pytest.mark.parametrize(
    ("draw", "name"),
    representatives(product(DRAWINGS, NAMES), fast=product(DRAWINGS, NAMES[:1])),
)
@pytest.mark.no_cover
def test_a_name_is_drawn_as_it_is(draw, name):
    assert any(name in text for text in _drawn(name, draw))


@pytest.mark.parametrize("draw", DRAWINGS[:-2])  # a frame takes no such names
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_bytes_that_are_no_text_are_question_marks(draw):
    name = b"caf\xe9 3".decode("utf-8", "surrogateescape")
    assert any("caf? 3" in text for text in _drawn(name, draw))


def test_a_name_is_shortened_before_its_dollars_are_escaped():
    assert shortened("$" * 30, most=5) == r"\$\$\$\$…"
    assert literal(3) == "3"
    plt.close("all")
