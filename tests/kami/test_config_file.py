"""kami.yaml: what it may say, and the place of what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kami.config import DEFAULT_PRICE_PER_TIB, TableOptions
from kami.config_file import read_config
from kami.errors import ConfigurationError

GOOD = """
warehouse: duckdb:w.duckdb
sources:
  - name: shop
    type: mysql
    url: mysql+pymysql://reader:${shop_password}@db/shop
    tables: [orders, "acc*"]
    exclude: [orders.secret]
    options:
      orders:
        key: [a, b]
        renamed: {new: old}
        fresh_within_minutes: 1.5
    keep_deleted_days: 7
    polled: true
  - {name: bank, type: postgresql, ddl: bank.sql}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kami.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_keys_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("shop_password", "p@ss/word")
    config = read_config(written(tmp_path, GOOD))
    shop, bank = config.sources
    assert config.warehouse == f"duckdb:{tmp_path / 'w.duckdb'}"
    assert config.price_per_tib == DEFAULT_PRICE_PER_TIB
    assert shop.url == "mysql+pymysql://reader:p%40ss%2Fword@db/shop"
    assert shop.tables == ("orders", "acc*")
    assert shop.exclude == ("orders.secret",)
    assert shop.table_options("orders") == TableOptions(("a", "b"), {"new": "old"}, 1.5)
    assert shop.table_options("other") == TableOptions()
    assert shop.keep_deleted_days == 7
    assert (shop.polled, bank.polled) == (True, False)
    assert (bank.ddl, bank.tables, bank.dialect) == (tmp_path / "bank.sql", ("*",), "postgresql")


def test_a_password_is_in_no_text_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("shop_password", "geheim")
    assert "geheim" not in repr(read_config(written(tmp_path, GOOD)))


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mysql://u:p@h/d\n", encoding="utf-8")
    text = GOOD.replace("mysql+pymysql://reader:${shop_password}@db/shop", f"${{file://{secret}}}")
    assert read_config(written(tmp_path, text)).sources[0].url == "mysql://u:p@h/d"


WRONG = [
    ("warehouse: duckdb:w\nsources: []\n", "2:10", "expected a list with at least one element"),
    ("warehouse: w\nsources: [{name: s, type: mysql, ddl: d}]\n", "1:12", "expected duckdb:PATH"),
    ("sources: [{name: s, type: mysql, ddl: d}]\n", "1:1", "'warehouse' is missing"),
    ("warehouse: duckdb:w\nsource: []\n", "2:1", "'source' is unknown; did you mean 'sources'"),
    ("warehouse: duckdb:w\nwarehouse: duckdb:v\n", "2:1", "'warehouse' is here twice"),
    (
        "warehouse: 'duckdb::memory:'\nsources: [{name: s, type: mysql, ddl: d}]\n",
        "1:12",
        "a warehouse in memory ends with the command",
    ),
    ("- a\n", "1:1", "expected keys with values"),
    ("", "1:1", "is empty"),
    ("warehouse: [\n", "2:1", "this is no YAML"),
]
SOURCE = "warehouse: duckdb:w\nsources:\n  - name: s\n    type: mysql\n"
WRONG += [
    (SOURCE, "3:5", "either `url`"),
    (f"{SOURCE}    ddl: d\n    url: u\n", "3:5", "either `url`"),
    (f"{SOURCE}    url: x${{no_such_name}}\n", "5:10", "'no_such_name' is not set"),
    (f"{SOURCE}    url: ${{file:///no/such}}\n", "5:10", "FileNotFoundError"),
    (f"{SOURCE}    ddl: true\n", "5:10", "expected a text, found 'true'"),
    (f"{SOURCE}    ddl: d\n    tables: {{a: b}}\n", "6:13", "expected a list"),
    (f"{SOURCE}    ddl: d\n    keep_deleted_days: -1\n", "6:24", "a number of 0 or more"),
    (f"{SOURCE}    ddl: d\n    keep_deleted_days: 1.5\n", "6:24", "a whole number"),
    (f"{SOURCE}    ddl: d\n    keep_deleted_days: '1'\n", "6:24", "a number of 0 or more"),
    (f"{SOURCE}    ddl: d\n    polled: maybe\n", "6:13", "expected true or false"),
    (
        f"{SOURCE}    ddl: d\n    options: {{t: {{keys: [a]}}}}\n",
        "6:19",
        "'keys' is unknown; did you mean 'key'",
    ),
    (f"{SOURCE}    ddl: d\n  - {{name: s, type: mysql, ddl: d}}\n", "3:5", "two sources named 's'"),
    (SOURCE.replace("mysql", "oracle") + "    ddl: d\n", "4:11", "mysql, mariadb, postgresql"),
    (SOURCE.replace("name: s", "name: a-b") + "    ddl: d\n", "3:11", "letters, digits and _"),
]


@pytest.mark.parametrize(("text", "place", "message"), WRONG)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, text: str, place: str, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as told:
        read_config(path)
    assert str(told.value).startswith(f"{path}:{place}: ")
    assert message in str(told.value)


def test_a_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no\.yaml.*FileNotFoundError.*--config"):
        read_config(tmp_path / "no.yaml")
