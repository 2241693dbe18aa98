"""The site: `sphinx-build -W docs site`, in an environment with cellsieve and its extra `docs`."""

import os
import sys
from pathlib import Path

import cellsieve

project = "cellsieve"
author = "the cellsieve authors"
release = cellsieve.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
smartquotes_action = "D"  # dashes only: quotes in docstrings are those of Python

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# Tutorials are executed whenever the site is built, and an error in one is an error of the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]  # shell_cell
)

# Docstrings say shapes, dtypes and units in words; the types of arrays would bury the names.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "cellsieve"
html_show_sourcelink = False
html_theme_options = {
    "github_url": "https://github.com/cellsieve/cellsieve",
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}
