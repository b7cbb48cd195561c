"""`python -m il2model`, and the command `il2model`."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line as a process of its own; return the exit code."""
    gc.disable()  # nothing is freed while modules load: 25 ms of a start; on again before a verb runs
    from .cli.stopping import interruption, listen, stopped
    from .memory import is_short

    listen()
    try:
        from .cli.main import main as run
    except KeyboardInterrupt as stop:
        return stopped(stop)
    except (ImportError, MemoryError, OSError, SystemError) as error:
        if stop_behind := interruption(error):
            return stopped(stop_behind)
        if not is_short(error):
            raise
        sys.stderr.write("il2model: There is not enough memory to start.\n")
        return 1
    return run()


if __name__ == "__main__":
    raise SystemExit(main())
