"""Figures and the report page, from saved results only."""
