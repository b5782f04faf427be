"""The stages of a build, one file each: what they take from it, run, and write into it."""
