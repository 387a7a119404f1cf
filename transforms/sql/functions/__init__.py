"""The named functions of SQL: importing this package registers all of them."""

from transforms.sql.functions import (
    any_dates,
    collections,
    encodings,
    json_functions,
    json_texts,
    mathematics,
    numbers,
    patterns,
    present,
    strings,
    substrings,
    time_arithmetic,
    time_fields,
    time_texts,
    unix_times,
    user_defined,
)

__all__ = [
    "any_dates",
    "collections",
    "encodings",
    "json_functions",
    "json_texts",
    "mathematics",
    "numbers",
    "patterns",
    "present",
    "strings",
    "substrings",
    "time_arithmetic",
    "time_fields",
    "time_texts",
    "unix_times",
    "user_defined",
]
