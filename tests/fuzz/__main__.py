# ruff: noqa: T201
"""Run ``python -m tests.fuzz READER SEED CASE`` to see what one case comes to, in this process and without limits."""

import sys

from tests.fuzz.cases import Case, run_case

print(run_case(Case(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
