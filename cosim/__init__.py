"""Co-simulation: the Verilog against the integer model, every spike and every state."""
