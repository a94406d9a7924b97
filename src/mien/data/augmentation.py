"""Random changes to whole batches of faces, as tensors, from one generator; none changes the expression."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from mien.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far faces are changed; the default is no change.

    Attributes:
        rotation_deg: Largest turn to either side.
        shift: Largest shift in fractions of the side.
        zoom: Largest change of scale: factors in [1 - zoom, 1 + zoom].
        warp: Largest shift of the points of a 4 by 4 lattice, in fractions of the side; the face between them is
            stretched smoothly, which changes its proportions (Simard et al. 2003).
        flip: Probability of a mirror image.
        gamma: Largest change of the exponent of gray values: exponents in [exp(-gamma), exp(gamma)], evenly in the log.
        shade: Largest change of gray values from the middle to a border, in [0, 1], as by light from one side.
        contrast: Largest change of contrast: factors in [1 - contrast, 1 + contrast] about the mean.
        brightness: Largest shift of gray values, in [0, 1].
        erase: Probability that a rectangle is replaced by one gray (Zhong et al. 2020).
        erase_side: Largest side of the rectangle, in fractions of the side.
        blur: Probability that the face is seen at half its resolution.
        noise: Largest standard deviation of gray noise, in [0, 1].
    """

    rotation_deg: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    warp: float = 0.0
    flip: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    shade: float = 0.0
    erase: float = 0.0
    erase_side: float = 0.45
    blur: float = 0.0
    noise: float = 0.0
    gamma: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            largest = 180 if item.name == "rotation_deg" else 1
            if not 0 <= value <= largest:
                raise ConfigError(f"augmentation: {item.name} is {value}, expected 0 to {largest}")
        if self.zoom == 1:
            raise ConfigError("augmentation: zoom is 1, expected less: a factor of 0 leaves nothing to see")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Change float32 (N, 1, H, W) in [0, 1]; the result has the same shape and range."""
        images = self.move(images, generator)
        images = self.change_light(images, generator)
        return self.erase_part(images, generator)

    def move(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The geometric changes, which come first: rotation, shift, zoom, warp and mirror."""
        if self.rotation_deg or self.shift or self.zoom or self.warp or self.flip:
            return self._move(images, generator)
        return images

    def change_light(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The changes that leave each part of the face in place: gamma, blur, exposure, shade and noise."""
        if self.gamma:
            images = self._bend(images, generator)
        if self.blur:
            images = self._blur(images, generator)
        if self.contrast or self.brightness:
            images = self._expose(images, generator)
        if self.shade:
            images = self._shade(images, generator)
        if self.noise:
            images = self._add_noise(images, generator)
        return images

    def erase_part(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The rectangle that hides a part of the face, which comes last."""
        return self._erase(images, generator) if self.erase else images

    def _move(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """One resampling for all moves; the border repeats, as in the capstone's recipe."""
        count = len(images)
        angle = torch.deg2rad(self.rotation_deg * _signed(count, generator))
        scale = 1 + self.zoom * _signed(count, generator)
        mirror = torch.where(torch.rand(count, generator=generator) < self.flip, -1.0, 1.0)
        # a shift by one side is 2 in the grid's coordinates, which run from -1 to 1
        dx, dy = 2 * self.shift * _signed(count, generator), 2 * self.shift * _signed(count, generator)
        cos, sin = angle.cos() * scale, angle.sin() * scale
        # one affine map per face, from positions in the result to positions in the picture, (N, 2, 3)
        theta = torch.stack([cos * mirror, -sin, dx, sin * mirror, cos, dy], dim=1).view(count, 2, 3).to(images.device)
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        if self.warp:
            lattice = 2 * self.warp * _signed(count * 32, generator).view(count, 2, 4, 4).to(images.device)
            # cubic between the lattice's points, so that no crease runs through a face
            field = functional.interpolate(lattice, size=images.shape[2:], mode="bicubic", align_corners=True)
            grid = grid + field.permute(0, 2, 3, 1)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _bend(self, images: Tensor, generator: torch.Generator) -> Tensor:
        exponent = (self.gamma * _signed(len(images), generator)).exp().view(-1, 1, 1, 1).to(images.device)
        return images.clamp(1e-4, 1).pow(exponent)  # an exponent below 1 has an infinite slope at 0

    def _expose(self, images: Tensor, generator: torch.Generator) -> Tensor:
        factor = 1 + self.contrast * _signed(len(images), generator).view(-1, 1, 1, 1).to(images.device)
        shift = self.brightness * _signed(len(images), generator).view(-1, 1, 1, 1).to(images.device)
        mean = images.mean(dim=(2, 3), keepdim=True)  # (N, 1, 1, 1): contrast changes about each face's own mean
        return ((images - mean) * factor + mean + shift).clamp_(0, 1)

    def _blur(self, images: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.rand(len(images), generator=generator) < self.blur
        small = functional.avg_pool2d(images, 2)
        soft = functional.interpolate(small, size=images.shape[2:], mode="bilinear", align_corners=False)
        return torch.where(chosen.view(-1, 1, 1, 1).to(images.device), soft, images)

    def _shade(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = images.shape
        strength, angle = self.shade * torch.rand(count, generator=generator), torch.pi * _signed(count, generator)
        down = torch.linspace(-1, 1, height).view(1, 1, height, 1) * (strength * angle.sin()).view(-1, 1, 1, 1)
        across = torch.linspace(-1, 1, width).view(1, 1, 1, width) * (strength * angle.cos()).view(-1, 1, 1, 1)
        return (images + (down + across).to(images.device)).clamp_(0, 1)

    def _add_noise(self, images: Tensor, generator: torch.Generator) -> Tensor:
        strength = self.noise * torch.rand(len(images), 1, 1, 1, generator=generator)
        noise = strength * torch.randn(images.shape, generator=generator)
        return (images + noise.to(images.device)).clamp_(0, 1)

    def _erase(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = images.shape
        chosen = torch.rand(count, generator=generator) < self.erase
        rows = _span(count, height, self.erase_side, generator)
        columns = _span(count, width, self.erase_side, generator)
        # (N, 1, H, 1) and (N, 1, 1, W) to (N, 1, H, W)
        mask = rows[:, None, :, None] & columns[:, None, None, :] & chosen.view(-1, 1, 1, 1)
        gray = torch.rand(count, 1, 1, 1, generator=generator)
        return torch.where(mask.to(images.device), gray.to(images.device), images)


def _signed(count: int, generator: torch.Generator) -> Tensor:
    """Uniform in [-1, 1), float32 (count,)."""
    return torch.rand(count, generator=generator) * 2 - 1


def _span(count: int, side: int, largest: float, generator: torch.Generator) -> Tensor:
    """For each row one random interval of positions, bool (count, side); lengths from an eighth to ``largest``."""
    length = side * (0.125 + (largest - 0.125) * torch.rand(count, 1, generator=generator))
    center = side * torch.rand(count, 1, generator=generator)
    return (torch.arange(side) + 0.5 - center).abs() < length / 2
