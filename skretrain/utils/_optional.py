"""Imports of soft dependencies, with an error that says who needs them and what to install."""

from importlib import import_module


def import_optional(module, *, caller, extra):
    """Import a soft dependency, or say which extra brings it.

    Parameters
    ----------
    module : str
        Dotted name of the module, for instance ``"matplotlib.pyplot"``.

    caller : str
        Name of the public object that needs the module; the error opens with it.

    extra : str
        Name of the extra of skretrain that installs the module.

    Returns
    -------
    module : module
        The imported module.

    Raises
    ------
    ImportError
        If the module cannot be imported, whether it is absent or broken; the original error is
        quoted and chained.

    Examples
    --------
    >>> from skretrain.utils._optional import import_optional
    >>> import_optional("math", caller="circle_area", extra="plot").floor(3.7)
    3
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{caller} needs {package}, which could not be imported ({error}). "
            f'Install it with: pip install "skretrain[{extra}]"'
        ) from error
