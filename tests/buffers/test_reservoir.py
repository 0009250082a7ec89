"""The reservoir is a sample of the stream with the stated law."""

import pickle

import numpy as np
import pytest
from helpers import representatives
from numpy.testing import assert_array_equal
from scipy import optimize, sparse, stats

from skretrain.buffers import Reservoir

ALPHA = 1e-5  # seeded, so a pass is a pass for ever; small, so a new seed passes, too


def filled(buffer, y, n_batch=100):
    """The buffer after a stream of labels, whose features are the row numbers."""
    buffer.reset()
    for start in range(0, len(y), n_batch):
        part = y[start : start + n_batch]
        buffer.add(np.arange(start, start + len(part)).reshape(-1, 1), part, None, start)
    return buffer


def inclusions(n, n_batch, n_runs, **params):
    """How often each of n rows was remembered, over independent runs."""
    counts = np.zeros(n)
    for seed in range(n_runs):
        counts[filled(Reservoir(random_state=seed, **params), np.zeros(n), n_batch).index] += 1
    return counts


@pytest.mark.parametrize("n_batch", representatives([1, 7, 100], fast=[7]))
@pytest.mark.parametrize(
    "params", [{}, {"balance": True}, {"decay": 1e-12}], ids=["uniform", "one class", "slow decay"]
)
@pytest.mark.no_cover
def test_every_row_is_remembered_equally_often(n_batch, params):
    """Chi-square over the 40 rows of 600 runs, for batches of 1, 7 and all rows.

    The counts of a sample without replacement vary less than a multinomial's, by the factor
    (n - m) / (n - 1), and the statistic is scaled by it.
    """
    n, max_rows, n_runs = 40, 8, 600
    counts = inclusions(n, n_batch, n_runs, max_rows=max_rows, **params)
    assert counts.sum() == n_runs * max_rows
    expected = n_runs * max_rows / n
    statistic = ((counts - expected) ** 2 / expected).sum() * (n - 1) / (n - max_rows)
    assert stats.chi2.sf(statistic, df=n - 1) > ALPHA
    assert stats.chi2.cdf(statistic, df=n - 1) > ALPHA


@pytest.mark.no_cover
def test_pairs_of_rows_are_remembered_equally_often():
    """Neighbours in one batch do not exclude or attract each other."""
    pairs = np.zeros((12, 12))
    for seed in range(4000):
        index = filled(Reservoir(max_rows=3, random_state=seed), np.zeros(12), 12).index
        pairs[np.ix_(index, index)] += 1
    counts = pairs[np.triu_indices(12, 1)]
    assert stats.chisquare(counts).pvalue > ALPHA


@pytest.mark.parametrize("params", [{}, {"balance": True}, {"decay": 0.01}])
def test_the_seed_decides(params):
    """Equal seeds remember equal rows, None is a fixed seed, and other seeds remember others."""
    y = np.arange(1000) % 3
    held = [
        filled(Reservoir(max_rows=30, random_state=seed, **params), y).index.tolist()
        for seed in (5, 5, 6, None, None)
    ]
    assert held[0] == held[1] != held[2]
    assert held[3] == held[4]


def test_a_generator_as_seed_is_not_used_up():
    """The parameter stays as it was, so that a reset starts over."""
    buffer = Reservoir(max_rows=10, random_state=np.random.default_rng(3))
    first = filled(buffer, np.zeros(200)).index
    assert_array_equal(filled(buffer, np.zeros(200)).index, first)


def test_only_accepted_rows_are_stored():
    """Rows that are not remembered are never written: storage stays within twice the room."""
    buffer = filled(Reservoir(max_rows=50), np.zeros(20_000), 1000)
    assert buffer._store.capacity <= 100
    assert buffer._store.end <= 100


