"""What becomes of each step when an estimator goes on learning, told before anything is fitted."""

import warnings
from itertools import product

import pytest
from helpers import as_typed, stream
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from skretrain.compose import IncrementalPipeline, explain_plan
from skretrain.compose._plan import make_plan
from skretrain.exceptions import MovingInputWarning

X, Y = stream(120)


def actions(estimator, steps=None):
    """Return what a continuation does, by path."""
    return {step.path: step.on_update for step in explain_plan(estimator, steps).steps}


def table():
    """Return a ColumnTransformer of everything it may contain."""
    return ColumnTransformer(
        [
            ("scale", StandardScaler(), [0]),
            ("chain", make_pipeline(SimpleImputer(), MinMaxScaler()), [1]),
            ("encode", OneHotEncoder(), [2]),
            ("keep", "passthrough", [3]),
            ("off", "drop", [0]),
        ],
        remainder="passthrough",
    )


# -- defaults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (SGDClassifier(), {"": "update"}),
        (DecisionTreeClassifier(), {"": "refit"}),
        (
            Pipeline([("s", StandardScaler()), ("p", PCA()), ("c", SGDClassifier())]),
            {"s": "freeze", "p": "freeze", "c": "update"},
        ),
        (
            Pipeline([("p", PCA()), ("s", StandardScaler()), ("c", SGDClassifier())]),
            {"p": "freeze", "s": "preserve", "c": "update"},
        ),
        (
            Pipeline([("s", StandardScaler()), ("no", None), ("c", Lasso()), ("x", "passthrough")]),
            {"s": "preserve", "c": "update"},
        ),
        (
            Pipeline([("s", StandardScaler()), ("c", RandomForestClassifier())]),
            {"s": "freeze", "c": "update"},
        ),
        (
            Pipeline([("s", StandardScaler()), ("c", DecisionTreeClassifier())]),
            {"s": "freeze", "c": "refit"},
        ),
        (
            Pipeline([("prep", table()), ("c", SGDClassifier())]),
            {
                "prep__scale": "preserve",
                "prep__chain__simpleimputer": "freeze",
                "prep__chain__minmaxscaler": "preserve",
                "prep__encode": "freeze",
                "c": "update",
            },
        ),
        (
            Pipeline(
                [("u", FeatureUnion([("s", StandardScaler()), ("d", "drop")])), ("c", Lasso())]
            ),
            {"u__s": "freeze", "c": "update"},
        ),
        (
            Pipeline(
                [
                    ("s", StandardScaler()),
                    ("t", TransformedTargetRegressor(SGDRegressor(), transformer=MinMaxScaler())),
                ]
            ),
            {"s": "preserve", "t__transformer": "freeze", "t__regressor": "update"},
        ),
        (
            TransformedTargetRegressor(
                transformer=Pipeline([("a", MinMaxScaler()), ("b", StandardScaler())])
            ),
            {"transformer__a": "freeze", "transformer__b": "freeze", "regressor": "refit"},
        ),
        (
            GridSearchCV(make_pipeline(StandardScaler(), SGDClassifier()), {}),
            {"estimator__standardscaler": "preserve", "estimator__sgdclassifier": "update"},
        ),
        (
            Pipeline([("s", StandardScaler()), ("g", GridSearchCV(SGDClassifier(), {}))]),
            {"s": "freeze", "g__estimator": "update"},
        ),
        (
            Pipeline([("h", HashingVectorizer()), ("c", SGDClassifier())]),
            {"h": "freeze", "c": "update"},
        ),
        (
            Pipeline([("s", FrozenEstimator(StandardScaler().fit(X))), ("c", SGDClassifier())]),
            {"s": "freeze", "c": "update"},
        ),
        (
            Pipeline([("s", StandardScaler()), ("c", SGDClassifier(fit_intercept=False))]),
            {"s": "freeze", "c": "update"},
        ),
        (
            Pipeline([("a", StandardScaler()), ("b", OneHotEncoder())]),
            {"a": "freeze", "b": "freeze"},
        ),
        (
            table(),
            {
                "scale": "update",
                "chain__simpleimputer": "freeze",
                "chain__minmaxscaler": "update",
                "encode": "freeze",
            },
        ),
    ],
    ids=as_typed,
)
def test_default_actions(estimator, expected):
    """Fitted transformers are frozen, rescalers before linear models preserve, predictors learn.

    Words such as "passthrough" are no steps.
    """
    assert actions(estimator) == expected


