"""
A model that forgets, and two lines that stop it
================================================

``SGDClassifier`` has a ``partial_fit``. Fed with new data alone, it forgets the old: a classifier
that learns the ten digits class by class ends up knowing hardly more than the last of them.
Rehearsal cures it: each batch is learned together with a sample of remembered rows. Forests and
nets forget as well, and the same two lines stop that.
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
X = (X / 16).astype(np.float32)
X_learn, X_test, y_learn, y_test = train_test_split(
    X, y, test_size=1 / 3, stratify=y, random_state=0
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

# %%
# A second concept: four kinds of model
# -------------------------------------
#
# Is the digit even or odd? The first concept is that question for the digits 0 to 4, the second
# for 5 to 9. The classes are the same, so that every library can go on in its own way.

second = y_learn >= 5
X_first, y_first = X_learn[~second], y_learn[~second] % 2
rng = np.random.default_rng(0)
later = [
    (X_learn[rows], y_learn[rows] % 2)
    for rows in np.array_split(rng.permutation(np.flatnonzero(second)), 10)
]
tests = {
    "first": (X_test[y_test < 5], y_test[y_test < 5] % 2),
    "second": (X_test[y_test >= 5], y_test[y_test >= 5] % 2),
}

# %%
# A linear model, a forest, a net of torch in skorch, and the same net in Keras. What a fit of the
# Keras net does stands in the net: scikit-learn's ``clone`` drops the ``fit_kwargs`` of Keras'
# wrapper.

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import torch
from keras.wrappers import SKLearnClassifier
from sklearn.ensemble import RandomForestClassifier
from skorch import NeuralNetClassifier

torch.manual_seed(0)
keras.utils.set_random_seed(0)


@keras.saving.register_keras_serializable()
class QuietNet(keras.Sequential):
    """Ten epochs a fit, and no bar of progress."""

    def fit(self, X, y, epochs=10, verbose=0, **kwargs):
        """Train."""
        return super().fit(X, y, epochs=epochs, verbose=verbose, **kwargs)

    def predict(self, X, verbose=0, **kwargs):
        """Return the probabilities of the classes."""
        return super().predict(X, verbose=verbose, **kwargs)


def keras_net(X, y):
    """Return a net that has learned nothing; the wrapper calls this at each fit."""
    layers = keras.layers
    hidden = layers.Dense(32, activation="relu", name="hidden")
    net = QuietNet([hidden, layers.Dense(2, activation="softmax", name="output")])
    net.compile(optimizer=keras.optimizers.Adam(0.01), loss="categorical_crossentropy")
    return net


bases = {
    "linear model": SGDClassifier(random_state=0),
    "forest": RandomForestClassifier(30, n_jobs=1, warm_start=True, random_state=0),
    "skorch net": NeuralNetClassifier(
        torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=10,
        batch_size=32,
        train_split=None,
        verbose=0,
    ),
    "Keras net": SKLearnClassifier(keras_net),
}

# %%
# How each library goes on from a fitted model: by ``partial_fit``, by more trees, or by the ``fit``
# of the net inside.


def learn(model, X, y):
    """Go on by the method that is made for it."""
    model.partial_fit(X, y)


def grow_trees(model, X, y):
    """Add ten trees of the new rows."""
    model.set_params(n_estimators=model.n_estimators + 10).fit(X, y)


def train_on(model, X, y):
    """Train the net inside the wrapper, with the optimiser as it is."""
    model.model_.fit(X, np.eye(2)[y])


go_on = dict(zip(bases, (learn, grow_trees, learn, train_on)))

# %%
# And what protects from forgetting, a line each. Rehearsal takes any model. A refit that also
# learns from its predecessor wants a base that takes weights, an anchored update one with
# coefficients, and fine-tuning one with parts that can be held.

from skretrain import DriftAwareRetrainer
from skretrain.policies import AnchoredUpdate, DistillingRefit, FineTune


def memory():
    """Return room for 500 rows, the same for each class."""
    return Reservoir(500, balance=True)


def replayed(base):
    """Rehearse five remembered rows with each new one."""
    return ReplayPartialFit(base, ratio=5, buffer=memory(), random_state=0)


def updated(update, buffer=None):
    """Return what wraps a base so that each batch is learned by a policy."""
    return lambda base: DriftAwareRetrainer(base, detector=None, update=update, buffer=buffer)


distilled = updated(DistillingRefit(), memory())
protections = {
    "linear model": {
        "replay": replayed,
        "distilling": distilled,
        "anchored": updated(AnchoredUpdate()),
    },
    "forest": {"replay": replayed, "distilling": distilled},
    "skorch net": {"replay": replayed, "fine-tuned": updated(FineTune(["0"]))},
    "Keras net": {"replay": replayed, "fine-tuned": updated(FineTune(["hidden"]))},
}

# %%
# The first concept is learned in one ``fit``, the second in ten batches.

from sklearn.base import clone


def followed(model, learn):
    """Return the accuracy on both concepts, after the first one and after each batch."""
    model.fit(X_first, y_first)
    scores = [[model.score(*test) for test in tests.values()]]
    for batch in later:
        learn(model, *batch)
        scores.append([model.score(*test) for test in tests.values()])
    return np.array(scores)


scores = {}
for kind, base in bases.items():
    scores[kind] = {"plain": followed(clone(base), go_on[kind])}
    for name, protect in protections[kind].items():
        scores[kind][name] = followed(protect(base), learn)

# %%
# What is left of the first concept
# ---------------------------------
#
# Beside it stands what a model knows that learns both at once: there is no more to be had from it.

print(f"{'':31}  first concept    second")
print(f"{'':31} before   after     after")
for kind, base in bases.items():
    for name, history in scores[kind].items():
        (before, _), (after, new) = history[0], history[-1]
        print(f"{kind:13}{name:18}{before:7.2f}{after:8.2f}{new:10.2f}")
    both = clone(base).fit(X_learn, y_learn % 2)
    first, new = (both.score(*test) for test in tests.values())
    print(f"{kind:13}{'both at once':18}{'':7}{first:8.2f}{new:10.2f}")

# %%
# Each plain model was good at the first concept, learns the second and loses the first, the nets
# most of all. With rehearsal, forest and nets know both; the linear model gains little, as it is
# too small for both concepts, whichever way it learns them. A forest that is refitted with its
# predecessor as a teacher keeps most of the first concept. Anchored, the linear model gives up less
# of the old for less of the new: that is the choice it offers. Fine-tuning is no cure here: the
# output layer alone is free, and all that it is shown is the second concept. It pays where the new
# rows ask for a new reading of the same features, as :ref:`its page <fine_tuning>` says; and where
# a concept comes back, :ref:`an earlier model can be revived <reviving>`.

colors = {
    "plain": "#D55E00",
    "replay": "#0072B2",
    "distilling": "#009E73",
    "anchored": "#CC79A7",
    "fine-tuned": "#E69F00",
}
fig, panels = plt.subplots(1, 4, figsize=(11, 3.8), layout="constrained", sharey=True)
lines = {}
for panel, (kind, ways) in zip(panels, scores.items()):
    for name, history in ways.items():
        for concept, known, style in zip(tests, history.T, ("-", ":")):
            (line,) = panel.plot(known, style, color=colors[name])
            lines[f"{name}, {concept}"] = line
    panel.axhline(0.5, color="0.7", linewidth=0.8)
    panel.set(title=kind, xlabel="batches of the second", xticks=range(0, 11, 5))
panels[0].set_ylabel("accuracy on test pictures")
fig.legend(lines.values(), lines, loc="outside lower center", ncols=5, frameon=False)
plt.show()
