"""Targets: what a chip costs in area, time and energy, by real tools where there are any."""
