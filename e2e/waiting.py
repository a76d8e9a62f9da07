"""Waiting for a thing itself, with a deadline: the only place in the suite where time passes."""

import threading
import time

_pause = threading.Event()


def until(what, probe, seconds=30.0, every=0.02):
    """Calls `probe` until it returns something true, and returns that; fails by name of `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}; seen last: {seen!r}")
        _pause.wait(every)
