"""Videos as background jobs: a folder on disk for each, a worker thread, and a reader of uploaded videos."""
