"""`python -m tests.sweep`; see `sweep.py`."""

from tests.sweep.sweep import main

# its own file: the processes of the families import what starts them again, but never a __main__
raise SystemExit(main())
