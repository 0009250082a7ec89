"""
Choose policy and detector with GridSearchCV
============================================

When and how to retrain are parameters like any other, so ``GridSearchCV`` can choose them. Two
things differ from an ordinary search: the folds keep the order of time, and the score comes from
test-then-train through the held-out rows.
"""

# %%
# The history to tune on
# ----------------------
#
# A stream in which two concepts alternate. The last part is set aside: it is not used for tuning.

import numpy as np
from river.drift import ADWIN
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import Periodic
from skretrain.model_selection import make_prequential_scorer, prequential_validate
from skretrain.policies import FullRefit

X, y, drift_rows = make_drifting_classification(
    6_000, drift="recurring", n_drifts=5, random_state=0
)
history = 4_500
print("the concept changes at rows", drift_rows.tolist(), "- tuning ends at row", history)

# %%
# The search
# ----------
#
# ``detector__delta`` is a parameter of river's ADWIN. The two dictionaries are needed because
# ``Periodic`` has another parameter and None has none.

grid = [
    {
        "detector": [ADWIN()],
        "detector__delta": [0.002, 1e-20],
        "policy": ["full_refit", "replay_mix"],
    },
    {"detector": [Periodic(every=500)], "policy": ["full_refit", "replay_mix"]},
    {"detector": [None], "update": ["warm_start", None]},
]
search = GridSearchCV(
    DriftAwareRetrainer(SGDClassifier(loss="log_loss", random_state=0), batch_size=100),
    grid,
    cv=TimeSeriesSplit(3),
    scoring=make_prequential_scorer("accuracy", batch_size=100),
).fit(X[:history], y[:history])


def in_words(parameters):
    """Return the parameters in one short line."""
    return ", ".join(
        f"{name}={value if isinstance(value, (str, float, type(None))) else type(value).__name__}"
        for name, value in parameters.items()
    )


results = search.cv_results_
for rank in np.argsort(results["rank_test_score"], kind="stable"):
    print(f"{results['mean_test_score'][rank]:.3f}  {in_words(results['params'][rank])}")

# %%
# On rows that the search has not seen
# ------------------------------------
#
# The search compared several candidates on the same rows, so its best score is a little too good.
# The rows set aside give an honest one: each candidate is fitted on the history, and only the rows
# after it are scored, test-then-train.

candidates = {
    "chosen by the search": search.best_params_,
    "updates only": {"detector": None, "update": "warm_start"},
    "never": {"detector": None, "update": None, "policy": FullRefit(grow=False)},
}
outcomes = {}
for name, parameters in candidates.items():
    candidate = DriftAwareRetrainer(SGDClassifier(loss="log_loss", random_state=0))
    candidate.set_params(**parameters)
    outcomes[name] = prequential_validate(candidate, X, y, batch_size=100, initial_size=history)
    print(f"{outcomes[name].score:.3f}  {name}")

# %%
# The picture
# -----------

from skretrain.inspection import PolicyComparisonDisplay

display = PolicyComparisonDisplay.from_results(
    outcomes, true_drifts=[row for row in drift_rows if row >= history], window=200
)
