"""The calls of other packages answered by mien, so that a program changes one import: ``fer`` and ``deepface``.

Class names, color order, units and empty answers are theirs; the networks and the detector are ours.
"""