def test_reasons_and_refits():
    """Each step has its reason; a refit renews all but what is frozen for good."""
    frozen = FrozenEstimator(PCA(2).fit(X))
    pipeline = Pipeline(
        [
            ("hash", FunctionTransformer()),
            ("frozen", frozen),
            ("pca", PCA()),
            ("scale", StandardScaler()),
            ("clf", SGDClassifier()),
        ]
    )
    told = {step.path: (step.on_refit, step.why) for step in explain_plan(pipeline).steps}
    assert told == {
        "hash": ("freeze", "has nothing to learn"),
        "frozen": ("freeze", "a FrozenEstimator is never changed"),
        "pca": ("refit", "the model behind it has learned its output as it is"),
        "scale": ("refit", "the model's weights are rewritten: no decision moves"),
        "clf": ("refit", "goes on learning by partial_fit"),
    }
    asked = explain_plan(pipeline, {"scale": "freeze", "clf": "update"}).steps
    assert [step.why for step in asked[-2:]] == ["as asked for"] * 2


@pytest.mark.parametrize(
    ("estimator", "why_not"),
    [
        (make_pipeline(StandardScaler(), SGDClassifier()), ""),
        (make_pipeline(StandardScaler(), DecisionTreeClassifier()), "neither partial_fit nor"),
        (make_pipeline(StandardScaler(), SGDClassifier(early_stopping=True)), "early_stopping"),
        (FrozenEstimator(PCA().fit(X)), "never changed"),
        (make_pipeline(StandardScaler(), FrozenEstimator(GaussianNB().fit(X, Y))), "never changed"),
        (OneVsRestClassifier(FrozenEstimator(SGDClassifier().fit(X, Y))), "frozen part"),
        (make_pipeline(PCA(), "passthrough"), "no step of Pipeline can learn"),
        (make_pipeline(StandardScaler(), FunctionTransformer()), "no step of Pipeline can learn"),
        (ColumnTransformer([("a", OneHotEncoder(), [0])]), "no step of ColumnTransformer"),
        (ColumnTransformer([("a", IncrementalPCA(), [0])]), ""),
        (FeatureUnion([("a", IncrementalPCA()), ("b", PCA())]), ""),
        (GridSearchCV(SGDClassifier(), {}, refit=False), "refit=False) keeps no model"),
        (make_pipeline(PCA(), GridSearchCV(SGDClassifier(), {}, refit=False)), "keeps no model"),
        (GridSearchCV(SGDClassifier(), {}, refit="accuracy"), ""),
        (MiniBatchKMeans(), ""),
        (GaussianProcessRegressor(), "neither partial_fit nor"),
    ],
    ids=as_typed,
)
def test_why_an_estimator_cannot_go_on(estimator, why_not):
    reason = explain_plan(estimator).why_not
    assert why_not in reason
    assert bool(why_not) == bool(reason)


def test_a_transformer_that_only_transforms_is_refitted_alone_on_request():
    """The predictor of a pipeline of transformers is its last step."""
    pipeline = Pipeline([("a", StandardScaler()), ("b", PCA())])
    plan = explain_plan(pipeline, {"b": "refit"})
    assert (plan.on_update("b"), plan.why_not) == ("refit", "")


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(table(), SGDClassifier()),
        make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", "drop")]), SGDClassifier()),
        ColumnTransformer([("a", StandardScaler(), [0, 1, 2, 3])], remainder=StandardScaler()),
        TransformedTargetRegressor(SGDRegressor()),
        TransformedTargetRegressor(transformer=StandardScaler()),
        GridSearchCV(make_pipeline(StandardScaler(), SGDClassifier()), {}, cv=2),
    ],
    ids=as_typed,
)
def test_a_fitted_estimator_and_its_clones_have_the_same_plan(estimator):
    fitted = clone(estimator).fit(X, Y)
    plans = [make_plan(model).steps for model in (estimator, fitted, clone(fitted))]
    assert plans[0] == plans[1] == plans[2]


def test_a_fitted_search_has_the_plan_of_what_it_found():
    """The best estimator may be of another class than the one searched."""
    search = GridSearchCV(Pipeline([("c", GaussianNB())]), {"c": [DecisionTreeClassifier()]}, cv=2)
    assert "neither" not in explain_plan(search).why_not
    assert "neither" in explain_plan(search.fit(X, Y)).why_not


class Own(Pipeline):
    """A pipeline whose author knows best."""

    def partial_fit(self, X, y):
        return self


class MyPipeline(IncrementalPipeline):
    """Adds nothing to the partial_fit."""


def test_a_composed_class_with_its_own_partial_fit_is_one_step():
    """It is left to itself, also inside another; ours and its subclasses are walked through."""
    steps = [("s", StandardScaler()), ("c", SGDClassifier())]
    assert actions(Own(steps)) == {"": "update"}
    assert actions(Pipeline([("p", PCA()), ("own", Own(steps))])) == {
        "p": "freeze",
        "own": "update",
    }
    assert (
        actions(MyPipeline(steps)) == actions(Pipeline(steps)) == {"s": "preserve", "c": "update"}
    )


