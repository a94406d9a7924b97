"""Assignment at the least total cost: the Hungarian algorithm (Kuhn 1955, in the form of Jonker and Volgenant 1987)."""

import numpy as np
import numpy.typing as npt

#: Cost of a pair that is ruled out; pairs at this cost or above are left out of the result.
FORBIDDEN = 1e6


def assign(costs: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (row, column) with the least sum of costs, without forbidden ones; each row and column at most once.

    Args:
        costs: (rows, columns); ``FORBIDDEN`` rules a pair out.

    Examples:
        >>> assign(np.array([[1.0, 2.0], [1.5, 9.0]]))
        [(0, 1), (1, 0)]
    """
    rows, columns = costs.shape
    if not rows or not columns:
        return []
    if rows > columns:  # the search below gives every row a column
        return sorted((row, column) for column, row in assign(costs.T))
    owners = _owners(np.minimum(costs, FORBIDDEN))  # (columns,)
    pairs = [(int(row), column) for column, row in enumerate(owners) if row >= 0]
    return sorted(pair for pair in pairs if costs[pair] < FORBIDDEN)


def _owners(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """For each column the row that gets it, -1 for none; rows ≤ columns."""
    rows, columns = costs.shape
    of_row, of_column = np.zeros(rows), np.zeros(columns + 1)  # the dual prices
    owner = np.full(columns + 1, -1)  # the extra last column is where a search starts
    for row in range(rows):
        owner[columns], current = row, columns
        shortest, visited = np.full(columns, np.inf), np.zeros(columns + 1, bool)
        came_from = np.full(columns, columns)
        # Dijkstra over reduced costs: from this row to the nearest column that has no owner.
        while owner[current] >= 0:
            visited[current] = True
            free = ~visited[:columns]
            reduced = costs[owner[current]] - of_row[owner[current]] - of_column[:columns]
            better = free & (reduced < shortest)
            shortest[better], came_from[better] = reduced[better], current
            following = int(np.argmin(np.where(free, shortest, np.inf)))
            step = shortest[following]
            # New prices keep the reduced costs of visited pairs at zero and all others at zero or more.
            of_row[owner[visited]] += step
            of_column[visited] -= step
            shortest[free] -= step
            current = following
        while current != columns:  # hand each column on the path to the row before it
            owner[current] = owner[came_from[current]]
            current = int(came_from[current])
    return owner[:columns]
