"""
partial_fit for a ColumnTransformer pipeline
============================================

A scikit-learn ``Pipeline`` has no ``partial_fit``, nor has a ``ColumnTransformer``. It has been
`asked for <https://github.com/scikit-learn/scikit-learn/issues/3299>`__, `tried
<https://github.com/scikit-learn/scikit-learn/pull/11321>`__ and `asked for again
<https://github.com/scikit-learn/scikit-learn/issues/22170>`__. The trouble is what a scaler should
do with a batch: the model behind it has learned its output as it was. Here are three answers, on
a stream whose scale drifts.
"""

# %%
# A company that grows
# --------------------
#
# A site is overloaded when it has more orders than its staff can deal with. Orders and staff grow
# with the company, and what counts is still the difference, in the same units as ever. In the
# second stream the irregularities grow along with the company.

import numpy as np
import pandas as pd


def company(irregularities_grow, n_rows=6_000, seed=0):
    """Return orders, staff and site, and whether the site is overloaded."""
    rng = np.random.default_rng(seed)
    size = 1 + 9 * np.clip(np.arange(n_rows) / n_rows - 0.25, 0, None) / 0.75
    spread = size if irregularities_grow else 1.0
    site = rng.choice(["coast", "hill", "lake"], n_rows)
    extra = pd.Series(site).map({"coast": 16, "hill": -16, "lake": 0}).to_numpy()
    orders = 100 * size + 20 * spread * rng.standard_normal(n_rows)
    staff = 50 * size + 5 * spread * rng.standard_normal(n_rows)
    excess = orders - 2 * staff + extra * spread + 6 * spread * rng.standard_normal(n_rows)
    return pd.DataFrame({"orders": orders, "staff": staff, "site": site}), excess > 0


streams = {grow: company(grow) for grow in (False, True)}
for grow, (X, y) in streams.items():
    first, last = X["orders"][:1_000], X["orders"][-1_000:]
    print(f"irregularities grow: {grow!s:5}  overloaded {y.mean():.2f}", end="")
    print(f"  orders at first {first.mean():.0f}, in the end {last.mean():.0f}")

# %%
# The plan
# --------
#
# ``explain_plan`` says what becomes of each step. The encoder is frozen. The scaler learns, and the
# weights behind it are rewritten, so that no decision moves.

from sklearn.compose import ColumnTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skretrain.compose import explain_plan


def make_model():
    """Return the pipeline, unfitted."""
    encoder = OneHotEncoder(handle_unknown="ignore")
    prep = ColumnTransformer(
        [("num", StandardScaler(), ["orders", "staff"]), ("cat", encoder, ["site"])]
    )
    sgd = SGDClassifier(learning_rate="constant", eta0=0.01, random_state=0)
    return make_pipeline(prep, sgd)


print(explain_plan(make_model()))

# %%
# Three answers, test-then-train
# ------------------------------
#
# ``steps`` overrides the plan. Its keys are names of steps, or patterns, as here for the scaler.

from skretrain.compose import partial_fit


def right_per_batch(X, y, action, batch_size=100):
    """Predict each batch, then learn it; the scaler does as the action says."""
    model, right = make_model(), []
    for start in range(0, len(X), batch_size):
        batch = slice(start, start + batch_size)
        if start:
            right.append(np.mean(model.predict(X[batch]) == y[batch]))
        partial_fit(model, X[batch], y[batch], steps={"*__num": action})
    return np.array(right)


right = {}
for grow, (X, y) in streams.items():
    for action in ("freeze", "preserve", "update"):
        right[grow, action] = batches = right_per_batch(X, y, action)
        halves = batches[: len(batches) // 2].mean(), batches[len(batches) // 2 :].mean()
        print(f"irregularities grow: {grow!s:5}  {action:9}", end="")
        print(f"right in the first half {halves[0]:.3f}, in the second {halves[1]:.3f}")

# %%
# - *freeze*: the model gets ever larger numbers, and each step of its learning throws it about.
# - *update*: the scaler moves under the model. What the model knew in the old scale is wrong in the
#   new one; after each batch it has to learn it again.
# - *preserve*: the inputs keep a sound scale, and the model what it knows. A decision moves only if
#   labels have taught it.
#
# So "preserve" is the default, wherever it is possible. It is not always best: with its decisions
# the model keeps the steepness of its score, too. In the second stream the noise has grown, the old
# weights are too steep for it, and to forget them helps: "update" is ahead.
#
# A warning for what can only fail
# --------------------------------
#
# If the scaler is to move while the model stays as it is, skretrain says so.

import warnings

from skretrain.exceptions import MovingInputWarning

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", MovingInputWarning)
    explain_plan(make_model(), steps={"*__num": "update", "sgdclassifier": "freeze"})
print(caught[0].category.__name__, "-", caught[0].message)

# %%
# As a method
# -----------
#
# ``IncrementalPipeline`` is a ``Pipeline`` that has it as a method. Text will do, too.

from sklearn.feature_extraction.text import HashingVectorizer

from skretrain.compose import make_incremental_pipeline

spam_filter = make_incremental_pipeline(HashingVectorizer(), SGDClassifier(random_state=0))
spam_filter.partial_fit(["win a prize", "see you at lunch"], ["spam", "ham"])
spam_filter.partial_fit(["cheap prize inside", "lunch is late"], ["spam", "ham"])
print(spam_filter.predict(["a prize for you", "lunch at noon"]))

# %%
# The picture
# -----------

import matplotlib.pyplot as plt

styles = {"freeze": ("#D55E00", ":"), "preserve": ("#0072B2", "-"), "update": ("#009E73", "--")}
_, panels = plt.subplots(1, 2, figsize=(9.0, 3.8), sharey=True, layout="constrained")
for panel, grow in zip(panels, streams, strict=True):
    for action, (color, style) in styles.items():
        mean = pd.Series(right[grow, action]).rolling(5).mean()
        rows = 100 * (np.arange(len(mean)) + 2)
        panel.plot(rows, mean, color=color, linestyle=style, label=action)
    panel.set(title="irregularities " + ("grow, too" if grow else "stay"), xlabel="row")
panels[0].set_ylabel("accuracy over 5 batches")
_ = panels[0].legend(loc="lower left", frameon=False)
