"""The tables of connectors in docs/sql_jobs.md, as the declarations have them."""

from __future__ import annotations

from transforms.sql.connectors import Connector, Option, duration

MANY = 8
"""More aliases than this are told of in one sentence."""


def option_row(option: Option) -> str:
    default = str(option.default).lower() if isinstance(option.default, bool) else option.default
    default = f"{default:g} s" if option.read is duration and default is not None else default
    said = "required" if option.required else "" if default is None else f"`{default}`"
    text = option.help
    if option.choices:
        text += f" ({', '.join(f'`{choice}`' for choice in option.choices)})"
    return f"| `{option.name}` | {said} | {text} |".replace("|  |", "| |")


def connector_table(connector: Connector) -> str:
    roles = " and ".join(sorted(role.value for role in connector.roles))
    head = f"### {connector.name}\n\nA {roles}. {connector.help}\n"
    rows = ["| option | default | what it says |", "|---|---|---|"]
    rows += [option_row(option) for option in connector.options]
    aliases = [f"`{new}` is also called `{old}`." for old, new in connector.aliases.items()]
    if len(aliases) > MANY:
        aliases = ["Flink's names of these options, which hold the format's, are taken as well."]
    return "\n".join([head, *rows, *(["", *aliases] if aliases else [])])
