"""The workers of a cluster that hold the segments of a fleet, and a shard that stands for them."""

import pickle
from collections import Counter

import numpy as np
from sklearn import config_context, get_config

from ...utils._containers import take_rows
from ...utils._labels import union_of_labels
from ...utils._records import unsaid
from ._shard import (
    Report,
    Shard,
    Turns,
    moved_together,
    part_of_work,
    rows_of,
    rows_of_parts,
)
from ._shelf import Shelf
from ._store import MemoryStore

_AT_ONCE = 100  # retrainers that travel together


class Held:
    """Segments at a worker: it holds their state between calls, and only rows and reports travel.

    Parameters
    ----------
    template, min_rows, growth_budget
        Those of the :class:`Shard`.
    max_loaded : int or None
        How many retrainers stay as objects.
    """

    def __init__(self, template, min_rows, growth_budget, max_loaded):
        shelf = Shelf(MemoryStore(), max_loaded)
        self.shard = Shard(template, None, min_rows, growth_budget, shelf)

    def call(self, method, config, *args):
        """Return what a method returns and None, or None and what it raises.

        Events are logged where the fleet is, not here: there somebody listens.
        """
        try:
            with config_context(**config), unsaid():
                return getattr(self, f"_{method}")(*args), None
        except Exception as error:
            return None, _portable(error)

    def _take(self, states):
        for key, (book, retrainer) in states.items():
            self.shard.books[key] = book
            self.shard.shelf.put(key, retrainer)

    def _retrainers(self, keys):
        return [self.shard.shelf.get(key) for key in keys]

    def _delete(self, key):
        self.shard.delete(key)

    def _wanting(self, work, way):
        self.shard.way = way
        return [key for key, part in work.grouped.parts() if self._wants(work, key, part)]

    def _wants(self, work, key, part):
        if key not in self.shard.books:
            return False
        retrainer = self.shard.shelf.get(key)
        X, y, params = rows_of(work, part)
        try:
            return retrainer._has_grown(retrainer._examine(X, y, work.classes, params))
        except Exception:  # the step says so
            return False

    def _step(self, work, way):
        self.shard.way = way
        return self._reported(self.shard.step(work), work)

    def _observe(self, work):
        return self._reported(self.shard.observe(work), work)

    def _reported(self, report, work):
        errors = [(key, _portable(error)) for key, error in report.errors]
        books = {key: self.shard.books[key] for key in work.grouped.keys}
        return report._replace(errors=errors), books

    def _answered(self, ask, X, parts):
        return self.shard.answered(ask, X, parts)


class Crew:
    """Workers, each with some of the segments.

    Parameters
    ----------
    client : dask.distributed.Client
        Of the cluster.
    held : tuple
        What each :class:`Held` is made with.
    """

    def __init__(self, client, held):
        self.lost = None
        futures = [
            client.submit(Held, *held, workers=[worker], actor=True, pure=False)
            for worker in client.nthreads()
        ]
        self.actors = [future.result() for future in futures]
        self.homes = {}  # of each segment, the number of its worker
        self.counts = [0] * len(self.actors)

    def home(self, key):
        """Return the number of the worker that has a segment; of a new one, who has the fewest."""
        if key not in self.homes:
            self.homes[key] = self.counts.index(min(self.counts))
            self.counts[self.homes[key]] += 1
        return self.homes[key]

    def call(self, method, calls):
        """Return what several workers make of a method, or raise RuntimeError.

        Parameters
        ----------
        method : str
            One of :class:`Held`.
        calls : list of (int, tuple)
            Numbers of workers, and what each is called with.
        """
        if self.lost is not None:
            raise RuntimeError(_LOST) from self.lost
        try:
            config = get_config()
            futures = [self.actors[at].call(method, config, *args) for at, args in calls]
            answers = [future.result() for future in futures]
        except BaseException as error:
            self.lost = error
            if isinstance(error, Exception):
                raise RuntimeError(_LOST) from error
            raise
        for _, error in answers:
            if error is not None:
                self.lost = error if method in _CHANGING else None
                raise error
        return [answer for answer, _ in answers]

    def delete(self, key):
        """Forget a segment."""
        at = self.homes.pop(key)
        self.counts[at] -= 1
        self.call("delete", [(at, (key,))])

    def sent(self, parts):
        """Return the parts of a batch by the number of the worker that has the segment."""
        found = {}
        for key, part in parts:
            found.setdefault(self.home(key), []).append((key, part))
        return found


_CHANGING = ("observe", "step", "take")
_LOST = (
    "DistributedSegments: a worker was lost, or a pass was interrupted, and with it the state of "
    "its segments. Nothing of this pass counts. The model that was given is as the last collect() "
    "left it: distribute it again, and repeat the batches after its n_batches_."
)


