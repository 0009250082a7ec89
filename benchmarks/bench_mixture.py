"""How the members and the settings of `make_mixture()` were chosen.

Every candidate for a member is run once over every stream and seed: each batch of 100 rows is
predicted, then learned; the first min(10 %, 5,000) rows are the first fit, and are not scored. What
it said is kept in the folder `--cache`, so that an interrupted run goes on where it was. Then
mixtures of many lists of candidates are replayed from that, with the classes that weigh the members
of a MixtureRetrainer. Nothing was tuned per stream.

    python benchmarks/bench_mixture.py --cache mixture-runs
"""

import time
import warnings
from collections import defaultdict
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from _mixture_members import (
    CHOSEN,
    CLASSIFICATION,
    OLD_BUDGET,
    OWN,
    OWN_REGRESSION,
    PREVIOUS,
    REAL,
    REAL_REGRESSION,
    REGRESSION,
    RIVERS,
    classifiers,
    lists_of_classifiers,
    lists_of_regressors,
    mixtures,
    regressors,
    stream_of,
)
from _peer_streams import N_ROWS, warm_up_of
from sklearn.base import clone
from sklearn.metrics import accuracy_score, cohen_kappa_score, log_loss, r2_score

from skretrain import DriftAwareRetrainer, MixtureRetrainer, make_mixture
from skretrain._mixture._engine import _MARGIN, weighted_mean
from skretrain._mixture._gains import Closeness, RightAnswers
from skretrain._mixture._members import as_member
from skretrain._mixture._recalibration import _LEAST, EVERY, Recalibration, is_turn
from skretrain.utils._fixed_share import ROWS_PER_UNIT, FixedShare

BATCH = 100
SHORT, MORE_SEEDS = 7000, 4  # streams with fewer rows take so many times the seeds
MEMORY = 10_000  # rows whose range bounds what a regressor predicts
LATE_STREAMS = ("elec2", "powersupply", "gas_partial", "daylight", "in_turn", "rbf_a", "agr_a")
DELAYS = (100, 1000, 5000)
REGRET_RATIO, MARGIN = 1.2, 0.01
RARE = 0.1  # the share of a class that is called rare
PHISHING = {"raw": 0.326, "recalibrated": 0.291, "accuracy": 0.898}  # as published
QUICK_ROWS = 2000
QUICK = ("sea_a", "in_turn"), ("friedman", "walking")


# -- what the members say


class Said(NamedTuple):
    """What a member or a mixture said of the rows after the first fit."""

    outputs: np.ndarray  # probabilities of shape (n_rows, n_classes), or numbers
    answers: np.ndarray  # the labels, or the same numbers
    seconds: float  # of the processor, to predict once and to learn


def run(estimator, stream, seed, delay):
    """Return what an estimator says of every batch; labels come `delay` rows after it began."""
    X, y, first = stream.X, stream.y, warm_up_of(stream)
    estimator = clone(estimator).set_params(random_state=seed)
    outputs, answers, begin = [], [], time.process_time()
    estimator.fit(X[:first], y[:first])
    known, not_counted = first, 0.0
    for start in range(first, len(y), BATCH):
        while known + delay <= start:
            rows, known = slice(known, known + BATCH), known + BATCH
            estimator.partial_fit(X[rows], y[rows])
        rows = slice(start, start + BATCH)
        outputs.append(_outputs(estimator, X[rows], y))
        if outputs[0].ndim == 2:
            paused = time.process_time()
            answers.append(estimator.predict(X[rows]))
            not_counted += time.process_time() - paused
    outputs = np.concatenate(outputs)
    answers = np.concatenate(answers) if answers else outputs
    return Said(outputs, answers, time.process_time() - begin - not_counted)


def _outputs(estimator, X, y):
    if not hasattr(estimator, "predict_proba"):
        return np.ravel(estimator.predict(X))
    proba = np.zeros((len(X), y.max() + 1), dtype=np.float32)
    proba[:, estimator.classes_.astype(int)] = estimator.predict_proba(X)
    return proba


