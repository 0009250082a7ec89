"""
Frauds that are known weeks later
=================================

Payments are scored as they come. Whether one was a fraud is known 2,000 payments later, and for one
in five it never is. On the way a new kind of fraud appears, and in one country payments begin to
look different. Who wants to know why the model did what it did reads the log.
"""

# %%
# The stream
# ----------
#
# Five columns, and fraud in about one payment of ten. From payment 8,000 on there are takeovers of
# accounts, which nobody has seen before; from 12,000 on, in France, large payments are harmless and
# small ones are not.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n, NEW_KIND, NEW_FRANCE, LATE, BATCH = 20_000, 8_000, 12_000, 2_000, 200
X = pd.DataFrame(
    {
        "amount": rng.lognormal(3, 1, n),
        "hour": rng.integers(0, 24, n),
        "payments today": rng.poisson(2, n),
        "new device": rng.integers(0, 2, n),
        "country": rng.choice(["DE", "FR", "GB", "US"], n, p=[0.4, 0.2, 0.2, 0.2]),
    }
)
row = np.arange(n)
large = np.log(X["amount"]) - 3
turned = (X["country"] == "FR") & (row >= NEW_FRANCE)
score = 3 * np.where(turned, -large, large) + 1.5 * X["new device"] - 5
y = np.where(rng.random(n) < 1 / (1 + np.exp(-score)), "fraud", "fine").astype(object)
takeover = (row >= NEW_KIND) & (X["payments today"] > 3) & (X["hour"] < 6)
y[takeover & (rng.random(n) < 0.8)] = "takeover"
known = rng.random(n) < 0.8

print(f"{n:,} payments, {np.mean(y != 'fine'):.0%} of them frauds; labels {LATE:,} payments late")
print(f"takeovers from {NEW_KIND:,} on, another France from {NEW_FRANCE:,} on")

# %%
# A model with a threshold of its own
# -----------------------------------
#
# A fraud that is let through costs 20 times as much as a customer who is bothered. The classifier
# gives probabilities, and from which one on a payment is held back is tuned whenever it is fitted,
# on the newest quarter of its rows. So each model that is put into service brings its threshold
# with it.

from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

THRESHOLDS = np.geomspace(0.01, 0.5, 40)


def cost(y, y_pred):
    """Return the mean cost per payment."""
    missed = (y != "fine") & (y_pred == "fine")
    bothered = (y == "fine") & (y_pred != "fine")
    return (20 * missed + bothered).mean()


class HoldsBack(ClassifierMixin, BaseEstimator):
    """A classifier that calls a payment fine below a tuned probability of fraud."""

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, y):
        """Tune the threshold on the newest quarter, then fit on all."""
        first = 3 * len(y) // 4
        self.model_ = clone(self.classifier).fit(X[:first], y[:first])
        self.classes_ = self.model_.classes_
        costs = [cost(y[first:], self._decided(X[first:], t)) for t in THRESHOLDS]
        self.threshold_ = THRESHOLDS[int(np.argmin(costs))]
        self.model_ = clone(self.classifier).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def _decided(self, X, threshold):
        proba = pd.DataFrame(self.model_.predict_proba(X), columns=self.classes_)
        kinds = proba.drop(columns="fine")
        return np.where(kinds.sum(axis=1) < threshold, "fine", kinds.idxmax(axis=1))

    def predict(self, X):
        """Return fine, or the likelier kind of fraud."""
        return self._decided(X, self.threshold_)

    def predict_proba(self, X):
        """Return the probabilities of the classifier."""
        return self.model_.predict_proba(X)


encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
base = make_pipeline(
    make_column_transformer((encoder, ["country"]), remainder="passthrough"),
    HoldsBack(HistGradientBoostingClassifier(max_iter=50, random_state=0)),
)

# %%
# What watches it
# ---------------
#
# Two detectors: ADWIN sees the errors of all payments, ``SliceDrift`` those of each country. A new
# kind of fraud needs no detector: a label that the model lacks is a reason of its own to refit.

from skretrain import DriftAwareRetrainer
from skretrain.drift import SliceDrift
from skretrain.serving import PendingLabels

