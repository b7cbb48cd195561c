"""Parameter records and sets."""

from .loader import bibliography, load_parameters, read_records
from .record import Distribution, Parameter
from .set import Change, ParameterSet

__all__ = [
    "Change",
    "Distribution",
    "Parameter",
    "ParameterSet",
    "bibliography",
    "load_parameters",
    "read_records",
]
