"""What a display is drawn from is checked by what is needed of it, and named otherwise."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, inspection
from skretrain.datasets import make_drifting_classification
from skretrain.model_selection import prequential_validate

X, Y, _ = make_drifting_classification(300, random_state=0)
SOURCES = [
    ("DistributionDisplay", "from_estimator", "estimator", (X, 0)),
    ("DriftTimelineDisplay", "from_result", "result", ()),
    ("MixtureDisplay", "from_estimator", "mixture", ()),
    ("PerClassDisplay", "from_result", "result", ()),
    ("PolicyParetoDisplay", "from_comparison", "comparison", ()),
    ("RegretDisplay", "from_comparison", "comparison", ()),
    ("RollingChoiceDisplay", "from_choice", "choice", ()),
    ("SegmentsDisplay", "from_estimator", "estimator", ()),
]


@pytest.mark.parametrize(("name", "method", "parameter", "others"), SOURCES)
def test_a_source_of_another_kind_is_named(name, method, parameter, others):
    source = LogisticRegression().fit(X, Y)
    draw = getattr(getattr(inspection, name), method)
    match = rf"{name}\({parameter}=LogisticRegression\(\)\): {parameter} must be a"
    with pytest.raises(ValueError, match=match):
        draw(source, *others)


def test_results_of_several_seeds_are_drawn_one_by_one():
    model = DriftAwareRetrainer(GaussianNB())
    results = prequential_validate(model, X, Y, seeds=2, batch_size=100)
    inspection.PolicyComparisonDisplay.from_results(dict(zip("ab", results, strict=True)))
    match = r"results\['seeds'\] must be a result of prequential_validate, one of those of several"
    with pytest.raises(ValueError, match=match):
        inspection.PolicyComparisonDisplay.from_results({"seeds": results})


@pytest.mark.parametrize("name", [name for name, method, *_ in SOURCES if "result" in method])
def test_a_list_of_results_is_told_as_that(name):
    results = prequential_validate(GaussianNB(), X, Y, seeds=1, batch_size=100)
    with pytest.raises(ValueError, match="one of those of several seeds"):
        getattr(inspection, name).from_result(results)
