"""Reading pictures for clients: a pool of threads, and batches that concurrent requests share."""
