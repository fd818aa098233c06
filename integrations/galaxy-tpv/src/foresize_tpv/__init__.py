"""Sizes Galaxy's jobs in TPV's rules by what their tool used before, and reports what they use.

    tools:
      default:
        mem: |
          from foresize_tpv import mem_gb
          mem_gb(app, job, tool, input_size, 8)
"""

from __future__ import annotations

from foresize_tpv.sizing import mem_gb

__all__ = ["mem_gb"]
