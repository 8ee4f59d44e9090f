"""What bench/run is made of. Python's standard library only: the systems bring the rest in environments of their own."""
