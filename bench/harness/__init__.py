"""What bench/run and bench/shared_cores are made of."""
