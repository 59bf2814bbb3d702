"""The parts of `fuzz.py`: damage to files, and what must be true of what becomes of them."""
