"""Better data: import of other sets, audit of labels, selection of images, and hand-over to people and other tools."""