class Runs:
    """What everybody said, from the folder where it is kept, or run now."""

    def __init__(self, folder, quick, n_seeds):
        self.folder, self.n_seeds = folder, 1 if quick else n_seeds
        self.n_rows = QUICK_ROWS if quick else N_ROWS
        kinds = ("classification", classifiers()), ("regression", regressors())
        self.estimators = {task: {**mixtures(task), **members} for task, members in kinds}

    def stream(self, name):
        return stream_of(name, self.n_rows)

    def seeds_of(self, name):
        is_short = len(self.stream(name).y) < min(SHORT, self.n_rows)
        return range(self.n_seeds * (MORE_SEEDS if is_short else 1))

    def y_of(self, name):
        """Return the targets of the first fit, and those after it."""
        stream = self.stream(name)
        first = warm_up_of(stream)
        return stream.y[:first], stream.y[first:]

    def said(self, name, who, seed=0, delay=BATCH):
        path = self.folder / f"{name}.{who}.{seed}.{delay}.{self.n_rows}.npz"
        if not path.exists():
            task = "regression" if name in REGRESSION else "classification"
            done = run(self.estimators[task][who], self.stream(name), seed, delay)
            np.savez_compressed(path, **_small(done)._asdict())
            print(f"{path.stem}: {done.seconds:.1f} CPU s", flush=True)
        return _kept(path)

    def list_said(self, name, members, seed=0, delay=BATCH):
        """Return what all members of a list said, stacked, and their CPU seconds together."""
        each = [self.said(name, member, seed, delay) for member in members]
        outputs, answers = (np.stack([said[part] for said in each]) for part in (0, 1))
        return Said(outputs.astype(np.float64), answers, sum(said.seconds for said in each))


@lru_cache(maxsize=64)
def _kept(path):
    with np.load(path) as kept:
        return Said(kept["outputs"], kept["answers"], float(kept["seconds"]))


def _small(said):
    """Return the same in fewer bytes: probabilities to three digits."""
    if said.outputs.ndim == 1:
        return said
    return said._replace(
        outputs=said.outputs.astype(np.float16), answers=said.answers.astype(np.int16)
    )


# -- mixtures of what they said


class Unbalanced(RightAnswers):
    """Right answers, each of which counts as one."""

    def counting(self, y):
        return np.ones(len(y))


def replayed(served, y_before, y, gain, *, tested=None, delay=BATCH, shared_ahead=False):
    """Return the weighted means that a mixture of the members would have served.

    Parameters
    ----------
    served : Said
        What the members said when nobody knew the labels.
    tested : Said or None
        By what they are weighed when the labels come; None means by what they served.
    shared_ahead : bool
        Whether weights are shared once per hundred rows that the labels are late.
    """
    tested = served if tested is None else tested
    usual = make_mixture()
    shares = FixedShare(len(served.outputs), usual.forgetting, usual.share)
    gain.take_in(y_before, np.ones(len(y_before)))
    means = np.empty(served.outputs.shape[1:])
    kept = (1 - usual.share) ** ((delay - BATCH) / ROWS_PER_UNIT) if shared_ahead else 1.0
    for start in range(0, len(y), BATCH):
        weights = kept * shares.weights + (1 - kept) / len(served.outputs)
        rows = slice(start, start + BATCH)
        means[rows] = weighted_mean(served.outputs[:, rows], weights)
        if start + BATCH >= delay:
            rows = slice(start + BATCH - delay, start + 2 * BATCH - delay)
            _reward(shares, gain, y[rows], tested.answers[:, rows])
    return means


def _reward(shares, gain, y, answers):
    counts = gain.counting(y)
    lost = gain.losses(y, list(answers), partial(weighted_mean, weights=shares.weights))
    shares.update([1 - np.average(rows, weights=counts) for rows in lost], len(y))
    gain.take_in(y, np.ones(len(y)))


