// Steadies the probabilities of each face from frame to frame; a face is the same where its boxes overlap.

const MIN_OVERLAP = 0.3;

/** The new faces with probabilities mixed with those of the faces before; `keep` in [0, 1) is the share of the old. */
export function smoothed(before, now, keep) {
  return now.map((face) => {
    const old = before.reduce((best, other) => {
      const overlap = iou(face.box, other.box);
      return overlap > (best?.overlap ?? MIN_OVERLAP) ? { overlap, face: other } : best;
    }, null)?.face;
    if (!old) return face;
    const probabilities = Object.fromEntries(
      Object.entries(face.probabilities).map(([name, share]) => [name, keep * old.probabilities[name] + (1 - keep) * share]),
    );
    const [expression, probability] = Object.entries(probabilities).reduce((a, b) => (b[1] > a[1] ? b : a));
    return { ...face, probabilities, expression, probability };
  });
}

function iou(a, b) {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const overlap = Math.max(0, across) * Math.max(0, down);
  const area = (box) => (box.right - box.left) * (box.bottom - box.top);
  return overlap / Math.max(1e-9, area(a) + area(b) - overlap);
}
