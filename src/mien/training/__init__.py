"""Training: from a configuration and a prepared data set to a run folder, and from there to a model file."""