def served_by(runs, name, members, seed=0, gain=RightAnswers):
    """Return the probabilities, or the numbers, of a mixture; and its members' CPU seconds."""
    said, (y_before, y) = runs.list_said(name, members, seed), runs.y_of(name)
    if name in REGRESSION:
        bounded = _bounded(said.outputs, np.concatenate([y_before, y]), len(y_before))
        said, gain = said._replace(outputs=bounded, answers=bounded), Closeness
    return replayed(said, y_before, y, gain()), said.seconds


def _bounded(values, y, first):
    """Return numbers not far beyond the targets that a mixture remembers."""
    bounded = np.empty_like(values)
    for start in range(0, values.shape[1], BATCH):
        remembered = y[: first + start][-MEMORY:]
        least, most = remembered.min(), remembered.max()
        margin = _MARGIN * (most - least)
        rows = slice(start, start + BATCH)
        bounded[:, rows] = np.clip(values[:, rows], least - margin, most + margin)
    return bounded


def score_of(runs, name, means):
    """Return kappa, or R2."""
    y = runs.y_of(name)[1]
    return r2_score(y, means) if means.ndim == 1 else cohen_kappa_score(y, means.argmax(axis=1))


class Scores(NamedTuple):
    """Of every list on every stream, the mean over the seeds."""

    streams: tuple
    lists: tuple
    values: np.ndarray  # of shape (n_lists, n_streams)
    seconds: np.ndarray  # of the same shape
    deviations: np.ndarray  # of the same shape, between the seeds

    def below_best(self, streams=None):
        """Return how far each list is below the best one, on all streams or some of them."""
        values = self.values if streams is None else self.values[:, streams]
        return values - values.max(axis=0)

    def of(self, name):
        return self.values[self.lists.index(name)]

    def cost(self, name):
        """Return the CPU seconds of a list over those of the chosen one."""
        sums = dict(zip(self.lists, self.seconds.sum(axis=1)))
        return sums[name] / sums[CHOSEN]


def scores(runs, streams, lists):
    """Return the Scores of lists of members."""
    found = np.empty((3, len(lists), len(streams)))
    for column, name in enumerate(streams):
        for line, members in enumerate(lists.values()):
            found[:, line, column] = mean_score(runs, name, members)
    return Scores(streams, tuple(lists), *found)


def mean_score(runs, name, members, gain=RightAnswers):
    """Return means over the seeds, of the score and the CPU seconds, and the score's deviation."""
    found = []
    for seed in runs.seeds_of(name):
        means, seconds = served_by(runs, name, members, seed, gain)
        found.append([score_of(runs, name, means), seconds])
    return *np.mean(found, axis=0), np.std(found, axis=0)[0]


# -- the sections


def what_was_compared(runs, streams):
    """Return the section on streams and members."""
    own = "\n".join(
        f"- {name}: {_first_line(OWN[name])}" for name in OWN if name not in OWN_REGRESSION
    )
    numbers = "\n".join(f"- {name}: {_first_line(OWN[name])}" for name in OWN_REGRESSION)
    return f"""## 1. What was compared

Real streams, as on [the page of the peers](peers.md): {", ".join(REAL)}; for regression
{", ".join(REAL_REGRESSION)}. From river's generators, as there: {", ".join(RIVERS)} ("_a" changes
abruptly, "_g" gradually, "_0" never). And {N_ROWS:,} rows each of:

{own}

For regression:

{numbers}

{_missing(streams)}Scores are kappa, or R2 for regression, and means over
{runs.n_seeds} seed{"s" * (runs.n_seeds > 1)} of the members, over {MORE_SEEDS} times as many on
streams of fewer than {SHORT:,} rows; in brackets is their standard deviation. Of ozone's days 160
are of the rare class, so that 0.03 may be luck there, whatever the seeds. Other work shared the
cores: CPU seconds compare within a table only.

The candidates are named by what they learn from: `_updated` learns every batch, `_since_drift` is
refitted on the rows since the last change, `_recent` on the newest 1,000; a `forest_` replaces some
of its trees. `kernel_` is recursive ridge on the features and 256 random Fourier features, with two
rates of forgetting; `ridge_` is recursive ridge on the features alone. {len(classifiers())}
classifiers and {len(regressors())} regressors are compared here. Others were tried before, and left
out because they were no better or took longer: other step sizes and scalers of SGD, other penalties
and rates of the kernel machine, trees and forests of other sizes and memories.

The chosen list is what `make_mixture()` has: {", ".join(lists_of_classifiers()[CHOSEN])}. The
previous one had {", ".join(lists_of_classifiers()[PREVIOUS])}."""


