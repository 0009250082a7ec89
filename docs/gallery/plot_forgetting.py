"""
A model that forgets, and two lines that stop it
================================================

``SGDClassifier`` has a ``partial_fit``. Fed with new data alone, it forgets the old: a classifier
that learns the ten digits class by class ends up knowing hardly more than the last of them.
Rehearsal cures it: each batch is learned together with a sample of remembered rows.
"""

# %%
# Digits, class by class
# ----------------------
#
# The pictures of each digit come together: all zeros first, then all ones, and so on. A third of
# the pictures is set aside to test on.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_learn, X_test, y_learn, y_test = train_test_split(
    X / 16, y, test_size=1 / 3, stratify=y, random_state=0
)
order = np.argsort(y_learn, kind="stable")
batches = [(X_learn[rows], y_learn[rows]) for rows in np.array_split(order, 40)]

# %%
# The two lines
# -------------
#
# The import and the wrapper. ``ratio=5`` means five remembered rows to each new one; the
# ``Reservoir`` keeps a sample of everything seen, with equal room for every class.

from skretrain import ReplayPartialFit
from skretrain.buffers import Reservoir

plain = SGDClassifier(random_state=0)
replay = ReplayPartialFit(
    SGDClassifier(random_state=0), ratio=5, buffer=Reservoir(500, balance=True), random_state=0
)

digits = np.arange(10)
recalls = {"SGDClassifier": [], "with ReplayPartialFit": []}
for X_new, y_new in batches:
    for name, model in zip(recalls, (plain, replay)):
        model.partial_fit(X_new, y_new, classes=digits)
        right = model.predict(X_test) == y_test
        recalls[name].append([right[y_test == digit].mean() for digit in digits])

# %%
# What each of them knows in the end
# ----------------------------------
#
# The share of the test pictures of each digit that is recognised after the last batch.

print("digit                 " + "".join(f"{digit:6}" for digit in digits))
for name, history in recalls.items():
    print(f"{name:22}" + "".join(f"{recall:6.2f}" for recall in history[-1]))
    print(f"{'':22}mean of all digits: {np.mean(history[-1]):.3f}")
print("rows remembered:", len(replay.buffer_))

# %%
# The picture
# -----------
#
# Each row of a panel is a digit, each column a batch; dark means recognised. Below the staircase
# are digits that have not come yet. Above it, the plain model is pale: what it knew is gone.

import matplotlib.pyplot as plt

figure, panels = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
for panel, (name, history) in zip(panels, recalls.items()):
    picture = panel.imshow(np.transpose(history), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    panel.set(title=name, xlabel="batch", yticks=digits)
panels[0].set_ylabel("digit")
figure.colorbar(picture, ax=panels, label="share recognised on test pictures")
plt.show()
