"""What a batch job costs: python benchmarks/batch_cost.py --prices prices.toml --rate 50 --mb 0.2 [--cores 64].

The rate is pictures for each second of one core, as benchmarks/batch_scale.py prints it for pictures like yours; --mb
is their mean size, and --bandwidth what the store gives all nodes together, in gigabytes a second. The file of prices
holds what you pay, in any currency:

    core_hour = 0.04         # one core for an hour
    gb_read = 0.0            # reading a gigabyte from where the pictures lie
    thousand_reads = 0.0004  # a thousand requests to it
    gb_month = 0.02          # keeping a gigabyte of results for a month

It measures nothing.
"""

import argparse
import tomllib
from dataclasses import dataclass
from pathlib import Path

#: Bytes of a row in a part file: 13,690 rows of portraits took 1.5 MB.
ROW_BYTES = 110
COUNTS = (1_000_000, 100_000_000, 1_000_000_000)


@dataclass(frozen=True, slots=True)
class Prices:
    """What the user pays for each unit."""

    core_hour: float = 0.0
    gb_read: float = 0.0
    thousand_reads: float = 0.0
    gb_month: float = 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job takes.

    Attributes:
        core_hours: Of all cores.
        hours: By the clock, on so many cores, and no faster than the store gives the bytes.
        read_gb: Read from the store.
        result_gb: Written.
        money: In the currency of the prices, results kept for a month.
        is_held_by_reading: Whether the store, not the cores, sets the pace.
    """

    core_hours: float
    hours: float
    read_gb: float
    result_gb: float
    money: float
    is_held_by_reading: bool


def cost(pictures: int, rate: float, mb: float, prices: Prices, *, cores: int, bandwidth_gb_s: float) -> Cost:
    """The cost of ``pictures`` at ``rate`` for each second of a core and ``mb`` megabytes each."""
    core_hours, read_gb, result_gb = pictures / rate / 3600, pictures * mb / 1000, pictures * ROW_BYTES / 1e9
    by_cores, by_store = core_hours / cores, read_gb / bandwidth_gb_s / 3600
    money = core_hours * prices.core_hour + read_gb * prices.gb_read
    money += pictures / 1000 * prices.thousand_reads + result_gb * prices.gb_month
    return Cost(core_hours, max(by_cores, by_store), read_gb, result_gb, money, by_store > by_cores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prices", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True, help="pictures for each second of a core")
    parser.add_argument("--mb", type=float, required=True, help="mean size of a picture")
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument("--bandwidth", type=float, default=1.0, help="of the store, in gigabytes a second")
    options = parser.parse_args()
    prices = Prices(**tomllib.loads(options.prices.read_text(encoding="utf-8")))
    print(f"{options.rate * 3600:,.0f} pictures for each hour of a core; on {options.cores} cores:")
    for count in COUNTS:
        found = cost(count, options.rate, options.mb, prices, cores=options.cores, bandwidth_gb_s=options.bandwidth)
        print(
            f"{count:>13,}: {found.core_hours:,.1f} core-hours, {found.hours:,.1f} h, {found.read_gb:,.0f} GB read, "
            f"{found.result_gb:,.2f} GB written, {found.money:,.2f} of your currency; "
            f"held by {'reading' if found.is_held_by_reading else 'the cores'}"
        )
    enough = options.bandwidth * 1000 / (options.rate * options.mb)
    print(f"the store is full at {enough:,.0f} cores")


if __name__ == "__main__":
    main()