# -- overrides -------------------------------------------------------------------------------------

NESTED = Pipeline(
    [
        (
            "prep",
            ColumnTransformer(
                [
                    ("num", Pipeline([("a", StandardScaler()), ("b", MinMaxScaler())]), [0, 1]),
                    ("cat", StandardScaler(), [2]),
                ]
            ),
        ),
        ("clf", SGDClassifier()),
    ]
)


@pytest.mark.parametrize(
    ("steps", "changed"),
    [
        ({"prep__cat": "update"}, {"prep__cat": "update"}),
        ({"prep__num": "freeze"}, {"prep__num__b": "freeze"}),
        (
            {"prep": "freeze", "prep__c*": "update"},
            {"prep__num__b": "freeze", "prep__cat": "update"},
        ),
        (
            {"prep__c*": "update", "prep": "refit"},
            {"prep__num__a": "refit", "prep__num__b": "refit", "prep__cat": "refit"},
        ),
        ({"*__b": "freeze"}, {"prep__num__b": "freeze"}),
        ({"c*": "freeze"}, {"clf": "freeze", "prep__cat": "freeze", "prep__num__b": "freeze"}),
        ({"prep__num__?": "update"}, {"prep__num__a": "update", "prep__num__b": "update"}),
        ({"clf": "refit"}, {"clf": "refit"}),
        ({"prep__cat": "preserve"}, {}),
    ],
    ids=as_typed,
)
def test_overrides(steps, changed):
    """Patterns name steps or what they are in; the last match holds, the rest is as ever.

    A rescaler before a frozen model is frozen: its weights are not rewritten either.
    """
    assert actions(NESTED, steps) == actions(NESTED) | changed


@pytest.mark.parametrize(
    ("estimator", "steps", "message"),
    [
        (
            NESTED,
            {"scale": "freeze"},
            r"steps: 'scale' matches none of the steps \['prep__num__a',",
        ),
        (NESTED, {"prep": "freeze", "PREP*": "freeze"}, "'PREP\\*' matches none"),
        (NESTED, {"prep": "frost"}, r"'frost'}: the action must be one of \['freeze', 'preserve'"),
        (NESTED, ["prep"], r"steps=\['prep'\] must be a dict"),
        (NESTED, {"clf": "preserve"}, "impossible: nothing comes after it"),
        (NESTED, {"prep__num__a": "preserve"}, "impossible: no linear model or MLP"),
        (NESTED, {"clf": "freeze", "prep__cat": "preserve"}, "impossible: no linear model or MLP"),
        (make_pipeline(PCA(), SGDClassifier()), {"pca": "preserve"}, "not a linear rescaler"),
        (make_pipeline(PCA(), SGDClassifier()), {"pca": "update"}, "PCA has no partial_fit"),
        (
            make_pipeline(PCA(), DecisionTreeClassifier()),
            {"dec*": "update"},
            "DecisionTreeClassifier has neither",
        ),
        (
            make_pipeline(HashingVectorizer(), SGDClassifier()),
            {"hashingvectorizer": "preserve"},
            "nothing to learn",
        ),
        (
            make_pipeline(FrozenEstimator(PCA().fit(X)), SGDClassifier()),
            {"frozenestimator": "refit"},
            "FrozenEstimator is never changed",
        ),
        (
            make_pipeline(MinMaxScaler(clip=True), SGDClassifier()),
            {"minmaxscaler": "preserve"},
            "not linear",
        ),
        (
            make_pipeline(StandardScaler(), Lasso(fit_intercept=False)),
            {"standardscaler": "preserve"},
            "Lasso has no intercept to make up",
        ),
    ],
)
def test_what_is_impossible_raises(estimator, steps, message):
    with pytest.raises(ValueError, match=message):
        explain_plan(estimator, steps)


def test_an_override_may_make_a_predictor_refit():
    """A tree cannot learn on; refitted on each batch, it may do as asked."""
    pipeline = make_pipeline(StandardScaler(), DecisionTreeClassifier())
    assert explain_plan(pipeline).why_not
    assert not explain_plan(pipeline, {"decision*": "refit"}).why_not


def test_a_rescaler_before_a_frozen_model_is_frozen():
    """Its weights would have to be rewritten; also where targets are transformed around it."""
    regressor = TransformedTargetRegressor(SGDRegressor())
    pipeline = Pipeline([("s", StandardScaler()), ("t", regressor)])
    assert actions(pipeline, {"t__regressor": "update"})["s"] == "preserve"
    assert actions(pipeline, {"t__regressor": "freeze"})["s"] == "freeze"


class Moving(TransformerMixin, BaseEstimator):
    """A transformer that may be frozen, updated and refitted."""

    def fit(self, X, y=None):
        return self

    def partial_fit(self, X, y=None):
        return self


