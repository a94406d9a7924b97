"""Very many pictures and videos as one job that can be killed and resumed, on one machine or on a Ray cluster.

``run.py`` is the whole way on one page.
"""

from mien.batch.manifest import BatchStatus
from mien.batch.progress import BatchProgress
from mien.batch.run import run
from mien.batch.settings import BatchSettings
from mien.batch.tables import merge, status

__all__ = ["BatchProgress", "BatchSettings", "BatchStatus", "merge", "run", "status"]
