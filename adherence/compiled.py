"""Kernels over whole columns, compiled to machine code by Numba when they are first called.

For steps that go through rows one after the other: a window that slides, a minute that fills, a
chain that grows. As columns of NumPy each needs a dozen passes and as many columns in between; as a
loop it needs one (measured: docs/reference/figures.md). A kernel is plain Python that reads columns
and writes columns; with NUMBA_DISABLE_JIT=1 it runs as such, for a debugger or a coverage tool.

Machine code is kept beside the source or in the user's cache folder. Where neither can be written
to, each process compiles anew, which takes some seconds and changes no figure.
"""

import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from numba import njit
from numba.core.caching import FunctionCache

Params = ParamSpec("Params")
Result = TypeVar("Result")


class _Kept(FunctionCache):  # type: ignore[misc] # Numba carries no types
    """Machine code on disk: what cannot be read or written there is compiled, and no fault."""

    def load_overload(self, signature: Any, target: Any) -> Any:  # noqa: ANN401 - Numba's own
        try:
            return super().load_overload(signature, target)
        except (OSError, EOFError, pickle.UnpicklingError):  # cut off by a power failure, say
            with suppress(OSError):
                self.flush()  # to be written anew
            return None

    def save_overload(self, signature: Any, code: Any) -> None:  # noqa: ANN401 - Numba's own
        try:
            super().save_overload(signature, code)
        except OSError:
            self.disable()


def compiled(kernel: Callable[Params, Result]) -> Callable[Params, Result]:
    """Compile a kernel when it is called; other threads go on while it runs.

    Arithmetic is the machine's: whole numbers have 64 bits, a division by zero is infinite or not
    a number. What a kernel calls must stand in its own module, or a change there goes unnoticed by
    what is kept on disk.
    """
    found: Any = njit(nogil=True, error_model="numpy")(kernel)
    if hasattr(found, "enable_caching"):  # not under NUMBA_DISABLE_JIT
        with suppress(RuntimeError):  # no folder can be written to
            found._cache = _Kept(kernel)  # noqa: SLF001 - what its enable_caching does
    fast: Callable[Params, Result] = found
    return fast