@given(data=st.data())
def test_moving_input_warns_exactly_where_something_behind_stays(data):
    """Among all plans of a chain: one step moves and one after it has learned and stays."""
    chosen = data.draw(st.lists(st.sampled_from(["freeze", "update", "refit", "-"]), max_size=4))
    last = data.draw(st.sampled_from(["freeze", "update", "refit"]))
    steps = [
        (f"t{i}", FunctionTransformer() if action == "-" else Moving())
        for i, action in enumerate(chosen)
    ]
    asked = {f"t{i}": action for i, action in enumerate(chosen) if action != "-"}
    pipeline = Pipeline([*steps, ("last", GaussianNB())])
    order = [*chosen, last]
    expected = any(
        order[i] in ("update", "refit") and "freeze" in order[i + 1 :] for i in range(len(order))
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explain_plan(pipeline, {**asked, "last": last})
    assert {w.category for w in caught} == ({MovingInputWarning} if expected else set())


@pytest.mark.parametrize(
    ("estimator", "steps", "warns"),
    [
        (NESTED, {"prep__num__a": "update", "prep__num__b": "freeze"}, "'prep__num__a' moves"),
        (NESTED, {"prep__cat": "update", "prep__num": "freeze"}, None),
        (NESTED, {"prep__cat": "update", "clf": "freeze"}, "while clf behind it stays"),
        (make_pipeline(StandardScaler(), RandomForestClassifier()), {"s*": "update"}, "random"),
        (make_pipeline(StandardScaler(), LogisticRegression()), {"s*": "update"}, None),
        (make_pipeline(StandardScaler(), PCA(), SGDClassifier()), {"st*": "update"}, "while pca"),
        (
            make_pipeline(StandardScaler(), FrozenEstimator(PCA().fit(X)), SGDClassifier()),
            {"s*r": "update"},
            "frozenestimator",
        ),
        (
            TransformedTargetRegressor(SGDRegressor(), transformer=StandardScaler()),
            {"transformer": "update", "regressor": "freeze"},
            "regressor",
        ),
        (
            TransformedTargetRegressor(SGDRegressor(), transformer=StandardScaler()),
            {"transformer": "update"},
            None,
        ),
    ],
)
def test_moving_input_in_trees_of_steps(estimator, steps, warns):
    """Trap 20. Siblings are not behind each other; a forest keeps trees that saw the old input."""
    if warns is None:
        explain_plan(estimator, steps)
    else:
        with pytest.warns(MovingInputWarning, match=warns):
            explain_plan(estimator, steps)


def test_defaults_never_move_an_input():
    """Whatever the parts: no warning, which would be an error here."""
    first = [StandardScaler(), PCA(), FunctionTransformer(), FrozenEstimator(PCA().fit(X)), None]
    last = [SGDClassifier(), RandomForestClassifier(), DecisionTreeClassifier(), MiniBatchKMeans()]
    for one, two, end in product(first, first, last):
        explain_plan(Pipeline([("one", one), ("two", two), ("end", end)]))


# -- as a table ------------------------------------------------------------------------------------


def test_the_table_reads_in_columns():
    plan = explain_plan(make_pipeline(TfidfVectorizer(), SGDClassifier()))
    assert repr(plan) == str(plan)
    header, *lines = str(plan).splitlines()
    assert header.split()[:2] == ["step", "estimator"]
    assert len(lines) == 2
    for name in ("estimator", "on update", "on refit", "why"):
        column = header.index(name)
        assert all(line[column - 1] == " " != line[column] for line in lines)


def test_an_estimator_that_is_not_composed_is_called_itself():
    assert "(itself)  SGDClassifier  update" in str(explain_plan(SGDClassifier()))


def test_html_is_escaped():
    """Names of steps are the user's."""
    html = explain_plan(
        Pipeline([("<b>&", StandardScaler()), ("c", SGDClassifier())])
    )._repr_html_()
    assert "&lt;b&gt;&amp;" in html
    assert "<b>" not in html
    assert html.count("<tr>") == 3


def test_frame_has_a_row_per_step():
    plan = explain_plan(NESTED)
    frame = plan.to_frame()
    assert list(frame.columns) == ["step", "estimator", "on update", "on refit", "why"]
    assert list(frame["step"]) == [step.path for step in plan.steps]
    assert list(frame["on update"]) == [step.on_update for step in plan.steps]


def test_what_is_not_in_the_plan_does_not_change():
    plan = explain_plan(NESTED)
    assert plan.on_update("elsewhere") == "freeze"
    assert plan.changes("prep__num")
    assert not plan.changes("prep__num__a")
    assert not plan.changes("pre")
    assert plan.changes("")
