"""Our nftables table, one for each bridge; nobody else's is touched."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import Any, Final

from containers.errors import CommandFailed
from containers.host.command import Runner

_TIMEOUT_S: Final = 15
# In each table: masquerading, and accepting in both directions.
_RULES: Final = 3
# Other people's rules may be many.
_OUTPUT_CAP: Final = 64 << 20


def table_name(bridge: str) -> str:
    """Return the name of the nftables table that belongs to a bridge."""
    return f"spocweb_{bridge}"


def rules(bridge: str, subnet: IPv4Network) -> str:
    """Return the table as nft reads it: in one transaction the old one goes and the new one comes."""
    table = f"table ip {table_name(bridge)}"
    return f"""\
{table}
delete {table}
{table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {subnet} ip daddr != {subnet} masquerade comment "{_mark(bridge, subnet)}"
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "{bridge}" accept
    oifname "{bridge}" accept
  }}
}}
"""


def is_set(bridge: str, subnet: IPv4Network, runner: Runner) -> bool:
    """Return whether our table is there with the rules for this subnet."""
    rules = [item["rule"] for item in _list_table(bridge, runner) or () if "rule" in item]
    return len(rules) == _RULES and any(rule.get("comment") == _mark(bridge, subnet) for rule in rules)


def set_table(bridge: str, subnet: IPv4Network, runner: Runner) -> None:
    """Put our table in place of the one that may be there."""
    runner.run(["nft", "-f", "-"], input=rules(bridge, subnet).encode(), timeout_s=_TIMEOUT_S)


def remove_table(bridge: str, runner: Runner) -> bool:
    """Remove our table; return whether it was there."""
    if _list_table(bridge, runner) is None:
        return False
    runner.run(["nft", "delete", "table", "ip", table_name(bridge)], timeout_s=_TIMEOUT_S)
    return True


def blocking_chains(runner: Runner, bridge: str) -> list[str]:
    """Return the chains of others that drop what is forwarded unless a rule accepts it, and none of whose rules names the bridge.

    A packet has to pass all of them: that our table accepts it does not help.
    """
    items = _list(["list", "ruleset"], runner)
    chains = [item["chain"] for item in items if "chain" in item]
    blocking = [chain for chain in chains if chain.get("hook") == "forward" and chain.get("policy") == "drop"]
    named = {(rule["family"], rule["table"]) for item in items if (rule := item.get("rule")) and bridge in json.dumps(rule)}
    keys = [(chain["family"], chain["table"], chain["name"]) for chain in blocking]
    return [" ".join(key) for key in keys if key[:2] not in named]


def _mark(bridge: str, subnet: IPv4Network) -> str:
    return f"{bridge} {subnet}"


def _list_table(bridge: str, runner: Runner) -> list[dict[str, Any]] | None:
    try:
        return _list(["list", "table", "ip", table_name(bridge)], runner)
    except CommandFailed as error:
        if "No such file or directory" in error.output:
            return None
        raise


def _list(words: list[str], runner: Runner) -> list[dict[str, Any]]:
    output = runner.run(["nft", "--json", *words], timeout_s=_TIMEOUT_S, record=False, output_cap=_OUTPUT_CAP).output
    items: list[dict[str, Any]] = json.loads(output)["nftables"]
    return items
