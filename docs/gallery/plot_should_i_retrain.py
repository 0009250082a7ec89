"""
Should I retrain the whole model?
=================================

A model is in service, and each month brings new labelled rows. Three months pass: nothing happens,
the inputs move, the relation changes. For each of them ``advise`` tries every way to react on rows
that nobody has learned, and says what to do. Then the decision is made on a real stream: by its
history, for a batch in hand, and live.
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

# %%
# A real stream
# -------------
#
# The ratings of a president over 1,001 days: what the institutes found, and the mean of many polls,
# which is to be predicted (collected by FiveThirtyEight; ``river.datasets.TrumpApproval``). The
# date is left out: a model cannot learn from a number that it will never see again.

from river.datasets import TrumpApproval
from sklearn.linear_model import Ridge

days = list(TrumpApproval())
polls = np.array([[value for name, value in x.items() if name != "ordinal_date"] for x, _ in days])
approval = np.array([target for _, target in days])
base = make_pipeline(StandardScaler(), Ridge())
print(f"{len(days):,} days, {polls.shape[1]} institutes")

# %%
# First the history: which way of retraining would have paid, and at what price of a refit? The
# price is the summed absolute error that it has to save.

from skretrain.model_selection import compare_policies

history = compare_policies(base, polls, approval, batch_size=50, initial_size=200)
for name, low, high in history.leaders():
    print(f"{name}: costs least at prices from {low:g} to {high:g}")
print(textwrap.fill(history.recommend(price=50).text, 90))

# %%
# Could this have been trusted? Here is what the same history would have said while it was made: at
# each checkpoint the recommendation by what was known then, which is followed to the next one.

choice = history.rolling_choice(every=100, price=50)
print(textwrap.fill(choice.text, 90))
choice.plot()
plt.show()

# %%
# Then the batch in hand: the model was fitted on the first 300 days, and 50 more have come, then
# 200.

n_old = 300
served = base.fit(polls[:n_old], approval[:n_old])
for n_days in (50, 200):
    new = slice(n_old, n_old + n_days)
    advice = advise(
        served, polls[:n_old], approval[:n_old], polls[new], approval[new], random_state=0
    )
    print(f"{n_old} old days, {n_days} new ones -> {advice.action}")
    print(textwrap.fill(advice.text, 90), end="\n\n")

# %%
# And live: what the history speaks for, and what it did.

from skretrain import DriftAwareRetrainer
from skretrain.model_selection import prequential_validate

live = DriftAwareRetrainer(base)
result = prequential_validate(
    live, polls, approval, batch_size=50, initial_size=200, scoring="neg_mean_absolute_error"
)
frozen = base.fit(polls[:200], approval[:200]).predict(polls[200:])
error = np.abs(frozen - approval[200:]).mean()
print(f"mean absolute error {-result.score:.2f}, of a model never retrained {error:.2f}")
for event in result.events:
    if event.action == "retrained":
        print(f"day {event.row}: fitted on {event.n_rows_fitted} days, {event.reason}")

# %%
# Where the frozen model drifts away, the other follows.

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for name, predicted, style in (
    ("never retrained", frozen, "--"),
    ("retrained", result.y_pred, "-"),
):
    batches = np.split(np.abs(predicted - approval[200:]), result.batch_rows[1:] - 200)
    ax.plot(result.batch_rows, [batch.mean() for batch in batches], style, label=name)
ax.set(xlabel="day", ylabel="mean absolute error, points", ylim=(0, None))
ax.legend(frameon=False)
plt.show()