def _missing(streams):
    missing = [name for name in (*CLASSIFICATION, *REGRESSION) if name not in streams]
    return f"Not measured here: {', '.join(missing)}. " if missing else ""


def _first_line(function):
    text = function.__doc__.splitlines()[0].rstrip(".")
    return text[0].lower() + text[1:]


def members_section(found):
    """Return the section on the lists of classifiers."""
    names = [PREVIOUS, *(name for name in found.lists if name.startswith("without "))]
    others = [name for name in found.lists if name not in (CHOSEN, *names)]
    means = found.of(CHOSEN).mean(), found.of(PREVIOUS).mean()
    return "\n\n".join(
        [
            "## 2. Which members",
            "Kappa of the chosen list, and what other lists have more or less than it. Its mean is "
            f"{means[0]:.4f}, that of the previous list {means[1]:.4f}; here without a budget.",
            _by_stream(found, names),
            _by_stream(found, others),
            _criterion(found),
            _why_chosen(found),
            _leave_one_out(found),
        ]
    )


def _by_stream(found, names):
    lines = []
    for column, stream in enumerate(found.streams):
        own = found.of(CHOSEN)[column]
        deviation = found.deviations[found.lists.index(CHOSEN), column]
        others = (f"{found.of(name)[column] - own:+.3f}" for name in names)
        lines.append([stream, f"{own:.3f} ({deviation:.3f})", *others])
    return table(["stream", CHOSEN, *names], lines)


def _criterion(found):
    below, lines = found.below_best(), []
    for number in np.argsort(-below.min(axis=1)):
        name, worst = found.lists[number], np.argsort(below[number])[:2]
        cells = [f"{below[number, w]:+.3f} ({found.streams[w]})" for w in worst]
        lines.append([name, *cells, f"{below[number].mean():+.4f}", f"{found.cost(name):.2f}"])
    header = ["list", "worst", "second worst", "mean", "CPU, over the chosen list's"]
    return f"""### The criterion

A default must not fail anywhere: the criterion is the smallest worst difference to the best of
these lists on the same stream. {_beside_chosen(found, below)}

{table(header, lines)}"""


def _beside_chosen(found, below):
    """Return sentences on the best list by the criterion, and on those better than the chosen."""
    worst, means, own = below.min(axis=1), below.mean(axis=1), found.lists.index(CHOSEN)
    better = np.flatnonzero((worst > worst[own]) & (means > means[own]))
    if not len(better):
        return "No list is better than the chosen one by both the worst and the mean difference."
    listed = "; ".join(
        f"{found.lists[n]} (worst {worst[n] - worst[own]:+.3f}, mean {means[n] - means[own]:+.4f}, "
        f"CPU {found.cost(found.lists[n]) - 1:+.0%})"
        for n in better[np.argsort(-means[better])]
    )
    return (
        f"Best by it: {found.lists[worst.argmax()]}. Better than the chosen list by the worst and "
        f"by the mean difference: {listed}."
    )