countries = {"country": "country"}
model = DriftAwareRetrainer(base, detector=["adwin", SliceDrift(countries)], random_state=0)
model.fit(X[:LATE], y[:LATE])
ledger = PendingLabels(model)

# %%
# Days of work
# ------------
#
# Payments are predicted and wait in the ledger. The labels of those of 2,000 payments ago are
# resolved, as far as they ever come, and the model learns them.

served, thresholds, learned_at = [], [], [LATE] * LATE
for start in range(LATE, n, BATCH):
    rows = row[start : start + BATCH]
    served.append(ledger.predict(X.iloc[rows], ids=rows)[1])
    thresholds.append(model.estimator_[-1].threshold_)
    due = rows - LATE
    due = due[(due >= LATE) & known[due]]
    if len(due):
        X_new, y_new, params = ledger.resolve(due, y[due])
        model.partial_fit(X_new, y_new, **params)
        learned_at += [start] * len(y_new)
served = np.concatenate(served)

print(ledger)

# %%
# What the model did, and why. Rows in this log count the payments whose labels have come.

log = model.events_.to_frame()
for event in log.itertuples():
    print(f"{event.row:6} {event.action:10} {event.reason[:76]}")

# %%
# The first line that tells of takeovers comes 2,000 payments after they began, with their first
# labels; the one about France tells which slice it was. "kept" means that a refit was tried and was
# no better on the newest rows; it is tried again as rows come in.
#
# Every version is held to account for what it said at the time, and so is every kind of prediction:

print(ledger.score_.to_frame().round(3).to_string(index=False))
print(ledger.arrivals_.to_frame().round(3).to_string(index=False))

# %%
# Three pictures
# --------------
#
# The log over the stream: what was seen, and what was done. The share of right decisions is not
# what is asked for here: a customer who is bothered counts as much as a fraud that is missed.

import matplotlib.pyplot as plt

from skretrain.inspection import DriftTimelineDisplay, SliceDisplay

learned_at = np.array(learned_at)
DriftTimelineDisplay.from_predictions(
    y[LATE:],
    served,
    start=LATE,
    events=model.events_,
    true_drifts=[NEW_KIND, NEW_FRANCE],
    arrived=lambda rows: learned_at[np.asarray(rows, dtype=int) - 1],
    window=1000,
)
plt.show()

# %%
# The share of right decisions in each country, in which France stands out.

late = slice(NEW_FRANCE - LATE, None)
SliceDisplay.from_predictions(
    y[LATE:][late], served[late], X[LATE:][late], countries, over_time=["country=FR", "country=DE"]
)
plt.show()

# %%
# What it cost, beside a model that was fitted once, and the threshold of the model of the time.
# Dotted lines mark when the first labels of a change can come: nothing that needs labels can act
# before that.

once = clone(base).fit(X[:LATE], y[:LATE]).predict(X[LATE:])
print(f"mean cost: fitted once {cost(y[LATE:], once):.2f}, kept fresh {cost(y[LATE:], served):.2f}")
print("a missed fraud costs as much as 20 customers who are bothered")

fig, (above, below) = plt.subplots(
    2, 1, figsize=(8, 5), sharex=True, layout="constrained", height_ratios=(2, 1)
)
weeks = np.arange(LATE, n, 1000)
for name, y_pred in {"fitted once": once, "kept fresh": served}.items():
    parts = zip(np.array_split(y[LATE:], len(weeks)), np.array_split(y_pred, len(weeks)))
    above.plot(weeks + 500, [cost(*part) for part in parts], label=name)
above.set_ylabel("cost per payment")
above.legend(frameon=False)
below.step(np.arange(LATE, n, BATCH), thresholds, where="post", color="0.3")
below.set(ylabel="threshold", xlabel="payment")
for change, name in {NEW_KIND: "takeovers", NEW_FRANCE: "France"}.items():
    above.text(change + 100, above.get_ylim()[1] * 0.95, name, va="top", color="0.4")
    for panel in (above, below):
        panel.axvline(change, color="0.7", linewidth=0.8)
        panel.axvline(change + LATE, color="0.7", linewidth=0.8, linestyle=":")
plt.show()
