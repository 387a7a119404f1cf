"""Addresses of databases, and what texts show of them."""

import pytest

from pipeline_io.database import Database, LookupQueryError, masked, sqlalchemy_url


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("jdbc:postgresql://h:5432/d", "postgresql+psycopg://h:5432/d"),
        (
            "jdbc:postgresql://h/d?user=u&password=p%40w&sslmode=require&ApplicationName=x",
            "postgresql+psycopg://u:p%40w@h/d?sslmode=require",
        ),
        ("jdbc:mysql://h:3306/d?useUnicode=true", "mysql+pymysql://h:3306/d"),
        ("jdbc:mariadb://h/d", "mysql+pymysql://h/d"),
        (
            "jdbc:cloudspanner:/projects/p/instances/i/databases/d",
            "spanner+spanner:///projects/p/instances/i/databases/d",
        ),
        ("jdbc:sqlite:data/users.db", "sqlite:///data/users.db"),
        ("jdbc:sqlite:/data/users.db", "sqlite:////data/users.db"),
        ("jdbc:sqlite::memory:", "sqlite://"),
        ("sqlite:////data/users.db", "sqlite:////data/users.db"),
        ("postgresql+psycopg://u:p@h/d?sslmode=require",) * 2,
        ("mysql+pymysql://u:p@h/d",) * 2,
    ],
)
def test_an_address_becomes_sqlalchemys(address: str, url: str) -> None:
    assert sqlalchemy_url(address) == url


@pytest.mark.parametrize(
    "address",
    [
        "",
        "users.db",
        "postgres://u:hunter2@h/d",
        "jdbc:oracle:thin:u/hunter2@h",
        "jdbc:sqlite:",
        "jdbc:postgresql:d?password=hunter2",
        "jdbc:postgresql://u:hunter2@h1:1,h2:2/d",
        "jdbc:postgresql://h/d?password=hunter2&currentSchema=s",
        "jdbc:cloudspanner://host/projects/p/instances/i/databases/d",
        "jdbc:cloudspanner:/projects/p/instances/i/databases/d?credentials=x",
    ],
)
def test_another_address_is_refused_with_what_is_supported(address: str) -> None:
    with pytest.raises(ValueError, match="jdbc:postgresql://HOST:5432/DATABASE") as caught:
        sqlalchemy_url(address)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:hun/ter2@@h/d",
        "postgresql://h/d?user=u&password=hunter2",
        "jdbc:mysql://:hunter2@h/d",
    ],
)
def test_masked_texts_hold_no_password(text: str) -> None:
    assert "ter2" not in masked(text)
    assert masked(text).endswith(("h/d", "***"))


@pytest.mark.parametrize(
    "database",
    [
        Database("jdbc:postgresql://u:hunter2@h/d"),
        Database("jdbc:postgresql://h/d?user=u&password=hunter2"),
        Database("jdbc:postgresql://h/d?password=hunter2", user="u"),
        Database("postgresql+psycopg://h/d?password=hunter2"),
        Database("mysql+pymysql://h/d", user="u", password="hunter2"),  # noqa: S106
    ],
)
def test_a_database_never_shows_its_password(database: Database) -> None:
    assert "hunter2" not in f"{database} {database!r} {[database]} {database.engine()!r}"
    assert database.url.password == "hunter2"  # noqa: S105


def test_user_and_password_take_the_place_of_those_in_the_address() -> None:
    database = Database("jdbc:mysql://a:b@h/d", user="u", password="p@:/")  # noqa: S106

    assert database.url.username == "u"
    assert database.url.password == "p@:/"  # noqa: S105


def test_a_database_whose_driver_is_missing_says_what_to_install() -> None:
    database = Database("oracle+cx_oracle://h/d")

    with pytest.raises(LookupQueryError, match="driver is not installed"):
        database.engine()