def _why_chosen(found):
    """Return what speaks for the chosen list and against it; nothing without ozone."""
    if "ozone" not in found.streams:
        return ""
    both, ridge, own = "both kernels", "ridge since drift beside logistic", found.of(CHOSEN)
    place = found.streams.index("ozone")
    aside = np.arange(len(found.streams)) != place
    worst, rest = found.below_best().min(axis=1), found.below_best(aside).min(axis=1)
    mine, other = found.lists.index(CHOSEN), found.lists.index(both)
    gains = {name: found.of(name) - own for name in (both, ridge)}
    at = gains[ridge].argmax()
    return f"""The chosen list is {worst.max() - worst[mine]:.3f} behind the best by the criterion.
The worst differences of most lists are those on ozone, where the chosen one moves by
{found.deviations[mine, place]:.3f} from seed to seed: among them, the order is luck. Ozone aside,
its worst difference is {rest[mine]:+.3f}, and that of both kernels {rest[other]:+.3f}.

Both kernels are better by {gains[both].mean():.4f} in the mean, and by more on the RBF streams and
where concepts come back. But they take {found.cost(both) - 1:.0%} more time, which is why the
default has one. Recursive ridge beside logistic regression is better by
{gains[ridge].mean():.4f} in the mean, most of all on {found.streams[at]}
({gains[ridge][at]:+.3f}), and takes {found.cost(ridge) - 1:.0%} more. No member of the list can go
but at a price on some stream; the least is that of {_least_missed(found)}."""


def _least_missed(found):
    """Return the member without which the worst difference to the chosen list is smallest."""
    names = [name for name in found.lists if name.startswith("without ")]
    falls = {name: (found.of(name) - found.of(CHOSEN)).min() for name in names}
    least = max(falls, key=falls.get)
    return f"{least.removeprefix('without ')} ({falls[least]:+.3f})"


def _leave_one_out(found):
    winners, own = defaultdict(list), found.lists.index(CHOSEN)
    behind = []
    for column, stream in enumerate(found.streams):
        rest = np.arange(len(found.streams)) != column
        worst = found.below_best(rest).min(axis=1)
        winners[found.lists[worst.argmax()]].append(stream)
        behind.append(worst.max() - worst[own])
    lines = sorted(winners.items(), key=lambda item: -len(item[1]))
    lines = [[name, len(streams), ", ".join(streams)] for name, streams in lines]
    header = ["best list", "times", "without"]
    return f"""### Without each stream

Which list would be best by the criterion if one of the streams had not been there. The chosen one
is then {min(behind):.3f} to {max(behind):.3f} worse by it, in the median {np.median(behind):.3f}.

{table(header, lines)}"""


def counting_section(runs, streams):
    """Return the section on what counts as right."""
    lines, differences, lists = [], {}, lists_of_classifiers()
    for name in streams:
        shares = np.bincount(runs.stream(name).y) / len(runs.stream(name).y)
        own, old = (
            [mean_score(runs, name, lists[which], gain)[0] for gain in (RightAnswers, Unbalanced)]
            for which in (CHOSEN, PREVIOUS)
        )
        differences[name] = own[0] - own[1]
        rare = shares.min() < RARE and len(shares) == 2
        cells = [f"{own[0]:.3f}", f"{own[1]:.3f}", f"{differences[name]:+.3f}"]
        share = f"{shares.min():.3f}, rare" if rare else f"{shares.min():.3f}"
        lines.append([name, share, *cells, f"{old[0] - old[1]:+.3f}"])
    header = [
        "stream", "share of the rarest class", "classes alike", "rows alike", "difference",
        "of the previous list",
    ]  # fmt: skip
    worst, best = (pick(differences, key=differences.get) for pick in (min, max))
    return f"""## 3. What counts as right

The gain of a member is the share of rows that it got right. A member that never says a rare class
is right on nearly all rows, and still worthless. So each class counts alike ("classes alike", what
the library does); "rows alike" is the plain share. Kappa of the chosen list, and the difference
between the two for the previous one. Largest gain {differences[best]:+.3f} on {best}, largest loss
{differences[worst]:+.3f} on {worst}, mean {np.mean(list(differences.values())):+.4f}.

{table(header, lines)}"""


LATE_RULES = ("fresh", "served", "served, shared")


