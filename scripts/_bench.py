"""What every measurement needs: percentiles, the machine it was made on, the table and the JSON."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured number. `target`: at most this, where the house has set itself one."""

    name: str
    value: float
    unit: str
    target: float | None = None


@dataclass(frozen=True)
class Measured:
    """What a measurement returns that tells more than figures."""

    figures: list[Figure]
    form: dict[str, Any]
    """Its JSON, in place of a report's."""
    faults: tuple[str, ...] = ()
    """What must never be, whatever the machine is busy with."""


@dataclass
class Machine:
    """Where and under what conditions was measured. Shares are of all processors' time during the measurement."""

    at: str
    system: str
    processor: str
    cores: int
    python: str
    load_before: float
    load_after: float = 0.0
    stolen_percent: float | None = None
    """What the hypervisor gave to others meanwhile; None where the system does not tell."""
    busy_percent: float | None = None


@dataclass(frozen=True)
class Report:
    """A measurement."""

    what: str
    parameters: dict[str, Any]
    machine: Machine
    figures: list[Figure] = field(default_factory=list[Figure])

    def as_json(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return asdict(self)


@contextmanager
def observed() -> Generator[Machine]:
    """The machine as it is while the context is open; the rest is filled in at its end."""
    machine = Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        system=platform.platform(terse=True),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        load_before=round(os.getloadavg()[0], 2),
    )
    before = _ticks()
    yield machine
    machine.load_after = round(os.getloadavg()[0], 2)
    after = _ticks()
    if before is not None and after is not None and (passed := sum(after) - sum(before)) > 0:
        spent = [now - then for now, then in zip(after, before, strict=True)]
        machine.stolen_percent = round(100 * spent[7] / passed, 1)
        machine.busy_percent = round(100 * (passed - spent[3] - spent[4]) / passed, 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def spread(name: str, values: Sequence[float], unit: str, *, p99_target: float | None = None) -> list[Figure]:
    """Median and 99th percentile of many values."""
    return [
        Figure(f"{name}, p50", percentile(values, 0.5), unit),
        Figure(f"{name}, p99", percentile(values, 0.99), unit, p99_target),
    ]


def resident_kb() -> float:
    """Memory of this process that is in RAM now, in kB (1000 bytes)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1000
    import resource  # elsewhere only the peak is told

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1000 if sys.platform == "darwin" else peak * 1.024


def show(report: Report, *, to: TextIO) -> None:
    """The figures as a table, and the machine in a line."""
    table = Table(title=f"{report.what} {_parameters(report)}".strip(), title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("target", justify="right")
    for figure in report.figures:
        table.add_row(figure.name, _number(figure.value), figure.unit, _verdict(figure))
    console = Console(file=to)
    console.print(table)
    at = report.machine
    stolen = "" if at.stolen_percent is None else f", {at.stolen_percent} % stolen, {at.busy_percent} % busy"
    console.print(
        f"{at.processor}, {at.cores} cores, {at.system}, Python {at.python}; load {at.load_before} before,"
        f" {at.load_after} after{stolen}",
        soft_wrap=True,
    )


def _parameters(report: Report) -> str:
    return " ".join(f"{name}={value}" for name, value in report.parameters.items())


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdict(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"≤ {_number(figure.target)} {'met' if figure.value <= figure.target else 'MISSED'}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _ticks() -> list[int] | None:
    """user, nice, system, idle, iowait, irq, softirq, steal: ticks of all processors since the start (proc(5))."""
    stat = Path("/proc/stat")
    return [int(word) for word in stat.read_text().split("\n", 1)[0].split()[1:9]] if stat.exists() else None
