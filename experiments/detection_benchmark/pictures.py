"""Pictures whose faces are known: whole heads with feathered edges, put on backgrounds without people by rule.

A head is one of the London set, which is aligned: in each picture the face (brows to chin, cheek to cheek) fills the
same square. The seed of a picture is its place in its condition, so that a run is repeated exactly. People and
backgrounds of ``tune`` are never those of ``table``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from math import cos, radians, sin
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from sources import listed, path_of

Picture = npt.NDArray[np.uint8]

#: In a London picture of 480 pixels: center and side of the face, and the ellipses around the head and in the face.
FACE_CENTER, FACE_SIDE = (240.0, 262.0), 150.0
_HEAD, _FACE = (100, 20, 380, 405), (168, 120, 312, 350)
_FEATHER = 9
#: A background whose pixels differ by less is a plain surface, by less than the second even, else detailed.
_KINDS = ((12.0, "plain"), (45.0, "even"), (999.0, "detailed"))


@dataclass(frozen=True)
class TrueFace:
    """Center in pixels, side of the square from cheek to cheek and brows to chin, and clockwise turn."""

    center: tuple[float, float]
    side: float
    roll_deg: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A picture, its faces, and what a table groups it by."""

    image: Picture
    faces: tuple[TrueFace, ...]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sources:
    """Where heads and backgrounds lie, and which half of them is used."""

    london: Path
    backgrounds: Path
    part: str

    def is_ours(self, name: str) -> bool:
        """A third of the names is for tuning, the rest for the table."""
        return (sha256(name.encode()).digest()[0] % 3 == 0) == (self.part == "tune")

    @cache  # noqa: B019 - one object a run
    def heads(self) -> list[Path]:
        files = sorted(self.london.glob("*/*.jpg"))
        return [file for file in files if self.is_ours(file.name.split("_")[0])]  # by person

    @cache  # noqa: B019
    def faceless(self) -> list[Path]:
        return [path_of(self.backgrounds, *item) for item in listed() if self.is_ours(":".join(item))]

    @cache  # noqa: B019
    def scenery(self) -> list[Path]:
        """Backgrounds large enough to put heads on."""
        return [path for path in self.faceless() if min(Image.open(path).size) >= 480]


def rgb(path: Path) -> Image.Image:
    """A picture on white."""
    picture = Image.open(path).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


@cache
def cut_head(path: Path) -> Image.Image:
    """A head with transparent surroundings, RGBA 480 × 480: what differs from the studio's even wall, and the face."""
    picture = Image.open(path).convert("RGB")
    pixels = np.asarray(picture, np.float32)  # (480, 480, 3)
    wall = np.median(pixels[:120, :24].reshape(-1, 3), axis=0)
    differs = np.clip((np.abs(pixels - wall).max(axis=2) - 12) / 24, 0, 1)
    hair = Image.fromarray(np.asarray(differs * 255, np.uint8)).filter(ImageFilter.GaussianBlur(1.5))
    mask, face = Image.new("L", picture.size, 0), Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).ellipse(_HEAD, fill=255)
    ImageDraw.Draw(face).ellipse(_FACE, fill=255)
    soft = ImageFilter.GaussianBlur(_FEATHER)
    picture.putalpha(ImageChops.lighter(ImageChops.multiply(hair, mask.filter(soft)), face.filter(soft)))
    return picture


def background(path: Path, size: tuple[int, int], generator: np.random.Generator) -> Image.Image:
    """A part of a background, enlarged if need be, of (width, height)."""
    picture = rgb(path)
    scale = max(size[0] / picture.width, size[1] / picture.height, generator.uniform(0.3, 1.0))
    picture = picture.resize((round(picture.width * scale) + 1, round(picture.height * scale) + 1))
    left, top = (int(generator.integers(0, max(1, a - b))) for a, b in zip(picture.size, size, strict=True))
    return picture.crop((left, top, left + size[0], top + size[1]))