def late_section(runs, streams, delays):
    """Return the section on late labels."""
    lines, found = [], defaultdict(list)
    for name in streams:
        for delay in delays:
            beside = _beside_best(runs, name, delay)
            for rule, difference in beside.items():
                found[rule, delay].append(difference)
            lines.append([name, f"{delay:,}", *(f"{beside[rule]:+.3f}" for rule in LATE_RULES)])
    late = [delay for delay in delays if delay > BATCH]
    sums = []
    for rule in LATE_RULES:
        values = np.concatenate([found[rule, delay] for delay in late])
        sums.append([rule, f"{values.min():+.3f}", f"{values.mean():+.4f}"])
    header = ["stream", "labels come after", *LATE_RULES]
    return f"""## 4. Labels that come late

When labels come, a member can be weighed by what the model that it has by then says of the rows
("fresh", what the library does; nobody has to remember what was served), or by what it said when
they were served ("served"). As weights are old by then, the fixed share can be taken ahead, once
per 100 rows of the delay ("served, shared"). Accuracy of the chosen list, less that of its best
member in hindsight, one for each stream and delay; one seed.

{table(header, lines)}

At delays of {" and ".join(f"{delay:,}" for delay in late)}:

{table(["weighed by", "worst", "mean"], sums)}

What served was older than what serves next, so that it tells less, and most of all where a concept
came and went within the delay (in_turn). Shares taken ahead mend a part of that. "Fresh" needs no
delay to be known, which is why a mixture has no parameter for it.

### Wished for

Regret is how far the mixture is below its best member, at least 0. At most {REGRET_RATIO} times
that at a delay of {BATCH}, and never more than {MARGIN}:

{_wishes(streams, delays, found)}"""


def _beside_best(runs, name, delay):
    """Return the accuracy of the mixture by each rule, less that of its best member."""
    members, (y_before, y) = lists_of_classifiers()[CHOSEN], runs.y_of(name)
    served = runs.list_said(name, members, delay=delay)
    fresh = runs.list_said(name, members)  # with labels at once, it has learned all rows before
    best = max(np.mean(answers == y) for answers in served.answers)
    rules = {"fresh": {"tested": fresh}, "served": {}, "served, shared": {"shared_ahead": True}}
    found = {}
    for rule, options in rules.items():
        means = replayed(served, y_before, y, RightAnswers(), delay=delay, **options)
        found[rule] = np.mean(means.argmax(axis=1) == y) - best
    return found


def _wishes(streams, delays, found):
    lines, all_small, all_close = [], True, True
    for number, name in enumerate(streams):
        at_once, *late = (max(-found["fresh", delay][number], 0.0) for delay in delays)
        small = all(regret <= REGRET_RATIO * at_once for regret in late)
        close = all(regret <= MARGIN for regret in (at_once, *late))
        all_small, all_close = all_small and small, all_close and close
        regrets = (f"{regret:.3f}" for regret in (at_once, *late))
        lines.append([name, *regrets, verdict(small), verdict(close)])
    header = [
        "stream",
        *(f"regret at {delay:,}" for delay in delays),
        "growth",
        f"at most {MARGIN}",
    ]
    both = f"On all of them: growth {verdict(all_small)}, at most {MARGIN} {verdict(all_close)}."
    return f"{table(header, lines)}\n\n{both}"


def recalibration_section(runs, streams, quick):
    """Return the section on probabilities."""
    lines, ratios = [], {}
    for name in streams:
        means, _ = served_by(runs, name, lists_of_classifiers()[CHOSEN])
        y = runs.y_of(name)[1]
        losses = [_log_loss(proba, y) for proba in (recalibrated(means, y), means)]
        ratios[name] = losses[0] / losses[1]
        lines.append([name, *(f"{loss:.4f}" for loss in losses), f"{ratios[name]:.3f}"])
    worst = max(ratios, key=ratios.get)
    return f"""## 5. Probabilities

Log loss of the chosen list, with recalibration and without (probabilities below {_LEAST:g} count as
that); one seed. Mean ratio {np.mean(list(ratios.values())):.3f}, worst {ratios[worst]:.3f} on
{worst}.

{table(["stream", "recalibrated", "as they are", "ratio"], lines)}

{"" if quick else _phishing()}"""


