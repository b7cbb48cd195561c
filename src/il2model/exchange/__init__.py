"""The model in the field's formats: SBML, PEtab, LaTeX, NONMEM data sets, OMEX."""
