"""What a handler's signature says about its jobs: its arguments, how they convert, where the context goes.

It decides whether a call fits and how its arguments become a payload and come back. It must not know of
options, queues or the wire. Annotations are inspected once; a handler whose annotations need no conversion is
`plain` and pays nothing.
"""

import inspect
import typing
from collections.abc import Callable
from typing import Any, Final

from .arguments import Args, Kwargs, decode_arguments, encode_plain
from .context import Context
from .exceptions import InvalidPayload, InvalidTask, UnserializablePayload
from .hints import Hints
from .scalars import Converter, Unfit

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Signature:
    """A handler's parameters as its callers see them.

    Attributes:
        plain: True where arguments are JSON values both ways.
        context_name: The parameter that takes the `Context`, or None.
        context_index: Its place among the positional ones, or None where it is keyword-only.
        returns: The resolved return annotation, or None where there is none or it cannot be resolved.
    """

    __slots__ = (
        "_by_name",
        "_by_place",
        "_parameters",
        "_rest",
        "_rest_by_name",
        "_seen",
        "_simple_max",
        "_simple_min",
        "context_index",
        "context_name",
        "plain",
        "returns",
        "where",
    )

    def __init__(self, func: Callable[..., object], where: str) -> None:
        self.where = where
        self.context_name: str | None = None
        self.context_index: int | None = None
        self._by_place: list[Converter | None] = []
        self._by_name: dict[str, Converter | None] = {}
        self._rest: Converter | None = None
        self._rest_by_name: Converter | None = None
        hints = Hints()
        kept: list[inspect.Parameter] = []
        for parameter in inspect.signature(func).parameters.values():
            hint = _resolve(func, parameter.name, where)
            if hint is Context or Context in typing.get_args(hint):
                self._take_context(parameter, len(kept))
                continue
            kept.append(parameter.replace(annotation=inspect.Parameter.empty))
            self._take(parameter, None if hint is None else hints.converter(hint))
        self._seen = inspect.Signature(kept)
        self._parameters = [parameter.name for parameter in kept if parameter.kind in _POSITIONAL]
        self.returns = _resolve_return(func)
        self.plain = (
            not any(self._by_place)
            and not any(self._by_name.values())
            and self._rest is None
            and self._rest_by_name is None
        )
        # With positional parameters only, counting settles whether a positional call fits.
        self._simple_max = len(self._parameters)
        needed = [parameter for parameter in kept if parameter.default is inspect.Parameter.empty]
        if any(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in needed):
            self._simple_max = -1
        self._simple_min = sum(parameter.kind in _POSITIONAL for parameter in needed)

    def _take_context(self, parameter: inspect.Parameter, place: int) -> None:
        if self.context_name is not None:
            raise InvalidTask(f"{self.where} takes two contexts; keep one parameter annotated Context")
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise InvalidTask(f"{self.where} takes contexts by the handful; annotate a single parameter Context")
        self.context_name = parameter.name
        if parameter.kind in _POSITIONAL:
            self.context_index = place

    def _take(self, parameter: inspect.Parameter, converter: Converter | None) -> None:
        if parameter.kind in _POSITIONAL:
            self._by_place.append(converter)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            self._rest = converter
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            self._rest_by_name = converter
        elif parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
            self._by_name[parameter.name] = converter

    def encode(self, args: Args, kwargs: Kwargs) -> str:
        """Checks a call against the signature and encodes its arguments.

        Raises:
            TypeError: The call does not fit; the text says how the handler is called.
            UnserializablePayload: An argument cannot travel, or is not what its annotation says.
            PayloadTooLarge: See `encode_arguments`.
        """
        if kwargs or not self._simple_min <= len(args) <= self._simple_max:
            self._bind(args, kwargs)
        if self.plain:
            return encode_plain(args, kwargs, self._parameters, self.where)
        places, names = list(args), dict(kwargs)
        try:
            self._convert(places, names, "encode")
        except Unfit as fault:
            raise UnserializablePayload(f"{self.where}: argument {fault.where} {fault.text}") from None
        except RecursionError:
            raise UnserializablePayload(
                f"{self.where}: an argument nests too deeply or holds itself; flatten it or pass a reference"
            ) from None
        return encode_plain(places, names, self._parameters, self.where)

    def decode(self, payload: str, context: Context) -> tuple[list[object], Kwargs]:
        """Reads a payload into what the handler is called with, the context among it.

        Raises:
            InvalidPayload: The payload does not fit the handler.
        """
        args, kwargs = decode_arguments(payload)
        if kwargs or not self._simple_min <= len(args) <= self._simple_max:
            try:
                self._bind(args, kwargs)
            except TypeError as fault:
                raise InvalidPayload(str(fault)) from None
        if not self.plain:
            try:
                self._convert(args, kwargs, "decode")
            except Unfit as fault:
                raise InvalidPayload(f"{self.where}: argument {fault.where} {fault.text}") from None
        if self.context_name is not None:
            self.insert_context(args, kwargs, context)
        return args, kwargs

    def insert_context(self, args: list[Any], kwargs: dict[str, Any], context: Context) -> None:
        """Puts the context among a caller's arguments, in place; the handler must take one."""
        assert self.context_name is not None
        if self.context_index is not None and self.context_index <= len(args):
            args.insert(self.context_index, context)
        else:
            kwargs[self.context_name] = context

    def _bind(self, args: "Args | list[object]", kwargs: Kwargs) -> None:
        try:
            self._seen.bind(*args, **kwargs)
        except TypeError as fault:
            raise TypeError(
                f"{self.where}{self._seen} does not take these arguments: {fault}; correct the call"
            ) from None

    def _convert(self, args: list[object], kwargs: Kwargs, way: typing.Literal["encode", "decode"]) -> None:
        """Converts arguments in place."""
        by_place = self._by_place
        for index, value in enumerate(args):
            converter = by_place[index] if index < len(by_place) else self._rest
            if converter is not None:
                try:
                    args[index] = converter.encode(value) if way == "encode" else converter.decode(value)
                except Unfit as fault:
                    raise fault.below(self._place_name(index)) from None
        for name, value in kwargs.items():
            converter = self._by_name.get(name, self._rest_by_name)
            if converter is not None:
                try:
                    kwargs[name] = converter.encode(value) if way == "encode" else converter.decode(value)
                except Unfit as fault:
                    raise fault.below(repr(name)) from None

    def _place_name(self, index: int) -> str:
        return repr(self._parameters[index]) if index < len(self._parameters) else str(index + 1)