def recalibrated(proba, y):
    """Return probabilities as a mixture recalibrates them."""
    recalibration, served = Recalibration(), np.empty_like(proba)
    for number, start in enumerate(range(0, len(y), BATCH)):
        rows = slice(start, start + BATCH)
        served[rows] = recalibration.applied(proba[rows])
        if is_turn(number):
            weight = np.full(len(y[rows]), float(EVERY))
            recalibration = recalibration.after(proba[rows], y[rows], weight)
    return served


def _log_loss(proba, y):
    told = np.maximum(proba[np.arange(len(y)), y], _LEAST)
    return -np.log(told).mean()


def _phishing(n_seeds=3, size=10):
    """Return a paragraph on river's adaptive random forest, alone in a mixture, on Phishing."""
    from river import datasets

    rows = list(datasets.Phishing())
    X = np.array([list(x.values()) for x, _ in rows])
    y = np.array([int(label) for _, label in rows])
    found = np.mean([_phishing_losses(X, y, seed, size) for seed in range(1, n_seeds + 1)], axis=0)
    raw, served, accuracy = found
    return (
        f"river's Phishing ({len(y):,} rows), its ARFClassifier as the only member, batches of "
        f"{size}, mean of {n_seeds} seeds: log loss {raw:.3f} as it is and {served:.3f} "
        f"recalibrated, at an accuracy of {accuracy:.3f}. Vovk, Petej and Gammerman have "
        f"{PHISHING['raw']:.3f} and {PHISHING['recalibrated']:.3f} at {PHISHING['accuracy']:.3f}, "
        "row by row."
    )


def _phishing_losses(X, y, seed, size):
    from river.compat import convert_river_to_sklearn
    from river.forest import ARFClassifier

    forest = convert_river_to_sklearn(ARFClassifier(seed=seed))
    mixture = MixtureRetrainer([("forest", DriftAwareRetrainer(forest, detector=None))])
    mixture.partial_fit(X[:size], y[:size], classes=[0, 1])
    raw, served = (np.full((len(y), 2), 0.5) for _ in range(2))
    for start in range(size, len(y), size):
        rows = slice(start, start + size)
        raw[rows] = mixture.estimators_[0].predict_proba(X[rows])
        served[rows] = mixture.predict_proba(X[rows])
        mixture.partial_fit(X[rows], y[rows])
    losses = [log_loss(y, np.clip(proba[:, 1], _LEAST, 1 - _LEAST)) for proba in (raw, served)]
    return *losses, accuracy_score(y, served.argmax(axis=1))


def budget_section(runs, streams, found):
    """Return the section on the budget, with real mixtures."""
    lines, lost, saved = [], [], []
    for name in streams:
        full, thrifty = (runs.said(name, who) for who in ("mixture", "mixture_thrifty"))
        scored = [_score_of_answers(runs, name, said) for said in (full, thrifty)]
        lost.append(scored[1] - scored[0])
        saved.append(thrifty.seconds / full.seconds)
        replay = _of_stream(found, name)
        cells = [f"{scored[0]:.3f}", f"{replay:.3f}", f"{scored[1]:.3f}", f"{lost[-1]:+.3f}"]
        seconds = f"{full.seconds:.1f}", f"{thrifty.seconds:.1f}", f"{saved[-1]:.2f}"
        lines.append([name, *cells, *seconds])
    header = ["stream", "no budget", "replayed", f"budget {OLD_BUDGET}", "difference"]
    header += ["CPU s", f"CPU s, {OLD_BUDGET}", "ratio"]
    return f"""## 6. The budget

`make_mixture()` with no budget and with one of {OLD_BUDGET}, which was the default before: mixtures
at work, one seed, one right after the other. "replayed" is what the replay has for the same list,
with other seeds of the members. With those of the mixture, it predicts the same labels on
{_agreement(runs, streams):.2%} of the rows of {_shortest(runs, streams)}.

With the budget, scores change by {min(lost):+.3f} to {max(lost):+.3f}, and CPU seconds are
{min(saved):.2f} to {max(saved):.2f} times as many, in the median {np.median(saved):.2f}.

{table(header, lines)}"""


