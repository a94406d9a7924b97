"""Where frames come from: files and streams, image sequences, cameras, and which of their frames are read."""
