"""The published systems: what each trains, and the comparison behind its claim."""
