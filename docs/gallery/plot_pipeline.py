"""
Around a pipeline, and inside one
=================================

A retrainer can stand around a whole pipeline, or be its last step. Around it is the better place:
then a refit renews the scaler, too. This example shows both on a stream whose concept and whose
scale change together.
"""

# %%
# A stream whose scale changes with its concept
# ---------------------------------------------

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.model_selection import prequential_validate

X_same, y, drift_rows = make_drifting_classification(4_000, random_state=1)
X = X_same * np.where(np.arange(len(X_same)) < drift_rows[0], 1.0, 0.01)[:, None]
print("the concept changes, and the features shrink to a hundredth, at row", drift_rows[0])

# %%
# Around the pipeline: recommended
# --------------------------------
#
# The retrainer clones and refits scaler and model together. ``set_params`` and ``GridSearchCV``
# reach into it by the usual names, such as ``estimator__logisticregression__C``.

around = DriftAwareRetrainer(make_pipeline(StandardScaler(), LogisticRegression()))
result = prequential_validate(around, X, y, batch_size=100, initial_size=500)
print(f"around the pipeline: {result.score:.3f} right, {result.n_fits} fits")

# %%
# As the last step: it streams in ``fit``
# ---------------------------------------
#
# A scikit-learn ``Pipeline`` has no ``partial_fit``. With a ``batch_size`` the last step goes
# through the rows of ``fit`` in time order, so the model that is left has followed the drift. But
# the scaler is fitted once, on all of them: it helps where only the concept changes, and not where
# the scale does, too. After the change the features are nearly constant beside the old scale.

inside = make_pipeline(
    StandardScaler(),
    DriftAwareRetrainer(LogisticRegression(), batch_size=100, initial_size=500),
)
plain = make_pipeline(StandardScaler(), LogisticRegression())
for name, rows in {"same scale": X_same, "new scale": X}.items():
    for kind, pipeline in {"retrainer as last step": inside, "plain pipeline": plain}.items():
        pipeline.fit(rows[:3_000], y[:3_000])
        print(f"{name}, {kind}: {pipeline.score(rows[3_000:], y[3_000:]):.3f} of later rows right")
print("the last step has partial_fit:", hasattr(inside[-1], "partial_fit"))
print("the pipeline has partial_fit: ", hasattr(inside, "partial_fit"))

# %%
# A pipeline without ``partial_fit`` cannot be evaluated test-then-train. The error says what to do.

try:
    prequential_validate(inside, X, y)
except TypeError as error:
    print(error)

# %%
# The picture
# -----------
#
# The frozen pipeline is the same one, fitted once, on the rows of the first fit.

from skretrain.inspection import DriftTimelineDisplay

frozen = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:500], y[:500])
display = DriftTimelineDisplay.from_result(
    result,
    true_drifts=drift_rows,
    window=200,
    y_pred_baseline=frozen.predict(X[500:]),
    baseline_label="pipeline, never retrained",
)
