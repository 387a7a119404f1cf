"""PostgreSQL with logical replication, from the packages of the system.

It refuses to run as root; started by root it runs as the user postgres that its package makes.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

from tests.stack.asking import database_endpoints, lets_in
from tests.stack.command import run
from tests.stack.part import Command, Context, Endpoints, Missing, Part, Plan, StackError

USER = "kamiflow"
PASSWORD = "kamiflow-password"  # noqa: S105  (of a server of this machine, for this run)
OLDEST = 13

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")

_SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "wal_level": "logical",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "max_prepared_transactions": "10",
    # The data are thrown away; a machine that loses power loses nothing of worth.
    "fsync": "off",
    "shared_buffers": "32MB",
    "timezone": "'UTC'",
    "wal_sender_timeout": "'10s'",
}


class Postgres(Part):
    """The PostgreSQL server: version 15 where the system has it, else the newest there is."""

    name = "postgres"
    recipe = "data 1"

    def require(self) -> None:
        if _binaries() is None and shutil.which("apt-get") is None:
            message = (
                f"PostgreSQL {OLDEST} or later is not installed: install the server by the "
                "packages of this system (15 is what the tests are made for)"
            )
            raise Missing(message)

    def install(self, folder: Path) -> None:
        binaries = _binaries() or _installed_by_apt()
        (folder / "binaries").symlink_to(binaries)
        password = folder / "password"
        password.write_text(PASSWORD)
        with tempfile.TemporaryDirectory() as name:
            # The user postgres may have no way into the checkout.
            place = Path(name)
            place.chmod(0o755)
            shutil.copy(password, place)
            data = place / "data"
            data.mkdir()
            _give_away(data)
            run(
                [
                    *(binaries / "initdb", "--pgdata", data, "--username", USER),
                    *("--pwfile", place / "password", "--auth", "scram-sha-256"),
                    *("--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8"),
                ],
                user=_user(),
                folder=place,
            )
            with (data / "postgresql.conf").open("a") as config:
                config.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())
            run(["cp", "-a", data, folder])

    def plan(self, context: Context) -> Plan:
        # Not below the checkout, for the same reason; it is removed when the server goes down.
        place = Path(tempfile.mkdtemp(prefix="kamiflow-postgres-"))
        place.chmod(0o755)
        run(["cp", "-a", context.installed / "data", place])
        port = context.free_port()
        server = context.installed / "binaries" / "postgres"
        command = Command(
            (str(server.resolve()), "-D", str(place / "data"), "-p", str(port)),
            user=_user(),
            # Ends sessions and stops; SIGTERM waits until all clients have left by themselves.
            stop_signal=signal.SIGINT,
        )
        endpoints = database_endpoints(port, USER, PASSWORD)
        return Plan(endpoints, {"postgres": command}, folders=(place,))

    def check(self, endpoints: Endpoints) -> None:
        lets_in("postgresql+psycopg", endpoints, database="postgres")


def _user() -> str | None:
    return "postgres" if os.geteuid() == 0 else None


def _give_away(folder: Path) -> None:
    if user := _user():
        shutil.chown(folder, user, user)


def _binaries() -> Path | None:
    """The folder of the programs of version 15, else of the newest version that will do."""
    found = {}
    for pattern in _FOLDERS:
        for program in Path("/").glob(f"{pattern.lstrip('/')}/initdb"):
            found[_version(program)] = program.parent
    if on_path := shutil.which("initdb"):
        found.setdefault(_version(Path(on_path)), Path(on_path).resolve().parent)
    newest = max(found, default=0)
    return found.get(15) or (found[newest] if newest >= OLDEST else None)


def _version(program: Path) -> int:
    # "initdb (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"
    said = run([program, "--version"]).split()
    return int(said[2].partition(".")[0])


def _installed_by_apt() -> Path:
    admin = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    try:
        run(
            [
                *(*admin, "env", "DEBIAN_FRONTEND=noninteractive"),
                *("apt-get", "install", "--yes", "--no-install-recommends", "postgresql"),
            ]
        )
    except StackError as error:
        message = f"PostgreSQL is not installed: run `apt install postgresql` as root ({error})"
        raise Missing(message) from error
    binaries = _binaries()
    if binaries is None:
        message = f"the package postgresql of this system is older than {OLDEST}"
        raise Missing(message)
    return binaries


PART = Postgres()
