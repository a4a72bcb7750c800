"""What JupyterLab and Notebook 7 show of a widget that they have no state of.

They render a trusted output as a widget, or as an error where there is none, and never as the picture
beside it. So the picture is an output of its own, which nobody sees but where the next output is such an
error, which it then hides.
"""

from __future__ import annotations

import os

# all other outputs say what they are
_VIEW = ".jp-OutputArea-output.lm-Panel:not([data-mime-type])"
_OWN = ".jp-OutputArea-child:has(.cnnvis-still)"
# first that it is there before a widget, then that it is not where that shows something
_STYLE = f"""
{_OWN}:has(+ .jp-OutputArea-child > {_VIEW}) .cnnvis-still {{ display: block !important }}
{_OWN}:has(+ .jp-OutputArea-child > {_VIEW} .cnnvis) {{ display: none }}
{_OWN} + .jp-OutputArea-child > {_VIEW}:not(:has(.cnnvis)) {{ display: none }}
"""


def is_wanted() -> bool:
    """Whether this kernel runs a notebook of such a page; Jupyter's server tells kernels so.

    VS Code and Colab use the same server with pages of their own, which need no such thing.
    """
    session = os.environ.get("JPY_SESSION_NAME", "")
    others = "-jvsc-" in session or "COLAB_RELEASE_TAG" in os.environ
    return session.endswith(".ipynb") and not others


_MOST = 8
"""Pictures in one run of a cell: JupyterLab shows its first 50 outputs, and these are for the widgets."""

_published: tuple[object, int] = (None, 0)  # the run of a cell, and how many pictures it has


def publish(picture: str) -> None:
    """Puts the picture, a PNG in base64, before the output that comes next.

    Only the first widgets of one run of a cell get theirs, `_MOST` of them.
    """
    global _published
    from IPython import get_ipython
    from IPython.display import display

    shell = get_ipython()
    run = None if shell is None else (id(shell), shell.execution_count)
    count = _published[1] if run == _published[0] else 0
    if count >= _MOST:
        return
    _published = (run, count + 1)
    words = "Saved without the widget's state; run the cell to explore it."
    html = (
        f"<style>{_STYLE}</style>"
        '<div class="cnnvis-still" style="display: none">'
        f'<img src="data:image/png;base64,{picture}" alt="The view as it was"><p>{words}</p></div>'
    )
    display({"text/html": html, "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]
