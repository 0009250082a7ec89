"""
Should I retrain the whole model?
=================================

A model is in service, and each month brings new labelled rows. Three months pass: nothing happens,
the inputs move, the relation changes. For each of them ``advise`` tries every way to react on rows
that nobody has learned, and says what to do.
"""

# %%
# Four months
# -----------
#
# The stream is made from a seed. With files of your own, read each period into a data frame, split
# off the target, and pass a pipeline that encodes the columns; or leave all that to the command
# ``skretrain advise old.csv new.csv --target y``.

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain.model_selection import advise

rng = np.random.default_rng(0)
weights = rng.normal(size=5)


def month(n_rows, weights, moved=0.0):
    """Return the rows and labels of a month; `moved` is added to the first column."""
    X = rng.normal(size=(n_rows, 5))
    X[:, 0] += moved
    y = (X @ weights + 0.3 * rng.normal(size=n_rows) > 0).astype(int)
    return X, y


X_old, y_old = month(3_000, weights)
months = {
    "nothing happened": month(1_000, weights),
    "inputs moved": month(1_000, weights, moved=2.0),
    "relation changed": month(1_000, weights * [1, 1, -1, 1, -1]),
}

# %%
# The advice
# ----------
#
# The pipeline was fitted before; it is the present model, and stays as it is.

model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_old, y_old)
advices = {}
for name, (X_new, y_new) in months.items():
    advices[name] = advice = advise(model, X_old, y_old, X_new, y_new, random_state=0)
    shift = advice.evidence["input_shift"]["auc"]
    print(f"{name:17} -> {advice.action:12} AUC of the inputs {shift:.2f}")

# %%
# Moved inputs alone are no reason to retrain, as long as the relation between inputs and target
# holds. When it does not, the rows of the past are no treasure: the refit on all rows is worse than
# the one that has left them out. This is the paragraph for the last month:

import textwrap

print(textwrap.fill(advices["relation changed"].text, 90))

# %%
# Too early
# ---------
#
# After a few rows, nobody can know. The advice says how many more it takes.

X_new, y_new = months["relation changed"]
early = advise(model, X_old, y_old, X_new[:30], y_new[:30], random_state=0)
print(early.action, early.evidence["rows_needed"]["more_rows"])

# %%
# The picture
# -----------
#
# What each action gains on the newest rows of the last month, with the interval that holds for all
# of them together. In a notebook, the advice itself is a page with this table.

import matplotlib.pyplot as plt

tried = [row for row in advices["relation changed"].rows if row["tried"]][1:]
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for place, row in enumerate(reversed(tried)):
    ax.plot([100 * row["gain_low"], 100 * row["gain_high"]], [place, place], color="C0")
    ax.plot(100 * row["gain"], place, "o", color="C0")
ax.axvline(0, color="0.6", linestyle="--", linewidth=1)
ax.set_yticks(range(len(tried)), [row["action"] for row in reversed(tried)])
ax.set_xlabel("gain over the present model, points of the error rate")
plt.show()
