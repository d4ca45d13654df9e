"""Everything that is packed for Function Compute, and nothing else."""
