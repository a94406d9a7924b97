"""Videos as background jobs: a folder on disk for each, a worker thread, and the reader of uploaded videos."""
