"""Numbers in sentences."""


def counted(n, noun):
    """Return a number and its noun, in the plural where there is not one.

    Examples
    --------
    >>> from skretrain.utils._words import counted
    >>> counted(1, "column"), counted(1200, "column")
    ('1 column', '1,200 columns')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
