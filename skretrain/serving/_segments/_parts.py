"""States as bytes in parts, so that they can be read and written in part."""

import pickle
from io import BytesIO

# Arrays of more bytes than this are cut into blocks of as many. With its name, one fills a page of
# SQLite: half of it would be as many pages, and more of it holds more that has not changed.
_BLOCK = 3840


def packed(first, rest):
    """Return the parts of a state.

    Parameters
    ----------
    first : object
        What is to be read alone.
    rest : object
        What is to be read with it. What both hold is written once, and is one when both are read.

    Returns
    -------
    parts : list of bytes
        `first`; the `rest`; and the large arrays that only the rest holds, in blocks: rows that
        were remembered before are the same bytes in the same blocks when others have been added.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._segments._parts import first_of, packed, unpacked
    >>> model, rows = {"coef": 2.0}, np.arange(1000.0)
    >>> parts = packed(model, [model, rows])
    >>> len(parts), [len(block) for block in parts[2:]]
    (5, [3840, 3840, 320])
    >>> first_of(parts)
    {'coef': 2.0}
    >>> first, (again, same_rows) = unpacked(parts)
    >>> again is first, same_rows[[0, -1]]
    (True, array([  0., 999.]))
    """
    file, large, cut = BytesIO(), [], None

    def stays(buffer):
        view = buffer.raw()
        if cut is None or view.nbytes <= _BLOCK:
            return True
        large.append(view)
        return False

    # One pickler, which knows in the second call what it has written in the first.
    pickler = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL, buffer_callback=stays)
    pickler.dump(first)
    cut = file.tell()
    pickler.dump(rest)
    content, sizes = file.getvalue(), [view.nbytes for view in large]
    blocks = [bytes(view[at : at + _BLOCK]) for view in large for at in range(0, len(view), _BLOCK)]
    return [content[:cut], pickle.dumps(sizes) + content[cut:], *blocks]


def first_of(parts):
    """Return what is to be read alone; `parts` need have no more than that."""
    return pickle.loads(parts[0])


def unpacked(parts):
    """Return what is to be read alone, and the rest."""
    first, rest, *blocks = parts
    rest = BytesIO(rest)
    sizes = pickle.load(rest)
    unpickler = pickle.Unpickler(BytesIO(first + rest.read()), buffers=_joined(blocks, sizes))
    return unpickler.load(), unpickler.load()


def _joined(blocks, sizes):
    """Return the large arrays, each as bytes that may be written to."""
    blocks, whole = iter(blocks), []
    for size in sizes:
        content = bytearray()
        while len(content) < size:
            content += next(blocks)
        whole.append(content)
    return whole
