// Files that a visitor chooses or drops, folders included, while their tab is open.

const PICTURE = /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|heic|heif|jp2|ico|ppm|pgm)$/i;

export function takeFiles(panel, drop, inputs, take) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      const files = [...input.files];
      take(input.webkitdirectory ? files.filter(isPicture) : files);
      input.value = "";
    });
  }
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (panel.hidden) return;
    take(await dropped(event.dataTransfer));
  });
}

/** The dropped files and the pictures in dropped folders; entries are gone after the event, so they are taken first. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) await walk(entry, found, entry.isDirectory);
  return found;
}

async function walk(entry, found, inFolder) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    if (!inFolder || isPicture(file)) found.push(file);
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives at most a hundred entries at a time
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return;
    for (const each of part.sort((a, b) => a.name.localeCompare(b.name))) await walk(each, found, true);
  }
}

const isPicture = (file) => !file.name.startsWith(".") && (file.type.startsWith("image/") || PICTURE.test(file.name));
