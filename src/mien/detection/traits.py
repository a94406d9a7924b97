"""Measured properties of a detector, by which ``multiscale.py`` and ``refinement.py`` search: sizes and scores."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SearchTraits:
    """Thresholds that were measured for one detector.

    Shares are the width of a face's box as a share of the long side of the picture that the detector was given.

    Attributes:
        min_score: A face of a lower score is none.
        doubtful_score: A lower score is noise; between it and ``min_score`` it is a reason for a closer pass.
        visible_share: Faces from this share on are found reliably.
        coarse_share: Boxes below this share are inexact, so these faces get a second pass.
        tight_share: Faces above this share fill the picture; a margin around it shows them better.
        sure_score: A face of this score needs no second pass for its own sake.
        confirmed_score: What a doubtful face must reach in its second pass.
        confirmed_tile_score: The same for a face from a tile: many tiles give many chances of error.
        rolled_deg: From this roll on the box no longer lies on the face as it does on an upright one.
        cutout_px: Side of the picture that a second pass covers, in pixels.
        cutout_share: Share of a cutout's side that its face fills.
    """

    min_score: float
    doubtful_score: float
    visible_share: float
    coarse_share: float
    tight_share: float
    sure_score: float
    confirmed_score: float
    confirmed_tile_score: float
    rolled_deg: float
    cutout_px: int
    cutout_share: float
