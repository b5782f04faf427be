"""The spiketrum encoder as hardware: PCM samples in, address events with time out."""
