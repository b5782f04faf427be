"""Area before synthesis: what a chip is made of, and what Yosys takes for it."""
