"""Tables as files: JSON Lines, CSV and Parquet.

Parquet's library is large; whoever wants it asks for it by name, and nobody else loads it.
"""

from importlib import import_module

from adapters.tables.csv import Csv
from adapters.tables.json_lines import JsonLines
from application.ports.tables import TableFormat

__all__ = ["Csv", "JsonLines", "load_parquet"]


def load_parquet() -> TableFormat:
    made: TableFormat = import_module("adapters.tables.parquet").Parquet()
    return made
