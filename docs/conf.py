"""Settings of Sphinx, for `make docs`."""

import os
import sys
from pathlib import Path

# On a busy machine, the threads of small fits wait for each other: the gallery takes minutes
# instead of seconds. Native libraries read this when they are loaded.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import skretrain  # noqa: E402  (after the threads are set)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import api_reference  # noqa: E402  (it stands beside this file, which is not on the path before)
import diagrams  # noqa: E402

# The API page has one source, the table in api_reference.py.
(HERE / "api.rst").write_text(api_reference.as_rst())
diagrams.write(HERE / "generated" / "diagrams")
# What events can be, from the table that the log reads; no .rst, as it is no page of its own.
(HERE / "generated" / "actions.txt").write_text(api_reference.actions_as_rst())

project = "skretrain"
author = "skretrain developers"
copyright = "2026, skretrain developers"
version = release = skretrain.__version__

# Methods stand in the sidebar by their own names, which fit there.
toc_object_entries_show_parents = "hide"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "myst_parser",  # the benchmarks write their tables in markdown
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
# Of the gallery, the pages that sphinx-gallery makes are read, not the sources; the table is
# included by another page.
exclude_patterns = ["_build", "gallery", "user_guide/estimator_matrix.rst"]

# A name that links to nothing is an error, but for names of other projects, whose inventories a
# build without a network does not have, and for private names in annotations.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|pandas|polars|scipy|sklearn|river|matplotlib)\..*"),
    (r"py:class", r"skretrain\.(.*\.)?_.*"),
]

html_theme = "pydata_sphinx_theme"
html_title = "skretrain"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_sidebars = {"glossary": []}  # a page without a section has nothing to navigate
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_nav_level": 2}

autosummary_generate = True
# A class page shows what skretrain adds; what comes with these bases is documented by them.
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseEstimator, Pipeline, UserWarning, tuple",
    "exclude-members": "get_metadata_routing, set_fit_request, set_partial_fit_request, "
    "set_predict_request, set_score_request",
}

# numpydoc's own tables of methods would ask for one page each.
numpydoc_show_class_members = False
# Parameters that are undocumented, unknown or out of order.
numpydoc_validation_checks = {"PR01", "PR02", "PR03"}
numpydoc_validation_exclude = {
    # The class docstring holds the parameters.
    r"\.__init__$",
    # The fields of these records are documented as attributes, not a second time as parameters.
    r"\.(Calibration|Candidate|OldVersusNew|PerformanceEstimate|PolicyComparison|PolicyRun)$",
    r"\.(PrequentialResult|Recommendation|ReplayResult|ReplayState|RetrainContext)$",
    r"\.(RollingChoice|Rows|Served|StreamResult)$",
    r"\.(SliceScore|Trial|Verdict|WorstSlice)$",
}

# Prompts and outputs are left out of what the copy button copies.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "gallery_order.ReadersWay",
    "backreferences_dir": None,
    "download_all_examples": False,
    "capture_repr": ("_repr_html_",),
    "matplotlib_animations": False,
    "abort_on_example_error": True,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
}
