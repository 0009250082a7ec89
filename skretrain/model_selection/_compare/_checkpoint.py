"""Where a pass over batches is kept, so that one that was stopped goes on."""

import pickle
from pathlib import Path
from time import perf_counter

import joblib

from ... import __version__
from ...utils._files import write_whole
from ...utils._warn import warn_user

_SHARE = 0.05  # of the time may go into keeping


class Checkpoint:
    """The state of a pass, in a file that is named by what the pass depends on.

    Parameters
    ----------
    folder : path-like or None
        Where the file is, which is a pickle. None keeps nothing.
    asked : object
        What was asked for.
    head : Batch
        The rows of the first fit.

    Attributes
    ----------
    found : object or None
        The state after the batches that were gone through the last time.
    """

    def __init__(self, folder, asked, head):
        self.found, self.n_gone, self.path, self.digest = None, 0, None, ""
        if folder is None:
            return
        try:
            self.digest = joblib.hash((__version__, asked, *head))
        except Exception as error:  # of pickle, or of whoever says how to be pickled
            raise ValueError(
                f"memory={str(folder)!r}: a policy cannot be pickled, by which its state is found "
                "again: define functions and classes in a module, none of them as a lambda, or "
                "pass memory=None."
            ) from error
        self.path = Path(folder) / f"compare-{self.digest}.pickle"
        self.n_given, self.begin, self.spent = 0, perf_counter(), 0.0
        if self.path.exists():
            self.n_gone, self.digest_then, self.found = self._read()
        self.n_kept, self.has_failed = self.n_gone, False

    def _read(self):
        try:
            n_gone, digest, state = pickle.loads(self.path.read_bytes())
        except Exception as error:  # of the system, or of pickle, which raises nearly any
            raise ValueError(
                f"memory: {str(self.path)!r}, which has the state of the call that was stopped, "
                f"cannot be read ({type(error).__name__}: {error}). Delete it to begin anew."
            ) from error
        return n_gone, digest, state

    def not_gone_through(self, batches):
        """Yield the batches that come after those which the state has learned."""
        for batch in batches:
            if self.path is not None:
                self.n_given += 1
                self.digest = joblib.hash((self.digest, *batch))
                if self.n_given == self.n_gone and self.digest != self.digest_then:
                    self._refuse()
            if self.path is None or self.n_given > self.n_gone:
                yield batch
        if self.path is not None and self.n_given < self.n_gone:
            self._refuse()

    def _refuse(self):
        raise ValueError(
            f"memory: the first {self.n_gone:,} batches after the first fit are not those that "
            f"{str(self.path)!r} was made of. Pass the same, or delete that file to begin anew."
        )

    def keep(self, state, *, at_once=False):
        """Write the state, if there was little to do with that so far."""
        if self.path is None or self.n_given == self.n_kept:
            return
        begin = perf_counter()
        if at_once or self.spent <= _SHARE * (begin - self.begin):
            try:
                self._write(pickle.dumps((self.n_given, self.digest, state)))
            except OSError as error:  # hours of work are worth more than what is kept of them
                self._warn(error)
            self.spent += perf_counter() - begin

    def _write(self, content):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, content)
        self.n_kept = self.n_given

    def _warn(self, error):
        """Say, once, that nothing is kept for now: a disk may have room again later."""
        if not self.has_failed:
            self.has_failed = True
            warn_user(
                f"memory: the state could not be written, so that a call which is stopped goes on "
                f"from an earlier batch, or begins anew: {error}. The comparison goes on, and "
                "tries again.",
                UserWarning,
            )
