"""The cochlear filter bank as hardware."""
