"""SQL, each constant above the function that runs it; takes tx first; never commits."""
