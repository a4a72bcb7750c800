"""How Sphinx builds the site: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cnnvis import __version__

sys.path.insert(0, str(Path(__file__).parent))
import embedded

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "cnnvis"
author = "the cnnvis authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

# the README beside the gallery is a page like the others
source_suffix = {".md": "markdown"}
exclude_patterns = ["static"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# what stands in single backticks in a docstring is a name: linked where it is documented here
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 110
python_display_short_literal_types = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_include_init_with_doc = False

html_theme = "furo"
html_title = "cnnvis"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_show_sphinx = False
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
# it is fetched from pages, which a browser refuses to pages that are files
html_show_search_summary = False
# no address is known under which the site lies, and nothing is asked of another one
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

copybutton_exclude = ".linenos, .gp, .go"


def setup(app: Sphinx) -> None:
    """Adds what our own pages are written with."""
    embedded.setup(app)
