"""Human3.6M in every form that people keep it in."""
