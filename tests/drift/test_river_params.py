"""River detectors as nested parameters of scikit-learn estimators."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from helpers import representatives
from river.drift import ADWIN, KSWIN, DummyDriftDetector, PageHinkley
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.drift import ErrorDrift
from skretrain.drift._river import RiverParamsMixin, blank, is_river, make_detector


class _Owner(RiverParamsMixin, BaseEstimator):
    def __init__(self, detector="adwin", policy=None, estimator=None):
        self.detector = detector
        self.policy = policy
        self.estimator = estimator


def test_the_detectors_parameters_show_one_level_down(any_detector):
    """Each constructor parameter of river is a nested parameter, with its value."""
    params = _Owner(any_detector).get_params()
    for name, value in any_detector._get_params().items():
        assert params[f"detector__{name}"] == value
    assert params["detector"] is any_detector
    assert set(_Owner(any_detector).get_params(deep=False)) == {"detector", "estimator", "policy"}


def test_inside_a_trigger_they_show_two_levels_down():
    """The trigger keeps scikit-learn's usual nesting, and river's parameters come below it."""
    owner = _Owner(ErrorDrift(ADWIN(delta=0.3)))
    assert owner.get_params()["detector__detector__delta"] == 0.3
    owner.set_params(detector__detector__delta=0.1, detector__cooldown=7)
    assert (owner.detector.detector.delta, owner.detector.cooldown) == (0.1, 7)


def test_setting_one_replaces_the_detector_by_a_blank_one_and_touches_nothing():
    """The given, used object keeps its past and its parameters; the new one has no past."""
    used = ADWIN()
    for _ in range(50):
        used.update(1.0)
    before = joblib.hash(used._get_params()), used.width
    owner = _Owner(used).set_params(detector__delta=0.5, detector__clock=1)
    assert (owner.detector.delta, owner.detector.clock, owner.detector.width) == (0.5, 1, 0)
    assert (joblib.hash(used._get_params()), used.width) == before
    assert owner.detector is not used


@pytest.mark.parametrize("turn", [1, -1])
def test_object_and_nested_parameters_in_one_call_work_in_any_order(turn):
    """The whole is set before its parts."""
    changes = [
        ("detector", ADWIN()),
        ("detector__delta", 0.5),
        ("policy", PageHinkley()),
        ("policy__threshold", 9.0),
        ("estimator", LogisticRegression()),
        ("estimator__C", 3.0),
    ][::turn]
    owner = _Owner().set_params(**dict(changes))
    assert (owner.detector.delta, owner.policy.threshold, owner.estimator.C) == (0.5, 9.0, 3.0)


def test_an_unknown_name_is_refused_with_the_valid_ones():
    """The error lists what the detector has."""
    with pytest.raises(ValueError, match=r"detector__foo .*: ADWIN has no .*'clock', 'delta"):
        _Owner(ADWIN()).set_params(detector__foo=1)
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        _Owner().set_params(nothing__x=1)
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        _Owner().set_params(nothing=1)
    with pytest.raises(ValueError, match="Invalid parameter 'foo'"):
        _Owner(estimator=LogisticRegression()).set_params(estimator__foo=1)


@pytest.mark.parametrize(
    ("params", "name", "what"),
    [
        ({"detector": "adwin"}, "detector", r"the alias 'adwin'.*river\.drift\.ADWIN\(\) first"),
        ({"detector": None}, "detector", r"None.*river\.drift\.ADWIN\(\) first"),
        ({"policy": "full_refit"}, "policy", r"the alias 'full_refit'.*policy=an object first"),
        ({"policy": [1]}, "policy", r"\[1\].*no parameters of its own"),
    ],
)
def test_what_has_no_parameters_says_what_to_pass(params, name, what):
    """An alias, None or any other value cannot take a nested parameter, and the error says so."""
    with pytest.raises(ValueError, match=f"{name}__delta for _Owner: {name} is {what}"):
        _Owner(**params).set_params(**{f"{name}__delta": 0.5})


@pytest.mark.parametrize("junk", ["helloworld", 3, ADWIN, ErrorDrift, np.arange(3), object(), {}])
def test_junk_survives_being_set_and_read(junk):
    """Values are stored bare, whatever they are."""
    owner = _Owner(junk).set_params(policy=junk)
    assert owner.get_params()["detector"] is junk
    assert owner.get_params()["policy"] is junk
    assert ErrorDrift(junk, loss=junk).get_params()["loss"] is junk


def test_clone_and_repr_work_with_a_used_kswin():
    """KSWIN holds its data in the attribute of a parameter; neither clone nor repr minds."""
    used = KSWIN(seed=1)
    for value in range(150):
        used.update(value)
    owner = ErrorDrift(used)
    assert "KSWIN" in repr(owner)
    assert owner._repr_html_()
    assert clone(owner).set_params(detector__alpha=0.1).detector.alpha == 0.1
    assert len(owner.set_params(detector__alpha=0.1).detector.window) == 0
    assert owner.get_params()["detector__alpha"] == 0.1


def test_a_window_given_to_kswin_and_not_yet_used_is_kept():
    """It is a parameter as long as no data was seen."""
    assert list(blank(KSWIN(window=[1.0, 2.0])).window) == [1.0, 2.0]


def test_blank_has_no_past_and_leaves_the_original_alone(any_detector):
    """A clone of a used detector equals a new one, also where clone draws random numbers."""
    new = pickle.dumps(blank(any_detector, seed=3))
    for value in np.random.default_rng(0).random(120) < 0.5:
        any_detector.update(bool(value))
    before = pickle.dumps(any_detector)
    assert pickle.dumps(blank(any_detector, seed=3)) == new
    assert pickle.dumps(any_detector) == before


def test_only_a_missing_seed_is_filled():
    """A seed that the user gave stays."""
    assert blank(KSWIN(), seed=4).seed == 4
    assert blank(KSWIN(seed=0), seed=4).seed == 0
    assert blank(KSWIN()).seed is None
    assert blank(ADWIN(), seed=4).delta == 0.002
    dynamic = DummyDriftDetector(trigger_method="random", w=9, dynamic_cloning=True, seed=1)
    assert blank(dynamic, seed=4).seed == 1


def test_river_is_told_by_what_it_can_do(any_detector):
    """Instances of river's detectors, and nothing else."""
    assert is_river(any_detector)
    assert not any(is_river(obj) for obj in (type(any_detector), "adwin", None, ErrorDrift()))


def test_the_alias_makes_adwin_and_no_other_is_known():
    """The error names the only alias."""
    assert isinstance(make_detector("adwin"), ADWIN)
    with pytest.raises(ValueError, match="detector='ddm' is not a known alias: .*'adwin'"):
        make_detector("ddm")


DUMPS_AGAIN = """
import pickle, sys
model = pickle.load(open(sys.argv[1], "rb"))
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    pickle.dumps(model, protocol)
"""


DETECTORS = {"alone": ADWIN(), "in a list": [ADWIN()]}


@pytest.mark.parametrize("detector", representatives(DETECTORS, fast=["in a list"], covering=[]))
def test_in_a_fresh_process_it_goes_through_every_protocol_of_pickle(detector, tmp_path):
    """The old ones do not ask compiled classes for their state, unless they are told how."""
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(DriftAwareRetrainer(GaussianNB(), detector=DETECTORS[detector])))
    command = [sys.executable, "-c", DUMPS_AGAIN, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
