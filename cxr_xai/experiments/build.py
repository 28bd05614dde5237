"""Configuration stops here: settings become objects, each checked against the signature of what it builds."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import hydra
from hydra.errors import InstantiationException
from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from cxr_xai.errors import UserError

DECLARED = ("_target_", "_partial_", "needs", "gives")
"""``needs`` and ``gives`` say what a loss wants from the balancing; ``check_choices`` reads them."""

Settings = Mapping[str, Any]


def build(settings: Settings, path: str, context: Settings | None = None) -> Any:
    """Build the object that ``settings`` describe.

    Args:
        settings: plain types with a ``_target_``; nested settings with a ``_target_`` are built first.
        path: where the settings stand, for error messages (``datamodule.reader``).
        context: objects by parameter name; a target with such a parameter and no setting for it receives the object.

    Raises:
        UserError: a key the target does not take, a value of the wrong type, or a refusal of the target itself; the
            message begins with the key.
    """
    target = hydra.utils.get_object(settings["_target_"])
    context = context or {}
    given = {
        key: _build_nested(value, f"{path}.{key}", context) for key, value in settings.items() if key not in DECLARED
    }
    parameters = inspect.signature(target).parameters
    handed = {key: context[key] for key in parameters if key in context and key not in given}
    given = check_settings(target, given, path)
    try:
        return hydra.utils.instantiate(
            {"_target_": settings["_target_"], "_partial_": settings.get("_partial_", False)}, **given, **handed
        )
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        reason = str(cause or error).splitlines()[0]
        raise UserError(f"{path}: {settings['_target_'].rpartition('.')[2]} refused its settings: {reason}") from error


def _build_nested(value: Any, path: str, context: Settings) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "_target_" in value:
        return build(value, path, context)
    return {key: _build_nested(entry, f"{path}.{key}", context) for key, entry in value.items()}


def check_settings(target: Callable[..., Any], given: Settings, path: str) -> dict[str, Any]:
    """Compare keys and types with the signature; return the settings, numbers of the type that is expected.

    Raises:
        UserError: names the key, and what was expected.
    """
    parameters = inspect.signature(target).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return dict(given)
    hints = _hints(target)
    checked = dict(given)
    for key, value in given.items():
        if key not in parameters:
            close = difflib.get_close_matches(key, parameters, n=1, cutoff=0.5)
            hint = f" Did you mean {close[0]!r}?" if close else f" It takes {', '.join(parameters)}."
            raise UserError(f"{path}.{key}: {target.__name__} has no such setting.{hint}")
        if key in hints and isinstance(value, str | int | float | bool | list | None):
            checked[key] = _check_type(hints[key], value, f"{path}.{key}")
    return checked


def _hints(target: Callable[..., Any]) -> Settings:
    try:
        return get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError):  # a library whose annotations do not resolve at run time
        return {}


def _check_type(hint: Any, value: Any, path: str) -> Any:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
        valid = adapter.validate_python(value)
    except ValidationError as error:
        reasons = dict.fromkeys(entry["msg"].removeprefix("Input should be ") for entry in error.errors())
        raise UserError(f"{path}={value!r}: expected {'; or '.join(reasons)}.") from error
    except (PydanticSchemaGenerationError, TypeError):
        return value  # a hint that cannot be checked from outside; the target itself will
    return valid if isinstance(valid, bool | int | float) else value  # 64.0 for a count is 64; texts and lists stay
