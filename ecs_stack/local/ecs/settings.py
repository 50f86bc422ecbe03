"""Account settings (API Reference, PutAccountSetting). There are no users here: all are the account's."""

from __future__ import annotations

from ecs_stack.local.ecs.context import Context, Params, Result
from ecs_stack.local.ecs.errors import invalid

#: What an account that never changed a setting has.
_DEFAULTS = {
    "serviceLongArnFormat": "enabled",
    "taskLongArnFormat": "enabled",
    "containerInstanceLongArnFormat": "enabled",
    "awsvpcTrunking": "disabled",
    "containerInsights": "disabled",
    "fargateFIPSMode": "disabled",
    "tagResourceAuthorization": "on",
    "fargateTaskRetirementWaitPeriod": "7",
    "guardDutyActivate": "off",
    "defaultLogDriverMode": "non-blocking",
}
_VALUES = {
    "serviceLongArnFormat": ("enabled",),
    "taskLongArnFormat": ("enabled",),
    "containerInstanceLongArnFormat": ("enabled",),
    "containerInsights": ("enabled", "disabled", "enhanced"),
    "tagResourceAuthorization": ("on", "off"),
    "fargateTaskRetirementWaitPeriod": ("0", "7", "14"),
    "guardDutyActivate": ("on", "off"),
    "defaultLogDriverMode": ("blocking", "non-blocking"),
}


def value(ctx: Context, name: str) -> str:
    """The effective value of a setting."""
    stored = ctx.store.get("setting", f"{ctx.region}/{name}")
    return str(stored["value"]) if stored else _DEFAULTS[name]


def put(ctx: Context, params: Params) -> Result:
    """PutAccountSetting and PutAccountSettingDefault."""
    name, wanted = params["name"], params["value"]
    if name not in _DEFAULTS:
        raise invalid(f"The setting {name} is not implemented by the local Amazon ECS.")
    allowed = _VALUES.get(name, ("enabled", "disabled"))
    if wanted not in allowed:
        raise invalid(f"Invalid value {wanted!r} for {name}: it must be one of {', '.join(allowed)}.")
    return {"setting": ctx.store.put("setting", f"{ctx.region}/{name}", _setting(ctx, name, wanted))}


def delete(ctx: Context, params: Params) -> Result:
    """DeleteAccountSetting: back to the default."""
    ctx.store.delete("setting", f"{ctx.region}/{params['name']}")
    return {"setting": {"name": params["name"], "principalArn": ctx.arns.root}}


def list_all(ctx: Context, params: Params) -> Result:
    """ListAccountSettings. Without ``effectiveSettings`` only what was set is listed."""
    names = [params["name"]] if "name" in params else list(_DEFAULTS)
    settings = []
    for name in names:
        stored = ctx.store.get("setting", f"{ctx.region}/{name}")
        if stored is None and params.get("effectiveSettings") and name in _DEFAULTS:
            stored = _setting(ctx, name, _DEFAULTS[name])
        if stored is not None and params.get("value", stored["value"]) == stored["value"]:
            settings.append(stored)
    return {"settings": settings}


def _setting(ctx: Context, name: str, wanted: str) -> dict[str, str]:
    return {"name": name, "value": wanted, "principalArn": ctx.arns.root, "type": "user"}
