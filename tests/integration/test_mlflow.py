"""Models in MLflow: logged and loaded as a scikit-learn model and as a function of rows."""

import mlflow
import numpy as np
import pandas as pd
import pytest
from helpers import assert_same_outputs, events, feed, stream
from mlflow.models import infer_signature
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit, serving

# MLflow's own code uses what SQLAlchemy and pandas are to abandon, and warns of models without type
# hints; its connections to the store are closed when they are collected.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
]

X, Y = stream(600, drift=300)

MODELS = {
    "drift": DriftAwareRetrainer(GaussianNB(), random_state=0),
    "replay": ReplayPartialFit(SGDClassifier(random_state=0), random_state=0),
    "mixture": MixtureRetrainer(
        [
            ("since drift", DriftAwareRetrainer(GaussianNB())),
            ("updated", ReplayPartialFit(SGDClassifier(random_state=0))),
        ],
        random_state=0,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    """Let MLflow keep all that it is told in a folder of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("tests", artifact_location=folder.as_uri())
    mlflow.set_experiment(experiment_id=experiment)


def streamed(name):
    return feed(MODELS[name].fit(X[:200], Y[:200]), X, Y, 100, start=200, stop=400)


def logged(model, **options):
    with mlflow.start_run():
        return mlflow.sklearn.log_model(model, name="model", **options).model_uri


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_loaded_as_it_was_logged_and_goes_on(name):
    """In MLflow's own format, skops, which loads no type that it was not told to trust."""
    model = streamed(name)
    loaded = mlflow.sklearn.load_model(logged(model, skops_trusted_types=serving.trusted_types()))
    assert_same_outputs(loaded, model, X)
    for one in (loaded, model):
        feed(one, X, Y, 100, start=400)
    assert_same_outputs(loaded, model, X)
    assert events(loaded, "row", "action", "reason") == events(model, "row", "action", "reason")


def test_a_base_that_skops_cannot_write_goes_through_cloudpickle():
    """A function without a name, say."""
    base = make_pipeline(FunctionTransformer(lambda X: X**2), GaussianNB())
    model = DriftAwareRetrainer(base).fit(X[:300], Y[:300])
    uri = logged(model, serialization_format="cloudpickle", pip_requirements=["skretrain"])
    loaded = mlflow.sklearn.load_model(uri)
    for one in (loaded, model):
        feed(one, X, Y, 100, start=300)
    assert_same_outputs(loaded, model, X)


def test_a_model_is_a_function_of_rows_with_a_signature():
    """Rows of other columns are refused by MLflow, before the model sees them."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = DriftAwareRetrainer(GaussianNB()).fit(frame[:300], Y[:300])
    signature = infer_signature(frame, model.predict(frame))
    uri = logged(
        model,
        signature=signature,
        serialization_format="cloudpickle",
        pip_requirements=["skretrain"],
        input_example=frame[:2],
    )
    function = mlflow.pyfunc.load_model(uri)
    assert function.metadata.signature == signature
    np.testing.assert_array_equal(function.predict(frame), model.predict(frame))
    with pytest.raises(mlflow.exceptions.MlflowException, match="missing inputs"):
        function.predict(frame[["a", "b"]])


def test_an_exported_model_is_logged_with_default_arguments():
    """It holds nothing but what skops trusts by itself."""
    model = streamed("drift")
    uri = logged(serving.export(model))
    assert_same_outputs(mlflow.sklearn.load_model(uri), model, X)
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(uri).predict(X), model.predict(X))
