"""PyTorch: neurons, layers, learning, encoders, data, and the exact integer reference."""
