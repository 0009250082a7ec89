"""
Several policies at once
========================

Refit on all rows, on the last thousand, on the last two hundred, or on those since the last alarm?
On a stream that is calm, then restless, then calm again, no answer is right throughout. A mixture
keeps all four models, and lets those have a say that were right lately.
"""

# %%
# A calm stream with a restless part
# ----------------------------------
#
# There are many features, so that a good model needs many rows. In the middle third, the concept
# changes so often that there are never many rows of the present one.

import numpy as np

from skretrain.datasets import make_drifting_classification

X, y, drift_rows = make_drifting_classification(
    9_000, n_features=40, drift_rows=range(3_000, 6_000, 300), random_state=0
)
parts = {
    "calm": slice(500, 3_000),
    "restless": slice(3_000, 6_000),
    "calm again": slice(6_000, None),
}
print("the concept changes at rows", drift_rows.tolist())

# %%
# Four members and their mixture
# ------------------------------
#
# The members wrap the same classifier, and differ in the rows that it is fitted on. Each of them is
# a retrainer that could serve alone.

from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.drift import Periodic
from skretrain.policies import FullRefit


def refitted(window, every):
    """Return a classifier that is refitted on its last rows, at fixed intervals."""
    return DriftAwareRetrainer(
        GaussianNB(),
        detector=Periodic(every),
        policy=FullRefit(window, grow=False),
        update=None,
    )


members = [
    ("all rows", refitted("all", every=500)),
    ("last 1000", refitted(1000, every=100)),
    ("last 200", refitted(200, every=100)),
    ("since alarm", DriftAwareRetrainer(GaussianNB(), update=None)),
]

# %%
# Test, then train
# ----------------
#
# Each of them alone, and the mixture, over the same stream: right answers in each part. The mixture
# is never told which part it is in.

from skretrain.model_selection import prequential_validate

models = {**dict(members), "mixture": MixtureRetrainer(members)}
results = {
    name: prequential_validate(model, X, y, batch_size=100, initial_size=500)
    for name, model in models.items()
}

print(f"{'':12}" + "".join(f"{part:>12}" for part in parts) + f"{'all in all':>12}")
for name, result in results.items():
    right = np.full(len(y), np.nan)
    right[result.rows] = result.y_pred == result.y_true
    shares = [right[rows].mean() for rows in parts.values()]
    print(f"{name:12}" + "".join(f"{s:12.3f}" for s in [*shares, result.score]))

# %%
# In each part another member is the best, and the mixture is close to it, or better. Over the whole
# stream it is ahead of all of them. On a stream where one member is the best throughout, it may be
# a little behind that one: this is the price of not knowing which.
#
# The picture
# -----------
#
# The height of an area is the weight of a member. In the calm part, the long memories do about
# equally well. In the restless part the shortest takes over, and some time after the last change
# it gives way to a longer one. All rows never come back: most of them are of concepts that are
# gone.

from skretrain.inspection import MixtureDisplay

display = MixtureDisplay.from_estimator(results["mixture"].estimator, true_drifts=drift_rows)
