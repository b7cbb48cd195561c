"""Pages and figures that a modeller hands over."""