@pytest.mark.parametrize("n_batch", [1, 33, 5000])
@pytest.mark.parametrize("decay", [None, 0.001])
@pytest.mark.no_cover
def test_a_rare_class_keeps_its_rows(n_batch, decay):
    """Of 5,000 rows with 20 rare ones, all 20 stay, and the others share the room equally."""
    y = np.random.default_rng(0).choice(["a", "b", "c"], size=5000, p=[0.7, 0.25, 0.05])
    y = y.astype("U4")
    y[::250] = "rare"
    buffer = filled(Reservoir(max_rows=200, balance=True, decay=decay), y, n_batch)
    labels, counts = np.unique(buffer.y, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {
        "a": 60,
        "b": 60,
        "c": 60,
        "rare": 20,
    }
    assert_array_equal(buffer.y, y[buffer.index])


def test_room_shrinks_as_classes_come():
    """Each new class takes rows from the largest until all have the same."""
    y = np.repeat(np.arange(5), 300)
    buffer = Reservoir(max_rows=60, balance=True).reset()
    for n_classes in range(1, 6):
        seen = slice(300 * (n_classes - 1), 300 * n_classes)
        buffer.add(np.zeros((300, 1)), y[seen])
        counts = np.bincount(buffer.y)
        assert_array_equal(counts, [60 // n_classes] * n_classes)


@pytest.mark.no_cover
def test_each_class_is_a_uniform_sample_of_its_rows():
    """The rows of a class that lost room to later classes are still uniform over its stream."""
    counts, n_runs = np.zeros(60), 800
    y = np.array(["a"] * 20 + ["b"] * 10 + ["a", "b"] * 15)
    for seed in range(n_runs):
        counts[filled(Reservoir(max_rows=10, balance=True, random_state=seed), y, 8).index] += 1
    for label, n in (("a", 35), ("b", 25)):
        mine = counts[y == label]
        expected = n_runs * 5 / n
        statistic = ((mine - expected) ** 2 / expected).sum() * (n - 1) / (n - 5)
        assert mine.sum() == 5 * n_runs
        assert stats.chi2.sf(statistic, df=n - 1) > ALPHA


def test_more_classes_than_room():
    """With more classes than rows, the newest class has a row and the books stay bounded."""
    buffer = filled(Reservoir(max_rows=5, balance=True), np.arange(500), 10)
    assert len(buffer) == 5
    assert buffer.y[-1] == 499
    assert len(buffer._heaps) == len(buffer._full) == 5


def law(n, max_rows, decay):
    """Probability of each row to be remembered, for a large sample of weights (1 - decay)^age.

    With exponential keys E / w, the rows kept are those with keys below a threshold that is nearly
    constant: P(E / w < c) = 1 - exp(-c w), where c makes the expected number of rows max_rows.
    """
    weights = (1 - decay) ** np.arange(n)[::-1].astype(float)
    total = optimize.brentq(
        lambda c: (1 - np.exp(-np.exp(c) * weights)).sum() - max_rows, -50, 50 + n * decay
    )
    return 1 - np.exp(-np.exp(total) * weights)


@pytest.mark.parametrize(("n_batch", "n_runs"), [(1, 8), (7, 20), (2000, 40)])
@pytest.mark.parametrize("decay", [0.001, 0.01, 0.1])
@pytest.mark.thinned(4)
@pytest.mark.no_cover
def test_ages_follow_the_stated_law(n_batch, n_runs, decay):
    """The remembered ages fit the inclusion law, in ten bins of about equal expectation."""
    n, max_rows = 2000, 200
    counts = inclusions(n, n_batch, n_runs, max_rows=max_rows, decay=decay)
    expected = n_runs * law(n, max_rows, decay)
    bins = np.minimum((np.cumsum(expected) / expected.sum() * 10).astype(int), 9)
    observed, wanted = (np.bincount(bins, weights=w, minlength=10) for w in (counts, expected))
    # Sampling without replacement varies less than independent draws: the test is conservative.
    assert stats.chisquare(observed, wanted).pvalue > ALPHA


@pytest.mark.no_cover
def test_slow_forgetting_has_exponential_ages():
    """Where 1 / decay is far more than the room, ages are exponential with mean 1 / decay."""
    ages = []
    for seed in range(40):
        buffer = filled(Reservoir(max_rows=20, decay=1 / 400, random_state=seed), np.zeros(4000))
        ages.append(3999 - buffer.index)
    assert np.mean(ages) == pytest.approx(400, rel=0.15)


def test_fast_forgetting_is_a_window():
    """Where 1 / decay is far less than the room, the newest rows are remembered."""
    buffer = filled(Reservoir(max_rows=100, decay=0.9), np.zeros(5000), 13)
    assert (4999 - buffer.index).max() < 115


def test_age_is_counted_in_rows_of_the_stream():
    """Rows after a long gap push out those before it."""
    buffer = Reservoir(max_rows=10, decay=0.5).add(np.zeros((10, 1)), np.zeros(10), None, 0)
    buffer.add(np.zeros((10, 1)), np.zeros(10), None, 10_000)
    assert buffer.index.min() == 10_000


def test_decay_works_within_each_class():
    """With balance and decay, classes share the room and each remembers its newer rows."""
    y = np.tile([0, 1], 1000)
    buffer = filled(Reservoir(max_rows=100, balance=True, decay=0.02), y, 7)
    assert_array_equal(np.bincount(buffer.y), [50, 50])
    for label in (0, 1):
        assert np.mean(buffer.index[buffer.y == label] > 1700) > 0.9


def test_priorities_do_not_underflow():
    """The law holds at row one billion, where (1 - decay)^age is 0 in floating point."""
    buffer = Reservoir(max_rows=10, decay=0.3)
    for start in (0, 10**9):
        buffer.add(np.zeros((500, 1)), np.zeros(500), None, start)
    assert buffer.index.min() > 10**9 + 400


@pytest.mark.parametrize("y", [np.array([1.0, 2.0, 1.0]), np.array([[1], [2], [1]])])
def test_whole_numbers_are_labels(y):
    """Floats without a fraction, and labels in one column, are discrete."""
    assert len(Reservoir(balance=True).add(np.zeros((3, 1)), y)) == 3


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (None, "balance=True needs y"),
        (np.array([0.5, 1.0]), "discrete labels"),
        (np.array([np.nan, 1.0]), "discrete labels"),
        (np.array([0.5, "a"], dtype=object), "discrete labels"),
        (np.ones((2, 2), dtype=int), r"one label per row, got y of shape \(2, 2\)"),
        (sparse.csr_array(np.ones((2, 2))), "one label per row"),
    ],
)
def test_balance_needs_labels(y, match):
    """Without discrete labels there are no classes to balance: nothing changes."""
    buffer = Reservoir(balance=True).reset()
    before = pickle.dumps(buffer)
    for verb in (buffer.check, buffer.add):
        with pytest.raises(ValueError, match=match):
            verb(np.zeros((2, 1)), y)
        assert pickle.dumps(buffer) == before


@pytest.mark.parametrize("decay", [0, 1, -0.1, 1.5, np.nan, "fast", True])
def test_an_invalid_decay_is_refused(decay):
    """The message names the parameter, the value and the way out."""
    with pytest.raises(
        ValueError, match="decay must be a number above 0 and below 1, the share of"
    ):
        Reservoir(decay=decay).reset()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"balance": "yes"}, "balance must be True or False"),
        ({"random_state": -1}, "random_state must be an integer of at least 0, or None"),
        ({"random_state": "seed"}, "random_state='seed'"),
        ({"random_state": True}, "random_state=True"),
    ],
)
def test_other_invalid_parameters_are_refused(params, match):
    """Junk survives the constructor and is refused when used."""
    with pytest.raises(ValueError, match=match):
        Reservoir(**params).reset()


def test_bytes_count_the_heaps():
    """The bookkeeping of a keyed reservoir is part of its size."""
    plain, keyed = (filled(Reservoir(100, decay=d), np.zeros(1000)) for d in (None, 0.01))
    assert keyed.nbytes > plain.nbytes
