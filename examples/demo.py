"""The main job on a real photo: python examples/demo.py FOLDER [PHOTO]. Without PHOTO, a public-domain portrait."""

import sys
from pathlib import Path

import mien


def main(folder: Path, photo: Path | None) -> None:
    """Print the faces of a photo, from left to right, and write it with boxes and bars into ``folder``."""
    if photo is None:
        import skimage  # noqa: PLC0415 - only the default photo needs it

        photo = Path(skimage.__file__).parent / "data" / "astronaut.png"  # Eileen Collins, by NASA
    result = mien.load().predict(photo)
    print(f"photo: {photo}")
    for number, face in enumerate(result.faces, 1):
        likely = ", ".join(f"{label} {share:.1%}" for label, share in face.probabilities.ranked()[:3])
        print(f"face {number}: {likely}")
    annotated = folder / f"{photo.stem}-read.png"
    result.save(annotated)
    print(f"rendered: {annotated}")
    print(mien.USE_NOTICE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
