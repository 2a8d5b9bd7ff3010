"""How much work a call is, without a clock's figure: lines executed, or how CPU time grows with the input.

``lines``   the same on every machine and in every run; blind to what C code does within a line
``growth``  sees that as well: a ratio of two measurements of one run, for what is either linear or quadratic
"""

import gc
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeAlias

_Tracer: TypeAlias = "Callable[[FrameType, str, object], _Tracer]"
_REPEATS = 5


def lines(call: Callable[[], object]) -> int:
    """Lines of Python that ``call`` executes, without those that a garbage collection within it would run."""
    count = 0

    def tracer(_frame: FrameType, event: str, _argument: object) -> _Tracer:
        nonlocal count
        count += event == "line"
        return tracer

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(tracer)
    try:
        call()
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return count


def growth(small: Callable[[], object], large: Callable[[], object]) -> float:
    """CPU time of ``large`` over that of ``small``, each at its best of some runs that take turns."""
    times = [(_cpu(small), _cpu(large)) for _ in range(_REPEATS)]
    return min(took for _, took in times) / min(took for took, _ in times)


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return max(time.process_time() - began, 1e-6)
