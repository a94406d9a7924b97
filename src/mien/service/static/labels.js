// Places for the labels of faces, so that none covers a face or another label; as the library's pictures have them.

const HEIGHT = 1.5, MARGIN = 0.3; // of a label, and the space beside its text, in letter heights

/**
 * A place for each label beside its face.
 *
 * `faces` are boxes in pixels of a canvas of `size` ([width, height]), `texts` as many strings, `unit` is the height of a
 * letter, `length` measures a text. Returns boxes, and whether all of them lie inside the canvas and cover nothing.
 */
export function placeLabels(faces, texts, size, unit, length) {
  const placed = [];
  let free = true;
  faces.forEach((face, index) => {
    const wide = length(texts[index]) + 2 * MARGIN * unit, taken = [...faces, ...placed];
    const covered = (box) => taken.reduce((sum, other) => sum + overlap(box, other), 0);
    const choices = candidates(face, wide, HEIGHT * unit, size).map((box) => [covered(box), box]);
    const [least, best] = choices.reduce((kept, one) => (one[0] < kept[0] ? one : kept)); // the first is preferred
    free &&= least === 0 && best.right <= size[0] && best.bottom <= size[1];
    placed.push({ ...best, text: texts[index], textLeft: best.left + MARGIN * unit });
  });
  return { labels: placed, free };
}

/** Places around a face, the preferred ones first, moved into the canvas. */
function candidates({ left, top, right, bottom }, wide, high, [width, height]) {
  const columns = [left, right - wide, (left + right - wide) / 2], rows = [top, bottom - high];
  const corners = [
    ...[top - high, bottom].flatMap((y) => columns.map((x) => [x, y])),
    ...[right, left - wide].flatMap((x) => rows.map((y) => [x, y])),
  ];
  const inside = (at, length, whole) => Math.min(Math.max(at, 0), Math.max(whole - length, 0));
  return corners.map(([x, y]) => {
    const [l, t] = [inside(x, wide, width), inside(y, high, height)];
    return { left: l, top: t, right: l + wide, bottom: t + high };
  });
}

/** Area that two boxes share; a common edge, up to rounding, does not count. */
function overlap(a, b) {
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return wide > 1e-6 && high > 1e-6 ? wide * high : 0;
}
