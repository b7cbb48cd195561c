"""From a regimen and rows of parameters to courses."""
