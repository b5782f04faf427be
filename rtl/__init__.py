"""Amaranth: event-driven LIF cores, their streams and memories, the chip; one component a file."""