class RemoteShelf:
    """The retrainers that workers hold, as far as a fleet asks for them itself."""

    path = max_loaded = None

    def __init__(self, crew):
        self.crew = crew

    def get(self, key):
        """Return a copy of the retrainer of a segment, which is to be read."""
        return self.crew.call("retrainers", [(self.crew.homes[key], ([key],))])[0][0]

    def delete(self, key):
        """Forget the retrainer of a segment."""
        self.crew.delete(key)

    def is_loaded(self, key):
        """Tell whether a segment's retrainer is in memory here: none is."""
        return False


class RemoteShard(Shard):
    """The segments of a fleet where workers hold them; the books of all are here, too.

    Parameters
    ----------
    shard : Shard
        The template and the rules; its books.
    crew : Crew
        Has the retrainers.
    """

    logs_events = False

    def __init__(self, shard, crew):
        template, way, min_rows = shard.template, shard.way, shard.min_rows
        super().__init__(template, way, min_rows, shard.growth_budget, RemoteShelf(crew))
        self.books = shard.books
        self.crew = crew

    def step(self, work):
        """Let the segments learn their rows of a batch, and return the report."""
        works = self._with_turns(self._sent(work), work.grouped.keys)
        return self._joined(work, "step", {at: (part, self.way) for at, part in works.items()})

    def observe(self, work):
        """Show segments that serve their rows of a batch without labels; return the report."""
        return self._joined(work, "observe", {at: (part,) for at, part in self._sent(work).items()})

    def _sent(self, work):
        """Return the work of each worker by its number."""
        sent = self.crew.sent(work.grouped.parts())
        return {at: part_of_work(work, parts) for at, parts in sent.items()}

    def _with_turns(self, works, keys):
        """Return works that say who may grow: the workers know only their own segments."""
        turns = self.may_grow(keys)
        if turns is None:
            return works
        calls = [(at, (work, self.way)) for at, work in works.items()]
        wanting = {key for keys in self.crew.call("wanting", calls) for key in keys}
        allowed = {key for key in keys if key in wanting and turns.take(key)}
        granted = Turns(allowed, len(allowed))
        return {at: work._replace(turns=granted) for at, work in works.items()}

    def _joined(self, work, method, calls):
        """Let workers do their part, keep the books, and return one report of all segments."""
        answers = self.crew.call(method, list(calls.items()))
        sent = self.crew.sent(work.grouped.parts())
        losses, classes, done = np.full(int(work.grouped.bounds[-1]), np.nan), None, Counter()
        n_taken = sum(report.n_taken for report, _ in answers)
        books, events, errors = {}, {}, {}
        for parts, (report, of_theirs) in zip(sent.values(), answers, strict=True):
            losses[rows_of_parts(parts)] = report.losses
            books |= of_theirs
            done.update(report.work)
            if report.classes is not None:
                classes = union_of_labels(classes, report.classes)
            for event in report.events:
                events.setdefault(event.segment, []).append(event)
            for key, error in report.errors:
                errors.setdefault(key, []).append((key, error))
        keys = work.grouped.keys
        self.books |= {key: books[key] for key in keys}
        told = _in_order(events, keys), _in_order(errors, keys)
        return Report(losses, *told, classes, done, n_taken)

    def answered(self, ask, X, parts):
        """Return what `ask` makes of the retrainers and rows of segments, by segment."""
        sent = self.crew.sent(parts)
        calls = [
            (at, (ask, take_rows(X, rows_of_parts(theirs)), moved_together(theirs)))
            for at, theirs in sent.items()
        ]
        answers = self.crew.call("answered", calls)
        return {key: answer for one in answers for key, answer in one.items()}

    def retrainers(self):
        """Yield each segment with its retrainer."""
        for at in range(len(self.crew.actors)):
            keys = [key for key in self.books if self.crew.homes[key] == at]
            for some in _cut(keys):
                yield from zip(some, self.crew.call("retrainers", [(at, (some,))])[0], strict=True)

    def send(self, shelf):
        """Give the workers the retrainers that a shelf has."""
        by_home = {}
        for key in self.books:
            by_home.setdefault(self.crew.home(key), []).append(key)
        for at, keys in by_home.items():
            for some in _cut(keys):
                states = {key: (self.books[key], shelf.get(key)) for key in some}
                self.crew.call("take", [(at, (states,))])


def _cut(keys):
    return [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]


def _in_order(found, keys):
    return [one for key in keys for one in found.get(key, ())]


def _portable(error):
    """Return an error that can travel: not all classes of errors can be read again."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
