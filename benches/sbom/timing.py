"""Whole processes, in turn: their wall time, CPU time, and memory with all children."""

import os
import re
import resource
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from place import environment, say

# A tool that needs longer has failed.
LIMIT = 900
# Short enough to see the peak of all but the shortest runs.
PAUSE = 0.005


def measure(jobs, runs):
    """Interleaved, so that a drift of the machine meets everybody; one run before does not count."""
    figures = {id(job): [] for job in jobs}
    for run in range(runs + 1):
        for job in jobs:
            figure = once(job)
            if run:
                figures[id(job)].append(figure)
        say(f"round {run} of {runs}" if run else "warmed up")
    return [
        {
            "wall": statistics.median(each["wall"] for each in figures[id(job)]),
            "wall_all": [each["wall"] for each in figures[id(job)]],
            "cpu": statistics.median(each["cpu"] for each in figures[id(job)]),
            "memory": max(each["memory"] for each in figures[id(job)]),
        }
        for job in jobs
    ]


def once(job):
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            job.command, cwd=job.cwd, env=environment(job.tree), stdout=subprocess.DEVNULL, stderr=errors,
            start_new_session=True,
        )
        sampler = Sampler(process.pid)
        sampler.start()
        alarm = threading.Timer(LIMIT, stop, [process.pid])
        alarm.start()
        _, status, usage = os.wait4(process.pid, 0)
        alarm.cancel()
        wall = time.perf_counter() - start
        sampler.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()[-600:]
            raise RuntimeError(f"{' '.join(job.command)}: exit {process.returncode}\n{said}")
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": max(largest(usage), sampler.peak),
    }


def largest(usage):
    """The peak of the largest process: exact, but never below this one, which it was forked from."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage.ru_maxrss * 1024 if usage.ru_maxrss > own * 1.1 else 0


def stop(pid):
    """Ends a tool with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class Sampler(threading.Thread):
    """Adds up the resident memory of a process and all that it started."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(PAUSE):
            together = sum(map(resident, family(self.pid)))
            self.peak = max(self.peak, together, highest(self.pid))

    def stop(self):
        self.over.set()
        self.join()


def family(pid):
    """A process and those under it (proc(5), `children`)."""
    found, todo = [], [pid]
    while todo:
        each = todo.pop()
        found.append(each)
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:
            pass
    return found


def highest(pid):
    """The peak of one process so far (proc(5), `VmHWM`)."""
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


def resident(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
