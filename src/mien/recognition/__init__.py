"""Reading expressions: from a picture to every face's probabilities.

``pipeline.py`` is the whole way on one page.
"""
