"""From text to numbers: the compiled stepper, its plain rendering, SciPy as a witness, and the cache."""
