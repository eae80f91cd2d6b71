"""Which of a reader's settings of pip count: how to reach packages, not where they go.

A reader may need a mirror, a proxy or a certificate. But ``user = true``, a target folder or required hashes,
set for other work, would put packages elsewhere or stop pip.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping

# Names as in pip's own configuration.
KEPT = frozenset(
    {
        "cache-dir",
        "cert",
        "client-cert",
        "constraint",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "keyring-provider",
        "no-cache-dir",
        "no-index",
        "proxy",
        "retries",
        "timeout",
        "trusted-host",
        "uploaded-prior-to",
        "use-deprecated",  # pip's older way to read certificates
        "use-feature",  # and its newer one, in older versions of pip
    }
)
# Later ones win, as in pip.
SECTIONS = ("global", "install", ":env:")


def configured() -> Iterator[tuple[str, str]]:
    """Read all of pip's settings, from its files and from the environment.

    The command ``pip config list`` would obey the settings that it lists, such as ``user`` and ``quiet``.

    Yields:
        Section and name in one, such as ``"global.index-url"``, and the value.
    """
    configuration = importlib.import_module("pip._internal.configuration").Configuration(isolated=False)
    configuration.load()
    for key, value in configuration.items():
        # Newer versions of pip group settings by the file that they are from.
        yield from value.items() if isinstance(value, dict) else [(key, value)]


def pip_environment(environment: Mapping[str, str], settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Make the environment that pip is to run in.

    Args:
        environment: The environment as it is.
        settings: The settings of pip, as `configured` yields them.

    Returns:
        The environment without any setting of pip but those in ``KEPT``, whatever file they were in.
    """
    plain = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
    found = dict(settings)
    for section in SECTIONS:
        for name in KEPT:
            if value := found.get(f"{section}.{name}"):
                # Lists have a line for each entry in a file, and blanks between them in the environment.
                plain["PIP_" + name.upper().replace("-", "_")] = " ".join(value.split())
    return plain | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def uv_environment(pip: Mapping[str, str]) -> dict[str, str]:
    """Make the environment that uv, which reads no settings of pip, is to run in.

    Args:
        pip: The environment of pip, from `pip_environment`.

    Returns:
        The environment with pip's proxy and certificate as uv names them, without uv's own settings but those
        that say how to reach a host, and with short waits for a host that does not answer.
    """
    reach = ("UV_HTTP_TIMEOUT", "UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_OFFLINE", "UV_SYSTEM_CERTS")
    plain = {name: value for name, value in pip.items() if not name.startswith("UV_") or name in reach}
    for ours, theirs in (("PIP_PROXY", "ALL_PROXY"), ("PIP_CERT", "SSL_CERT_FILE")):
        if ours in pip:
            plain.setdefault(theirs, pip[ours])
    return {"UV_HTTP_TIMEOUT": "20", "UV_HTTP_CONNECT_TIMEOUT": "5", "UV_HTTP_RETRIES": "1"} | plain
