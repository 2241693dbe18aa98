"""Sieves faulty cells out of microscopy data and impossible classes out of plate predictions."""

from typing import TYPE_CHECKING

from cellsieve._core import __version__ as __version__

if TYPE_CHECKING:
    from cellsieve._public import *  # noqa: F403
else:

    def __getattr__(name):
        """All of `_public`, and the modules, at the first use: so the command starts at once.

        What takes its time is pandas. Were it loaded with the package, an interrupt meanwhile would
        come before any code of the command line, which could not say it in one line.
        """
        if name == "__all__" or not name.startswith("_"):
            from cellsieve import _public

            public = {key: value for key, value in vars(_public).items() if key[0] != "_"}
            globals().update(public, __all__=sorted(public))
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module 'cellsieve' has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})
