"""A process with its children, and what they used."""

from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.errors import BenchError

_PEAK = "VmHWM:"
_KIB = 1024


@dataclass(slots=True)
class Family:
    """A process and all below it. A settled one (a server) is looked up once, others each time."""

    name: str
    pid: int
    is_settled: bool = False
    _members: list[psutil.Process] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, that the living members used since they began.

        Raises BenchError if the process is no more.
        """
        try:
            times = [process.cpu_times() for process in self._processes()]
        except psutil.NoSuchProcess as error:
            raise BenchError(f"{self.name} ended while it was measured") from error
        return sum(found.user + found.system for found in times)

    def peak_bytes(self) -> int:
        """Return the largest resident size of any member so far; where unknown, the present one."""
        try:
            return max(_peak(process) for process in self._processes())
        except psutil.NoSuchProcess as error:
            raise BenchError(f"{self.name} ended while it was measured") from error

    def _processes(self) -> list[psutil.Process]:
        if self.is_settled and self._members:
            return self._members
        head = psutil.Process(self.pid)
        self._members = [head, *head.children(recursive=True)]
        return self._members


def busy_seconds() -> float:
    """Return the seconds that all cores of the machine have worked, for anybody, or were stolen."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # in user already
    return float(sum(times) - idle - guests)


def _peak(process: psutil.Process) -> int:
    status = Path("/proc", str(process.pid), "status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith(_PEAK):
                return int(line.split()[1]) * _KIB
    return int(process.memory_info().rss)
