"""AlwaysPromote: everything but nonsense."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.tree import DecisionTreeClassifier

from skretrain.gates import AlwaysPromote, Trial

X = np.arange(10.0)[:, None]
Y = np.arange(10) % 2


class Answers:
    """A model that gives prepared answers."""

    def __init__(self, **answers):
        for method, answer in answers.items():
            setattr(self, method, lambda X, answer=answer: answer)


def verdict(challenger, y_range=None):
    champion = DummyClassifier().fit(X, Y)
    return AlwaysPromote().judge(Trial(champion, challenger, X, Y, False, 0, y_range))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict"])
def test_output_that_is_not_finite_is_rejected(method, bad):
    """The most telling method that there is decides."""
    answer = verdict(Answers(**{method: np.array([0.5, bad])}))
    assert answer.decision == "reject"
    assert "not finite" in answer.reason


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier().fit(X, Y),
        DecisionTreeClassifier().fit(X, np.c_[Y, np.arange(10) % 3]),
        SGDClassifier(random_state=0).fit(X, Y),
        Answers(predict=np.array(["yes", "no"])),
        Answers(predict=np.array([0, 1])),
        Answers(transform=np.array([np.nan])),
    ],
    ids=["tree", "two outputs", "sgd", "text", "integers", "no predictions"],
)
def test_a_classifier_that_makes_sense_is_promoted(model):
    assert verdict(model).decision == "promote"


def test_several_outputs_are_all_looked_at():
    good, bad = np.full((5, 2), 0.5), np.full((5, 3), np.nan)
    assert verdict(Answers(predict_proba=[good, bad])).decision == "reject"


@pytest.mark.parametrize(
    ("y_range", "inside", "outside"),
    [
        ((0.0, 2.0), (-20.0, 22.0), (-20.1, 22.1)),
        ((5.0, 5.0), (-45.0, 55.0), (-45.1, 55.1)),
        ((-3.0, -3.0), (-33.0, 27.0), (-33.1, 27.1)),
        ((0.0, 0.0), (-10.0, 10.0), (-10.1, 10.1)),
    ],
    ids=["range", "constant", "negative constant", "zero"],
)
def test_a_regressor_may_leave_the_range_of_targets_but_not_by_far(y_range, inside, outside):
    """Ten times the range; for constant targets their own size, or 1, stands in for it."""
    for value in inside:
        assert verdict(Answers(predict=np.array([value])), y_range).decision == "promote"
    for value in outside:
        answer = verdict(Answers(predict=np.array([1.0, value])), y_range)
        assert answer.decision == "reject"
        assert "10 times the range" in answer.reason
        assert answer.evidence == {"lowest": min(1.0, value), "highest": max(1.0, value)}


def test_several_targets_are_judged_together():
    y = np.c_[Y, 3 * Y].astype(float)
    model = MultiOutputRegressor(DummyRegressor()).fit(X, y)
    assert verdict(model, (0.0, 3.0)).decision == "promote"


def test_it_needs_no_trial():
    """With a dry run no candidate is fitted for it."""
    assert not AlwaysPromote().needs_trial
    assert AlwaysPromote().reset().get_params() == {}
