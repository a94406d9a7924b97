"""Name the expression on every face of a photo: python examples/predict_photo.py photo.jpg [model.onnx]."""

import sys

import mien


def main() -> None:
    """Read the photo named first with the model named second, or the one that ships."""
    photo, *model = sys.argv[1:]
    result = mien.load(*model).predict(photo)
    for face in result.faces:
        left, top, _, _ = face.detection.box.xywh
        best, second = face.probabilities.ranked()[:2]
        print(f"({left:.0f}, {top:.0f})  {best[0]} {best[1]:.1%}, then {second[0]} {second[1]:.1%}")
    result.plot().save("faces.png")  # a Pillow image with boxes and labels


if __name__ == "__main__":
    main()
