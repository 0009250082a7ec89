"""Is `advise` right, and are the rows that it asks for enough?

*Pairs of periods.* Two classes of Gaussian rows with 6 features, 5 % wrong labels, 3,000 old rows
and 1,500 new ones: nothing changes ("stationary"); labels mean the opposite ("flipped"); inputs
move along a feature that labels do not depend on ("inputs moved"); only 40 new rows of either of the
first two ("tiny"); one class becomes nine times as frequent as the other ("label shift"); in a
quarter of the rows, known by one feature, all labels are the same ("one slice").

*Right* is what 20,000 fresh rows of the new period say, of the very models that were compared.
Where one of them gains more than what matters (a quarter of the present model's loss, at least two
points): an answer that comes as close as that to the best of them. Where none does: "keep". Of
"tiny": "collect more rows".

*More rows.* Pairs with 30, 60 and 120 new rows: where the answer is to collect N more, N more are
drawn and the question is asked again. To ask for more once more is wrong, whatever was to be said;
a retrain that gains something, though less than what matters, is not wrong here.
"""

import time

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain.model_selection._advise._budget import TimeBudget
from skretrain.model_selection._advise._candidates import stages_of
from skretrain.model_selection._advise._case import case_of
from skretrain.model_selection._advise._verdict import Verdict

N_OLD, N_NEW, N_TINY, N_FRESH = 3000, 1500, 40, 20_000
KINDS = ("stationary", "flipped", "inputs moved", "tiny", "label shift", "one slice")
OF_FEW_ROWS = ("stationary", "flipped", "label shift", "one slice")
FEW = (30, 60, 120)
MOST_COLLECTED = 40_000
LEARNERS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "SGD": make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", alpha=1e-3)),
    "naive Bayes": GaussianNB(),
    "forest": RandomForestClassifier(20, min_samples_leaf=3),
    "boosting": HistGradientBoostingClassifier(max_iter=30),
}
RIGHT, RIGHT_AFTER, STATIONARY_ASKED = 0.95, 0.90, 0.05


def period(n, rng, kind="stationary"):
    """Return rows of a period, as the kind of change makes the new one."""
    y = (rng.random(n) < (0.9 if kind == "label shift" else 0.5)).astype(int)
    X = rng.normal(size=(n, 6))
    X[:, 4] = rng.random(n) < 0.25
    X[:, :4] += 1.2 * y[:, None] - 0.6
    if kind == "inputs moved":
        X[:, 5] += 2
    y = np.where(rng.random(n) < 0.05, 1 - y, y)
    if kind == "flipped":
        y = 1 - y
    return X, np.where(X[:, 4] == 1, 1, y) if kind == "one slice" else y


def asked(learner, old, new, fresh, seed):
    """Return the verdict, its action, and the true loss of each model that was compared."""
    case = case_of(learner, (*old, None), (*new, None), None, None, TimeBudget(None), seed)
    found = Verdict(case, list(stages_of(case)))
    X, y = fresh
    losses = {name: np.mean(t.model.predict(X) != y) for name, t in found.done.items()}
    return found, found.action(), losses


def is_right(action, losses, *, lenient=False):
    """Tell whether an action is what the fresh rows say."""
    if action == "collect_more":
        return False
    now = losses["keep"]
    gains = {name: now - loss for name, loss in losses.items() if name != "distill"}
    matters, best = max(now / 4, 0.02), max(gains.values())
    if best <= matters:
        return action == "keep" or (lenient and gains[action] > 0)
    return gains[action] >= best - matters


def pair(kind, n_new, seed):
    """Return both periods and fresh rows of the new one."""
    if kind == "tiny":
        kind, n_new = ("stationary", "flipped")[seed % 2], N_TINY
    rngs = [np.random.default_rng([seed, part]) for part in range(3)]
    return period(N_OLD, rngs[0]), period(n_new, rngs[1], kind), period(N_FRESH, rngs[2], kind)


def answers(n_seeds):
    """Return which answers were right, and which were "collect more rows", by kind and learner."""
    right, collect = {}, {}
    for kind in KINDS:
        for name, learner in LEARNERS.items():
            for seed in range(n_seeds):
                _, action, losses = asked(learner, *pair(kind, N_NEW, seed), seed)
                is_tiny, asks = kind == "tiny", action == "collect_more"
                right.setdefault((kind, name), []).append(
                    asks if is_tiny else is_right(action, losses)
                )
                collect.setdefault((kind, name), []).append(asks)
                if not right[kind, name][-1]:
                    print(
                        kind,
                        name,
                        seed,
                        action,
                        {k: round(float(v), 3) for k, v in losses.items()},
                        flush=True,
                    )
    return right, collect


def collected(n_seeds):
    """Return, for each learner, the rows asked for and whether they were enough."""
    found = {name: [] for name in LEARNERS}
    for name, learner in LEARNERS.items():
        for kind in OF_FEW_ROWS:
            for n_few in FEW:
                for seed in range(n_seeds):
                    old, new, fresh = pair(kind, n_few, seed)
                    first, action, _ = asked(learner, old, new, fresh, seed)
                    if action != "collect_more":
                        continue
                    n_more = min(first.more_rows, MOST_COLLECTED)
                    more = period(n_more, np.random.default_rng([seed, 3]), kind)
                    new = tuple(np.concatenate(part) for part in zip(new, more, strict=True))
                    _, action, losses = asked(learner, old, new, fresh, seed)
                    found[name].append((n_more, is_right(action, losses, lenient=True)))
                    if not found[name][-1][1]:
                        print(
                            "more",
                            kind,
                            name,
                            n_few,
                            seed,
                            n_more,
                            action,
                            {k: round(float(v), 3) for k, v in losses.items()},
                            flush=True,
                        )
    return found
