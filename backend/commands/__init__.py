"""The commands of `python -m backend`, by what they do: make, read, evaluate, take away.

Public: each module's `add`, which puts its commands on the command line.
"""
