"""``mien explain``: an occlusion map of each face in a photo."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.drawings import Drawings
from mien.cli.last_line import print_last_line, read_in_words
from mien.cli.options import MaxPixelsOption, ReadingOptions, with_reading_options
from mien.imaging import MAX_PIXELS
from mien.recognition.explanation import explain as explain_face
from mien.render.text import counted, percent
from mien.runtime.files import file_key
from mien.text import printable


@with_reading_options
def explain(
    photo: Annotated[Path, typer.Argument(help="The picture.")],
    save: Annotated[Path, typer.Option(help="Folder for a picture of each face.")],
    *,
    expression: Annotated[str | None, typer.Option(help="Explain this expression instead of the named one.")] = None,
    reading: ReadingOptions,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
) -> None:
    """Show for each face, from left to right, which parts count for its expression (red) and against it (blue).

    Parts of the face are covered one after the other, and the decrease of the probability is shown. That is what this
    network reacts to, not what makes an expression.

    Examples:
        mien explain photo.jpg --save explained/

        mien explain photo.jpg --save explained/ --expression anger
    """
    pipeline = reading.load(max_pixels=max_pixels)
    result = pipeline.predict(photo)
    # index() checks the name before any face is explained, with the nearest name in its hint
    wanted = None if expression is None else pipeline.recognizer.labels[pipeline.recognizer.labels.index(expression)]
    print(f"Found {counted(len(result.faces), 'face')} in {printable(str(photo))}")
    drawings, written = Drawings(save, {file_key(photo)}), []
    for number, face in enumerate(result.faces, start=1):
        if result.image is None:
            raise AssertionError("a picture that was just read is kept in its result")
        explanation = explain_face(pipeline.recognizer, pipeline.crop(result.image, face.detection), expression=wanted)
        # numbered as `mien predict` numbers the faces of this photo
        stem = f"{photo.stem}-{number}" if wanted is None else f"{photo.stem}-{number}-{wanted}"
        written.append(drawings.add(stem, partial(explanation.save, number=number)))
        shown = explanation.probabilities.to_dict()[str(explanation.expression)]
        print(f"  {number}  {explanation.expression} {percent(shown)}")
    print_last_line(read_in_words(1, len(result.faces), not result.faces, 0), written)
