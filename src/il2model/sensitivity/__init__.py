"""Global sensitivity analysis: studies that last, with intervals and honest gaps."""
