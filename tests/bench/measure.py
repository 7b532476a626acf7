# SPDX-License-Identifier: MIT
"""Run a program and say what it cost."""
import dataclasses
import os
import statistics
import subprocess
import threading
import time


@dataclasses.dataclass
class Cost:
    wall_s: float
    cpu_s: float  # user and system, of all its threads
    peak_kib: int
    out: str
    written_bytes: int = 0  # into files, also those that were taken back before they met the disk


def peak_kib(pid, over):
    """The most memory a process ever had, sampled until `over` is set. The kernel's own figure at
    exit is of no use: it counts what its parent had before exec."""
    peak = 0
    while True:
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]))
        except (FileNotFoundError, ProcessLookupError):
            return peak
        if over.wait(0.005):
            return peak


def cost(argv, expect=0, **how):
    """Run a program to its end; fail loudly if it does not end with `expect`."""
    started = time.monotonic()
    process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, **how)
    over, peak = threading.Event(), []
    sampler = threading.Thread(target=lambda: peak.append(peak_kib(process.pid, over)))
    sampler.start()
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started
    over.set()
    sampler.join()
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expect:
        raise RuntimeError(f"{' '.join(map(str, argv))} ended with {process.returncode}:\n{out}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak[0], out, usage.ru_oublock * 512)


def median(costs, name):
    return statistics.median(getattr(cost, name) for cost in costs)
