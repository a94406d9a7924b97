"""Reading pictures for clients: worker processes that decode, a pool of threads, and batches shared by requests."""
