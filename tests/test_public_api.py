"""The public names: where the documentation says they are, light to import, and well behaved."""

import importlib
import importlib.util
import inspect
import json
import pickle
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections import Counter
from importlib import metadata
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.naive_bayes import GaussianNB

import skretrain
from skretrain.drift import Periodic

ROOT = Path(__file__).resolve().parents[1]


def _documented_api():
    path = ROOT / "docs" / "api_reference.py"
    spec = importlib.util.spec_from_file_location("api_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: names for name, (_, _, names) in module.API.items()}


def _public_modules():
    walked = pkgutil.walk_packages(skretrain.__path__, prefix="skretrain.")
    names = ["skretrain", *(found.name for found in walked)]
    return [name for name in names if not any(part[0] == "_" for part in name.split("."))]


API = _documented_api()
LIBRARY = [name for name in _public_modules() if not name.startswith("skretrain.cli")]
NAMES = [(module, name) for module, names in API.items() for name in names]


def _packages_of(*distributions):
    """Return the import names of distributions and of all that they cannot do without."""
    found, waiting = set(), list(distributions)
    while waiting:
        name = waiting.pop()
        found.add(name)
        needed = [line for line in metadata.requires(name) or [] if "extra ==" not in line]
        waiting += [each for each in map(_distribution_name, needed) if each not in found]
    return [
        package
        for package, owners in metadata.packages_distributions().items()
        if found & {owner.lower() for owner in owners}
    ]


def _distribution_name(requirement):
    return re.match(r"[\w.-]+", requirement).group().lower()


CORE = ["skretrain", *_packages_of("joblib", "numpy", "river", "scipy", "scikit-learn")]

# A package outside the list is not found at all, as if it were not installed: `find_spec` gives
# None, which is what river asks, and `import` raises ModuleNotFoundError. Who looks for one of them
# is written down, since a module may go on without it.
IMPORT_EVERYTHING = textwrap.dedent(
    """
    import importlib, importlib.util, json, re, sys
    from importlib.machinery import PathFinder

    core, library, api = json.loads(sys.argv[1])
    wanted = set()

    def is_foreign(spec):
        places = [spec.origin, *(spec.submodule_search_locations or [])]
        inside = [place.partition("site-packages/")[2] for place in places if place]
        return any(place and re.split("[/.]", place)[0] not in core for place in inside)

    def importer():
        frame = sys._getframe(2)
        while frame.f_globals["__name__"].partition(".")[0] == "importlib":
            frame = frame.f_back
        return frame.f_globals["__name__"]

    class OnlyCore(PathFinder):
        @classmethod
        def find_spec(cls, fullname, path=None, target=None):
            package = fullname.partition(".")[0]
            if package not in core and package not in sys.stdlib_module_names:
                wanted.add((importer(), package))
            spec = PathFinder.find_spec(fullname, path, target)
            return None if spec is None or is_foreign(spec) else spec

    sys.meta_path[sys.meta_path.index(PathFinder)] = OnlyCore
    before = set(sys.modules)
    import joblib, numpy, scipy, sklearn
    alone = set(sys.modules)
    import skretrain
    added = sorted(set(sys.modules) - alone)
    for module in library:
        importlib.import_module(module)
    loaded = {name: sys.modules[name] for name in set(sys.modules) - before}
    print(json.dumps({
        "added": added,
        "wanted": sorted(
            f"{module} imports {package}" for module, package in wanted
            if module.partition(".")[0] == "skretrain"
        ),
        "foreign": sorted(
            name for name, module in loaded.items()
            if getattr(module, "__spec__", None) and is_foreign(module.__spec__)
        ),
        "missing": [
            f"{module}.{name}" for module, names in api.items() for name in names
            if not hasattr(importlib.import_module(module), name)
        ],
        "pandas": importlib.util.find_spec("pandas") is not None,
    }))
    """
)


@pytest.fixture(scope="module")
def core_environment():
    """What a fresh process finds that imports everything and has the core packages alone."""
    arguments = json.dumps([CORE, LIBRARY, API])
    command = [sys.executable, "-W", "error", "-c", IMPORT_EVERYTHING, arguments]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_every_name_imports_from_the_core_packages_alone(core_environment):
    assert not core_environment["pandas"], "the core environment is not one"
    assert core_environment["missing"] == []
    assert core_environment["foreign"] == []


def test_no_module_looks_for_a_package_outside_the_core_when_it_is_imported(core_environment):
    """Not even to go on without it: pandas, matplotlib or torch would be loaded where they are."""
    assert core_environment["wanted"] == []


def test_importing_skretrain_is_light(core_environment):
    """What it loads is counted, not timed; benchmarks/bench_import.py has the seconds."""
    packages = Counter(name.partition(".")[0] for name in core_environment["added"])
    third_party = packages.keys() - sys.stdlib_module_names
    # River comes with the first detector; `_loss` is what scikit-learn calls a module of its own.
    assert third_party <= {"_loss", "joblib", "numpy", "scipy", "sklearn", "skretrain"}
    assert packages.total() - packages["skretrain"] <= 250


def test_the_api_page_lists_exactly_what_the_modules_export():
    exported = {name: importlib.import_module(name) for name in LIBRARY}
    exported = {name: list(getattr(module, "__all__", [])) for name, module in exported.items()}
    exported = {name: sorted(set(names) - {"__version__"}) for name, names in exported.items()}
    assert {name: sorted(names) for name, names in API.items()} == {
        name: names for name, names in exported.items() if names
    }


@pytest.mark.parametrize("module", LIBRARY)
def test_all_is_sorted_and_true(module):
    module = importlib.import_module(module)
    names = list(getattr(module, "__all__", []))
    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_object_is_documented_and_pickles_by_reference(module, name):
    thing = getattr(importlib.import_module(module), name)
    assert thing.__name__ == name
    # `getdoc` also finds what a method inherits from the contract that it fulfils.
    assert inspect.getdoc(thing)
    methods = [
        member
        for member, value in vars(thing).items()
        if member[0] != "_" and (callable(value) or isinstance(value, (property, classmethod)))
    ]
    assert [method for method in methods if not inspect.getdoc(getattr(thing, method))] == []
    assert pickle.loads(pickle.dumps(thing)) is thing


def _estimator_classes():
    things = {name: getattr(importlib.import_module(module), name) for module, name in NAMES}
    return [
        thing
        for name, thing in things.items()
        if isinstance(thing, type)
        and issubclass(thing, BaseEstimator)
        and not name.startswith("Base")
    ]


def _with_least_arguments(cls):
    least = {"DriftAwareRetrainer": [GaussianNB()], "ReplayPartialFit": [GaussianNB()]}
    least["RetrainMatrix"] = [GaussianNB()]
    least["IncrementalPipeline"] = [[("bayes", GaussianNB())]]
    least["FineTune"] = ["layer0"]
    least["AtLeast"] = [[Periodic()]]
    least["SliceDrift"] = [{"shop": 0}]
    if cls.__name__ == "SegmentedRetrainer":
        return cls(skretrain.DriftAwareRetrainer(GaussianNB()), by="shop")
    least["MixtureRetrainer"] = [[("bayes", skretrain.DriftAwareRetrainer(GaussianNB()))]]
    return cls(*least.get(cls.__name__, []))


CLASSES = [
    (module, name)
    for module, name in NAMES
    if isinstance(getattr(importlib.import_module(module), name), type)
]


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_every_public_method_says_itself_what_it_does(module, name):
    """Also one that overrides another: it does so because it does something else."""
    cls = getattr(importlib.import_module(module), name)
    silent = [
        f"{base.__name__}.{method}"
        for base in cls.__mro__
        if base.__module__.partition(".")[0] == "skretrain"
        for method in vars(base)
        if method[0] != "_" and is_silent(getattr(base, method))
    ]
    assert silent == []


def is_silent(value):
    """Tell whether something is a method or a property, and has no docstring."""
    return (callable(value) or isinstance(value, property)) and not value.__doc__


@pytest.mark.parametrize("cls", _estimator_classes())
def test_all_parameters_but_the_first_are_keyword_only(cls):
    """So that one can be put in between. The two of AtLeast read like its name."""
    parameters = inspect.signature(cls).parameters.values()
    by_place = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(by_place) <= (2 if cls.__name__ == "AtLeast" else 1)


@pytest.mark.parametrize("cls", _estimator_classes())
def test_a_part_clones_pickles_and_prints_as_it_was_typed(cls):
    part = _with_least_arguments(cls)
    printed = repr(part)
    assert printed.startswith(f"{cls.__name__}(")
    assert "skretrain." not in printed
    assert repr(clone(part)) == printed
    assert repr(pickle.loads(pickle.dumps(part))) == printed


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_public_object_shows_an_example_that_runs(module, name):
    """The doctests of the package run them; here it is only told that there is one."""
    assert ">>> " in inspect.getdoc(getattr(importlib.import_module(module), name))
