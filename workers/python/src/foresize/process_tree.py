"""Usage of a process and everything under it, read from /proc."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from foresize import procfs
from foresize.relay import relay_pids


@dataclass(frozen=True)
class TreeUsage:
    cpu_seconds: float
    """So far, ended and waited-for members included. Never falls."""
    memory_bytes: float
    """Now; pages that members share count once where the kernel tells."""
    peak_memory_bytes: float
    """Lower bound of the tree's peak so far: at least the highest peak of any member."""


class ProcessTree:
    def __init__(self, root_pid: int, leave_out_present: bool = False) -> None:
        """`leave_out_present`: the children that the root has already, and what is under them, are not counted; none is
        where the kernel cannot tell them without a pass over /proc."""
        self._root_pid = root_pid
        present = procfs.children_of(root_pid) if leave_out_present else []
        self._left_out = set(present or ())
        self._is_alone = present is None
        self._is_root_seen = False
        self._members: Dict[int, int] = {}
        """Process id → start ticks."""
        self._cpu_seconds = 0.0
        self.peak_bytes = 0.0
        """Of the latest reading."""

    def read(self) -> Optional[TreeUsage]:
        """None once no member is left."""
        self._discover()
        cpu_seconds = 0.0
        held: Dict[int, procfs.ProcessMemory] = {}
        for pid, start_ticks in list(self._members.items()):
            stat = procfs.read_stat(pid)
            if stat is None or stat.start_ticks != start_ticks:
                del self._members[pid]
                continue
            cpu_seconds += stat.cpu_seconds
            memory = None if stat.is_zombie else procfs.read_memory(pid)
            if memory is not None:
                held[pid] = memory
        if not self._members:
            return None
        self._cpu_seconds = max(self._cpu_seconds, cpu_seconds)
        memory_bytes = float(sum(self._share(pid, memory, len(held)) for pid, memory in held.items()))
        highest = max((memory.peak_bytes for memory in held.values()), default=0)
        self.peak_bytes = max(self.peak_bytes, memory_bytes, highest)
        return TreeUsage(self._cpu_seconds, memory_bytes, self.peak_bytes)

    @staticmethod
    def _share(pid: int, memory: procfs.ProcessMemory, members: int) -> int:
        if members == 1:
            return memory.resident_bytes
        pss = procfs.read_pss(pid)
        return memory.resident_bytes if pss is None else pss

    def _discover(self) -> None:
        """Adds new members. One whose parent has ended stays, where it was seen before that."""
        everyone: Optional[Dict[int, List[int]]] = None
        waiting = [self._root_pid, *self._members]
        seen = set()
        while waiting:
            pid = waiting.pop()
            if pid in seen:
                continue
            seen.add(pid)
            if pid not in self._members:
                is_gone_root = pid == self._root_pid and self._is_root_seen
                stat = None if is_gone_root else procfs.read_stat(pid)
                if stat is None:
                    continue
                self._is_root_seen = True
                self._members[pid] = stat.start_ticks
            if self._is_alone:
                continue
            children = procfs.children_of(pid)
            if children is None:
                everyone = procfs.children_of_all() if everyone is None else everyone
                children = everyone.get(pid, [])
            waiting.extend(child for child in children if child not in self._left_out and child not in relay_pids)
