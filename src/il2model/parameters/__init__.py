"""Parameter records and sets."""

from .distribution import Distribution
from .loader import bibliography, load_parameters, read_records
from .record import Parameter
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
