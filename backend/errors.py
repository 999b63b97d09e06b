"""Errors whose text is shown to the user as it stands: what happened, and what to do.

ClampboardError
├── BadSetup       a setup's name, file or field is wrong
├── BadClamps      a clamp list cannot be read, or names a feature the SAE does not have
├── BadMethod      when clamps act cannot be read, or is out of range
├── BadRival       what stands in the place of clamps cannot be read, or is not there
├── BadInput       any other argument, file or link a user gave is wrong
├── Unavailable    something needed is not there: weights, disk space, a package
└── Showcase       nothing is run or written here: see backend.showcase

Anything else that is raised is a fault of the program: see backend.crash.
"""


class ClampboardError(Exception):
    """Its text is a sentence for the user."""

    def _render_traceback_(self) -> list[str]:
        """All that IPython shows of it, which looks for this name."""
        return [f"{type(self).__name__}: {self}"]


class BadSetup(ClampboardError):
    pass


class BadClamps(ClampboardError):
    pass


class BadMethod(ClampboardError):
    pass


class BadRival(ClampboardError):
    pass


class BadInput(ClampboardError):
    pass


class Unavailable(ClampboardError):
    pass


class Showcase(ClampboardError):
    pass
