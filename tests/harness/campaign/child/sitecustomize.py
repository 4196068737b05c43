"""Imported by every Python that has this folder on its path: stacks on SIGUSR1, then death.

The shim's handler kills; ``chain`` has faulthandler call it once the stacks are written.
"""

import faulthandler
import os
import signal

_path = os.environ.get("CHAOS_STACKS")
if _path:
    _file = open(_path, "ab", buffering=0)  # noqa: SIM115 - as long as the process lives
    faulthandler.register(signal.SIGUSR1, file=_file, all_threads=True, chain=True)
