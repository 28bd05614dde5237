"""Does a run folder agree with itself, with code and data? This shows inconsistency; forgery it cannot see."""