def put(canvas: Image.Image, head: Path, face: TrueFace, gain: float = 1.0) -> None:
    """Put a head on a picture so that its face is ``face``; its light is moved half way to the background's."""
    scale, reach = face.side / FACE_SIDE, 1.6 * face.side
    cutout = cut_head(head)
    # the head is shrunk with all its pixels first, then turned about the center of its face
    small = cutout.resize((max(2, round(480 * scale)),) * 2, Image.Resampling.LANCZOS)
    x, y = FACE_CENTER[0] * scale, FACE_CENTER[1] * scale
    side = 2 * int(reach) + 1
    c, s = cos(radians(face.roll_deg)), sin(radians(face.roll_deg))
    half, fx, fy = side / 2, face.center[0] % 1, face.center[1] % 1
    matrix = (
        c,
        s,
        x - c * (half + fx - 0.5) - s * (half + fy - 0.5),
        -s,
        c,
        y + s * (half + fx - 0.5) - c * (half + fy - 0.5),
    )
    part = small.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    left, top = int(face.center[0]) - side // 2, int(face.center[1]) - side // 2
    behind = np.asarray(canvas.crop((left, top, left + side, top + side)).convert("L"), np.float32).mean()
    light = float(np.clip((behind / 130 + 1) / 2, 0.6, 1.3)) * gain
    color, alpha = part.convert("RGB").point(lambda value: min(255, int(value * light))), part.getchannel("A")
    canvas.paste(color, (left, top), alpha)


def noisy(picture: Image.Image, sigma: float, generator: np.random.Generator) -> Picture:
    """The picture with noise of a camera over heads and background alike."""
    pixels = np.asarray(picture, np.float32)
    return np.asarray(np.clip(pixels + generator.normal(0, sigma, pixels.shape).astype(np.float32), 0, 255), np.uint8)


def kind_of(picture: Image.Image) -> str:
    """How busy a background is, by the standard deviation of its gray."""
    spread = float(np.asarray(picture.convert("L").resize((64, 64)), np.float32).std())
    return next(name for limit, name in _KINDS if spread < limit)


def made(  # noqa: PLR0913 - one rule, many conditions
    sources: Sources,
    seed: int,
    size: tuple[int, int],
    side: float,
    *,
    count: int = 1,
    roll_deg: float = 0.0,
    cut: float = 0.0,
    light: str = "as is",
    groups: Sequence[str] = (),
) -> Scene:
    """A picture of ``size`` with ``count`` faces of ``side`` pixels; ``cut`` is the share beyond the border."""
    generator = np.random.default_rng(seed)
    scenery, heads = sources.scenery(), sources.heads()
    canvas = background(scenery[int(generator.integers(len(scenery)))], size, generator)
    kind = kind_of(canvas)
    faces = []
    for center in _places(size, side, count, cut, generator):
        face = TrueFace(center, side, roll_deg)
        put(canvas, heads[int(generator.integers(len(heads)))], face)
        faces.append(face)
    size_and_kind = f"{'under' if side < 48 else 'from'} 48 px, on {kind}"
    return Scene(_lit(canvas, light, generator), tuple(faces), (*groups, f"on {kind}", size_and_kind))


