"""How threads that compute together wait for each other. To be imported before PyTorch, which reads it once.

On Linux such a thread spins for milliseconds before it sleeps. Where another program needs one of a few cores, it spins
away the time of the very thread that it waits for, and a detection takes ten times as long. It sleeps sooner here.
"""

import os

FEW_CORES, SPINS = 4, "3000"  # docs/decisions.md#engine
SAID_OTHERWISE = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()

if (os.cpu_count() or 1) <= FEW_CORES and not SAID_OTHERWISE:
    os.environ["GOMP_SPINCOUNT"] = SPINS
