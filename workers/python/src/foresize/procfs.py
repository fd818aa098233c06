"""What the kernel says of processes. Source: proc(5). Everything is None where there is no /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, List, Optional

clock_ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
page_bytes = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class ProcessStat:
    parent_pid: int
    cpu_seconds: float
    """Its own and that of the children it waited for."""
    start_ticks: int
    """Since boot: tells a process from a later one with the same pid."""
    is_zombie: bool


@dataclass(frozen=True)
class ProcessMemory:
    resident_bytes: int
    peak_bytes: int
    """Highest resident set since exec, or since it was reset."""


def read_stat(pid: int) -> Optional[ProcessStat]:
    text = _read(f"/proc/{pid}/stat")
    return None if text is None else parse_stat(text)


def parse_stat(text: str) -> Optional[ProcessStat]:
    """The command name may hold spaces and parentheses."""
    close = text.rfind(")")
    fields = text[close + 2 :].split()
    if close < 0 or len(fields) < 20:
        return None
    try:
        ticks = sum(int(field) for field in fields[11:15])
        return ProcessStat(int(fields[1]), ticks / clock_ticks, int(fields[19]), fields[0] in "ZX")
    except ValueError:
        return None


def read_memory(pid: "int | str" = "self") -> Optional[ProcessMemory]:
    """None for a zombie, which holds no memory."""
    text = _read(f"/proc/{pid}/status")
    return None if text is None else parse_status(text)


def parse_status(text: str) -> Optional[ProcessMemory]:
    resident = _kibibytes(text, "VmRSS:")
    if resident is None:
        return None
    return ProcessMemory(resident, max(resident, _kibibytes(text, "VmHWM:") or 0))


def read_pss(pid: int) -> Optional[int]:
    """Proportional set size: a shared page counts once in a sum."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    return None if text is None else _kibibytes(text, "Pss:")


def reset_peak() -> bool:
    """Sets this process's peak to what it holds now. False where the kernel does not let us."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return True
    except OSError:
        return False


def children_of_all() -> Dict[int, List[int]]:
    """Every process's children, by a pass over /proc."""
    children: Dict[int, List[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return children
    for name in names:
        if name.isdigit():
            stat = read_stat(int(name))
            if stat is not None:
                children.setdefault(stat.parent_pid, []).append(int(name))
    return children


def children_of(pid: int) -> Optional[List[int]]:
    """One process's children, without a pass over /proc; None where the kernel has no such file."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return [] if _has_children_files else None
    children: List[int] = []
    for thread in threads:
        text = _read(f"/proc/{pid}/task/{thread}/children")
        if text is not None:
            children.extend(int(word) for word in text.split())
        elif not _has_children_files:
            return None
    return children


def _kibibytes(text: str, key: str) -> Optional[int]:
    at = text.find(key)
    if at < 0:
        return None
    words = text[at + len(key) : at + len(key) + 40].split()
    return int(words[0]) * 1024 if words and words[0].isdigit() else None


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="latin-1") as file:
            return file.read()
    except OSError:
        return None


_has_children_files = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
