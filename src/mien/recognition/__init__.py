"""Inference: from a picture to the probabilities of every face; ``pipeline.py`` shows all steps on one page."""
