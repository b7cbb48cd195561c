"""What is not known: priors as coordinates, stored posteriors, draws."""