def _places(
    size: tuple[int, int], side: float, count: int, cut: float, generator: np.random.Generator
) -> list[tuple[float, float]]:
    """Centers at least a head apart; with ``cut``, on the left, right, upper or lower border."""
    width, height = size
    if cut:
        along, edge = generator.uniform(0.2, 0.8), int(generator.integers(4))
        inside = side * (0.5 - cut)
        return [
            (
                (inside, along * height),
                (width - inside, along * height),
                (along * width, inside),
                (along * width, height - inside),
            )[edge]
        ]
    cell = 2.6 * side  # a head with its hair
    columns, rows = max(1, int(width / cell)), max(1, int(height / cell))
    chosen = generator.permutation(columns * rows)[:count]
    step_x, step_y = width / columns, height / rows
    slack_x, slack_y = max(0.0, step_x - 1.9 * side) / 2, max(0.0, step_y - 2.3 * side) / 2
    return [
        (
            (at % columns + 0.5) * step_x + generator.uniform(-slack_x, slack_x),
            (at // columns + 0.5) * step_y + generator.uniform(-slack_y, slack_y) + 0.15 * side,
        )
        for at in chosen
    ]


def _lit(canvas: Image.Image, light: str, generator: np.random.Generator) -> Picture:
    if light == "dark":
        return noisy(canvas.point(lambda value: int(value * 0.22)), 4, generator)
    if light == "glare":
        return noisy(canvas.point(lambda value: min(255, int(value * 1.7 + 30))), 2, generator)
    if light == "noise":
        return noisy(canvas, 18, generator)
    return noisy(canvas, float(generator.uniform(0, 3)), generator)


# ---- conditions: each is a stream of scenes; ``per`` is how many pictures a cell of its table gets ----

#: (width, height) of pictures that small faces are put in; the last has 12 megapixels.
_SIZES = ((640, 480), (1280, 960), (1600, 1200), (2400, 1800), (4000, 3000))


def sizes(sources: Sources, per: int) -> Iterator[Scene]:
    for side in (16, 24, 32, 48, 96, 200, 400, 600):
        for number in range(per):
            fitting = [size for size in _SIZES if size[1] > 2.4 * side] or [_SIZES[-1]]
            size = fitting[number % len(fitting)]
            count = 1 if number % 2 else 3
            yield made(sources, 1000 * side + number, size, side, count=count, groups=(f"{side:3d} px",))


def turns(sources: Sources, per: int) -> Iterator[Scene]:
    for side in (32, 64, 160, 320):
        for angle in range(0, 360, 30):
            for number in range(max(1, per // 6)):
                size = _SIZES[(number + angle // 30) % 3] if side < 320 else _SIZES[2]
                seed, turn = 77_000 + 1000 * side + 10 * angle + number, angle + (number * 7) % 30
                group = f"{side:3d} px, {_turn_name(turn)}"
                yield made(sources, seed, size, side, roll_deg=turn, groups=(group,))


def _turn_name(turn_deg: float) -> str:
    off = min(turn_deg % 360, 360 - turn_deg % 360)
    return next(name for limit, name in ((60, "0–60°"), (120, "60–120°"), (180, "120–180°")) if off <= limit)


def cuts(sources: Sources, per: int) -> Iterator[Scene]:
    for cut in (0.1, 0.2, 0.3, 0.4, 0.5):
        for number in range(per):
            side = (60, 120, 240, 400)[number % 4]
            size = _SIZES[1] if side < 400 else _SIZES[2]
            yield made(sources, int(1e6 * cut) + number, size, side, cut=cut, groups=(f"{cut:.0%} cut",))


def lights(sources: Sources, per: int) -> Iterator[Scene]:
    for place, light in enumerate(("dark", "glare", "noise")):
        for number in range(per):
            side = (32, 64, 160, 320)[number % 4]
            yield made(sources, 500_000 + 1000 * place + number, _SIZES[1], side, light=light, groups=(light,))


def crowds(sources: Sources, per: int) -> Iterator[Scene]:
    for count, side, size in ((25, 60, 1), (100, 40, 2), (400, 28, 3)):
        for number in range(max(1, per // 20)):
            yield made(sources, 900_000 + count + number, _SIZES[size], side, count=count, groups=(f"{count} faces",))


def tight(sources: Sources, per: int) -> Iterator[Scene]:
    """The picture is the face, from brows to chin and a little more, as aligned sets have it."""
    heads = sources.heads()
    for pixels in (48, 64, 100, 200):
        for number in range(per):
            generator = np.random.default_rng(333_000 + 1000 * pixels + number)
            picture = Image.open(heads[number * 7 % len(heads)]).convert("RGB")
            half = FACE_SIDE / 2 * generator.uniform(0.95, 1.35)
            x, y = FACE_CENTER[0], FACE_CENTER[1] - 8
            crop = picture.crop((round(x - half), round(y - half), round(x + half), round(y + half)))
            small = crop.resize((pixels, pixels), Image.Resampling.LANCZOS)
            if number % 2:
                small = small.convert("L").convert("RGB")
            side = pixels * FACE_SIDE / (2 * half)
            yield Scene(np.asarray(small), (TrueFace((pixels / 2, pixels / 2), side),), (f"{pixels:3d} px",))


def faceless(sources: Sources, _: int) -> Iterator[Scene]:
    """Every picture there is, however many a cell of the others gets."""
    for path in sources.faceless():
        picture = rgb(path)
        picture.thumbnail((1600, 1600))
        kind = "photo" if path.suffix != ".png" or "skimage" in str(path) else "texture or drawing"
        yield Scene(np.asarray(picture), (), (kind,))


CONDITIONS = {
    "sizes": sizes,
    "turns": turns,
    "cuts": cuts,
    "lights": lights,
    "crowds": crowds,
    "tight": tight,
    "faceless": faceless,
}