def required_parameters(func: Callable[..., object], where: str) -> list[str]:
    """Returns the parameters that every call must fill, without the context."""
    found: list[str] = []
    for parameter in inspect.signature(func).parameters.values():
        is_rest = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if is_rest or parameter.default is not inspect.Parameter.empty:
            continue
        try:
            hint = _resolve(func, parameter.name, where)
        except InvalidTask:
            hint = None  # a type that does not exist yet, so it is not the context
        if hint is not Context and Context not in typing.get_args(hint):
            found.append(parameter.name)
    return found


def _resolve(func: Callable[..., object], name: str, where: str) -> object:
    """Returns the annotation of one parameter as an object, or None where there is none.

    The text of an annotation is evaluated in the module of the handler: it is the user's own source, as
    imported.
    """
    annotations: dict[str, object] = getattr(func, "__annotations__", {})
    if name not in annotations:
        return None
    hint = annotations[name]
    if hint is Context:
        return hint
    try:
        return _resolve_one(func, hint)
    except (NameError, AttributeError, TypeError, SyntaxError) as fault:
        raise InvalidTask(
            f"the annotation of {name!r} in {where} cannot be resolved ({fault}); "
            f"import the type at run time and not only under TYPE_CHECKING"
        ) from None


def _resolve_return(func: Callable[..., object]) -> object:
    annotations: dict[str, object] = getattr(func, "__annotations__", {})
    try:
        return _resolve_one(func, annotations.get("return"))
    except (NameError, AttributeError, TypeError, SyntaxError):
        # A return annotation only helps to read results; the job can run without it.
        return None


def _resolve_one(func: Callable[..., object], hint: object) -> object:
    if hint is None:
        return None
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint

    def holder() -> None: ...

    holder.__annotations__ = {"it": hint}
    return typing.get_type_hints(holder, getattr(inspect.unwrap(func), "__globals__", {}))["it"]
