"""What MiniStack's IAM lacks of identity providers: changes of their tags, clients and thumbprints.

The operations work on MiniStack's own records, and answer in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Parameters = Mapping[str, Any]
Provider = dict[str, Any]


def complete(iam: Any) -> None:
    """Add the operations that the module ``ministack.services.iam`` lacks."""

    def operation(name: str, change: Callable[[Provider, Parameters], None]) -> None:
        def answer(parameters: Parameters) -> Any:
            arn = iam._p(parameters, "OpenIDConnectProviderArn")
            provider = iam._oidc_providers.get(arn)
            if provider is None:
                return iam._error(404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", ns="iam")
            change(provider, parameters)
            return iam._xml(200, f"{name}Response", "", ns="iam")

        iam._IAM_HANDLERS.setdefault(name, answer)

    def tag(provider: Provider, parameters: Parameters) -> None:
        new = {each["Key"]: each for each in iam._extract_tags(parameters)}
        provider["Tags"] = list({**{each["Key"]: each for each in provider["Tags"]}, **new}.values())

    def untag(provider: Provider, parameters: Parameters) -> None:
        gone = set(iam._extract_tag_keys(parameters))
        provider["Tags"] = [each for each in provider["Tags"] if each["Key"] not in gone]

    def add_client(provider: Provider, parameters: Parameters) -> None:
        client = iam._p(parameters, "ClientID")
        provider["ClientIDList"] = [*(each for each in provider["ClientIDList"] if each != client), client]

    def remove_client(provider: Provider, parameters: Parameters) -> None:
        client = iam._p(parameters, "ClientID")
        provider["ClientIDList"] = [each for each in provider["ClientIDList"] if each != client]

    def set_thumbprints(provider: Provider, parameters: Parameters) -> None:
        found, index = [], 1
        while thumbprint := iam._p(parameters, f"ThumbprintList.member.{index}"):
            found.append(thumbprint)
            index += 1
        provider["ThumbprintList"] = found

    operation("TagOpenIDConnectProvider", tag)
    operation("UntagOpenIDConnectProvider", untag)
    operation("AddClientIDToOpenIDConnectProvider", add_client)
    operation("RemoveClientIDFromOpenIDConnectProvider", remove_client)
    operation("UpdateOpenIDConnectProviderThumbprint", set_thumbprints)
