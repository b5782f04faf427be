"""Training: one trainer, the parts that methods are made of, and a file a method."""
