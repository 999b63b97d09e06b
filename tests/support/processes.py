"""Two real processes that write at once."""

import multiprocessing
from collections.abc import Callable, Iterable


def in_two_processes(
    first: Callable[[int], object], second: Callable[[int], object], numbers: Iterable[int]
) -> None:
    """Each calls its own with one number after the other; both start together, and end well."""
    context = multiprocessing.get_context("fork")  # what is called need not be picklable
    start = context.Barrier(2)

    def work(call: Callable[[int], object]) -> None:
        start.wait(30)
        for number in numbers:
            call(number)

    both = [context.Process(target=work, args=(call,)) for call in (first, second)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
