"""gennari: maps cytoarchitectonic areas of the human brain."""

from importlib.metadata import version

__version__ = version("gennari")
