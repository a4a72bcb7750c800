"""How much memory is left, so that a look ends with an error and not with the kernel."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available() -> int | None:
    """Bytes that can still be had without swapping; None where the system does not tell.

    On Linux the least of what the machine and the control group (a container's limit) have left.
    Elsewhere the system does not end processes for want of memory as readily, and nothing is read.
    """
    left = [room for room in (_machine(), _group()) if room is not None]
    return min(left, default=None)


def _machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(found.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _group() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        # file pages that are not in use are given back before anything is ended
        return int(limit) - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None