def _shortest(runs, streams):
    classified = [name for name in streams if name not in REGRESSION]
    return min(classified, key=lambda name: len(runs.stream(name).y))


def _agreement(runs, streams):
    """Return on what share of the rows the replay and a mixture have the same labels."""
    name, members = _shortest(runs, streams), classifiers()
    each = []
    for number, member in enumerate(lists_of_classifiers()[CHOSEN]):
        seed = as_member(clone(members[member]), 0, number).random_state
        each.append(run(members[member], runs.stream(name), seed, BATCH))
    said = Said(*(np.stack([one[part] for one in each]) for part in (0, 1)), 0.0)
    means = replayed(said, *runs.y_of(name), RightAnswers())
    return np.mean(means.argmax(axis=1) == runs.said(name, "mixture").answers)


def _score_of_answers(runs, name, said):
    measure = r2_score if name in REGRESSION else cohen_kappa_score
    return measure(runs.y_of(name)[1], said.answers)


def _of_stream(found, name):
    """Return the replayed score of the chosen list."""
    scores = next(scores for scores in found if name in scores.streams)
    return scores.of(CHOSEN)[scores.streams.index(name)]


def regression_section(runs, found, streams):
    """Return the section on regression."""
    names = [name for name in found.lists if name != CHOSEN]
    lines = []
    for name in streams:
        said = [runs.said(name, who) for who in ("mixture", "previous_thrifty")]
        cells = [f"{_score_of_answers(runs, name, one):.4f}" for one in said]
        lines.append([name, *cells, *(f"{one.seconds:.1f}" for one in said)])
    header = ["stream", CHOSEN, "previous", "CPU s", "CPU s, previous"]
    lists = lists_of_regressors()
    return f"""## 7. Regression

Chosen: {", ".join(lists[CHOSEN])}. Previous: {", ".join(lists[PREVIOUS])}, with a budget of
{OLD_BUDGET}. Mixtures at work, R2 and CPU seconds, one seed:

{table(header, lines)}

Replayed without a budget: R2 of the chosen list, and what others have more or less.

{_by_stream(found, names)}

{_criterion(found)}"""


# -- the page


def report(runs, quick):
    """Yield the parts of the page."""
    yield __doc__.partition("\n\n    python")[0]
    wanted = QUICK if quick else (CLASSIFICATION, REGRESSION)
    streams, numbers = (tuple(n for n in names if runs.stream(n) is not None) for names in wanted)
    yield what_was_compared(runs, (*streams, *numbers))
    classified = scores(runs, streams, lists_of_classifiers())
    yield members_section(classified)
    yield counting_section(runs, streams)
    late = streams if quick else [name for name in LATE_STREAMS if name in streams]
    yield late_section(runs, late, DELAYS[:2] if quick else DELAYS)
    yield recalibration_section(runs, streams, quick)
    regressed = scores(runs, numbers, lists_of_regressors())
    real = [name for name in (*streams, *numbers) if quick or name in (*REAL, *REAL_REGRESSION)]
    yield budget_section(runs, real, (classified, regressed))
    yield regression_section(runs, regressed, [name for name in real if name in numbers])


def add_arguments(parser):
    """Add what only this benchmark has."""
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep what members said")
    parser.add_argument("--seeds", type=int, default=2, help="of the members")


def main():
    """Measure, print and write the tables."""
    args = parse_args(__doc__.splitlines()[0].replace("`", ""), "mixture.md", add_arguments)
    use_one_thread()
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder:
        folder = args.cache or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        parts = list(report(Runs(folder, args.quick, args.seeds), args.quick))
    write_report(args.out, "How the default mixture was chosen", parts)


if __name__ == "__main__":
    main()
