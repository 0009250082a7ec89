"""
Frauds, day by day: the score that a rare class needs
=====================================================

A few payments in a hundred are frauds. A model that says "ok" to all of them is hardly ever wrong,
so that errors say nothing: neither whether the model is of use, nor whether a retrain is.
"""

# %%
# The payments
# ------------
#
# Each day is a batch, and labels are a day late. Half way, the fraudsters change their ways.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.drift import Periodic
from skretrain.inspection import PerClassDisplay
from skretrain.model_selection import advise, compare_policies, prequential_validate

rng = np.random.default_rng(0)
n_days, per_day, change = 80, 200, 40
n = n_days * per_day
y = np.where(rng.random(n) < 0.02, "fraud", "ok")
X = rng.normal(size=(n, 8))
is_late = np.arange(n) >= change * per_day
X[(y == "fraud") & ~is_late, :4] += 1.2
X[(y == "fraud") & is_late, 4:] += 1.2
share = np.mean(y == "fraud")
print(f"{n_days} days of {per_day} rows, {share:.3f} of them frauds; a change on day {change}")

# %%
# Which retraining pays?
# ----------------------
#
# With a class that is rarer than 5 %, policies are compared by its average precision. By accuracy
# they can hardly be told apart.

base = LogisticRegression()
policies = {
    "never": [],
    "weekly": (Periodic(7 * per_day), 4_000),
    "default": DriftAwareRetrainer(base),
}
options = {"batch_size": per_day, "initial_size": 20 * per_day, "label_delay": per_day}
by_frauds = compare_policies(base, X, y, policies, **options)
by_errors = compare_policies(base, X, y, policies, scoring="accuracy", **options)
print("a class rarer than 5 %:", by_frauds.why)
for name in policies:
    print(f"{name:8} {by_frauds.scoring}: {by_frauds.score(name):.2f}", end="")
    print(f", accuracy: {by_errors.score(name):.3f}")

# %%
# Should today's model be retrained?
# ----------------------------------
#
# The same holds for a single decision: two periods, and one action.

old, new = slice(20 * per_day, 40 * per_day), slice(40 * per_day, 70 * per_day)
advice = advise(base, X[old], y[old], X[new], y[new])
print(advice.sentences[0])
print(advice.sentences[1])

# %%
# The picture
# -----------
#
# An evaluation by a scorer that asks for probabilities has what an average precision needs.

result = prequential_validate(policies["default"], X, y, scoring="neg_log_loss", **options)
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained", sharey=True)
PerClassDisplay.from_result(
    result,
    true_drifts=[change * per_day],
    window=2_000,
    metrics=["average_precision", "f1"],
    ax=axes,
)
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
plt.show()
