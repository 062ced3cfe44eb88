"""Whether every name and filter a template uses can ever be there; a misspelling is refused when loaded, not when sent.

The names are those of the front matter's `data:` and those every template has. Where `data:` says which event a name
is, its fields are checked too. A field the event does not declare may still have been sent by the client: it is
allowed where the template says what to write without it (`{{ cart.gift_note | default: "" }}`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Union, get_args, get_origin

from liquid import BoundTemplate, Node, RenderContext
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.expression import Expression
from pydantic import BaseModel

import events
from errors import TemplateError

ALWAYS: Final = ("person", "shop", "language", "kind", "subject", "preheader", "unsubscribe_url", "recommendations")
FORETOLD: Final = ("buy_probability", "next_category")
SHOP: Final = ("name", "url", "postal_address", "support_email")


@dataclass(frozen=True)
class Many:
    """A list of things of one shape."""

    item: Shape


@dataclass(frozen=True)
class Fields:
    """Something with exactly these fields."""

    fields: tuple[tuple[str, Shape], ...]


Shape = Many | Fields | None
"""What is known of a value; None where anything may be asked of it."""


def check_names(templates: Iterable[BoundTemplate], data: Iterable[tuple[str, str]]) -> None:
    """Raise TemplateError for the first name or field that is not known."""
    scope: dict[str, Shape] = dict.fromkeys(ALWAYS)
    scope["shop"] = Fields(tuple((name, None) for name in SHOP))
    scope["recommendations"] = Many(_model(events.Recommended))
    scope |= {name: _event(kind) if kind else None for name, kind in data}
    for template in templates:
        names = dict(scope)
        context = RenderContext(template)
        for node in template.nodes:
            _check_node(node, names, context)


def asked_of(templates: Iterable[BoundTemplate]) -> frozenset[str]:
    """What these templates ask for that is only looked up for who asks: `recommendations`, or `foretold` of the person."""
    found = set[str]()
    for template in templates:
        for root, *rest in template.global_variable_segments():
            if root == "recommendations":
                found.add("recommendations")
            elif root == "person" and (not rest or rest[0] in FORETOLD):
                found.add("foretold")
    return frozenset(found)


def sample_of(kind: str) -> Any:
    """A value such as an event of that class has, with two of whatever there can be many of; a word where there is no class."""
    return _sample(_event(kind) if kind else None)


def _sample(shape: Shape) -> Any:
    match shape:
        case Many():
            return [_sample(shape.item), _sample(shape.item)]
        case Fields():
            return {name: _sample(inner) for name, inner in shape.fields}
    return "sample"


def _event(name: str) -> Shape:
    found = getattr(events, name, None)
    if not (isinstance(found, type) and issubclass(found, events.Fact)):
        known = [kind.__name__ for kind in events.Event.kinds().values()]
        raise TemplateError(f"data names {name!r}, which is not in events.py" + _suggest(name, known))
    return _model(found)


def _model(model: type[BaseModel]) -> Fields:
    return Fields(tuple((name, _annotation(field.annotation)) for name, field in model.model_fields.items()))


def _annotation(annotation: Any) -> Shape:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation)
    if get_origin(annotation) in (tuple, list):
        return Many(_annotation(get_args(annotation)[0]))
    shapes = [_annotation(part) for part in get_args(annotation)] if get_origin(annotation) is Union else []
    return next((shape for shape in shapes if shape), None)


def _check_node(node: Node, names: dict[str, Shape], context: RenderContext) -> None:
    for expression in node.expressions():
        _check_expression(expression, names)
        _check_filters(expression, context)
    if isinstance(node, AssignNode):
        names[str(node.name)] = _assigned(node.expression, names)
    else:
        names |= {str(name): None for name in node.template_scope()}
    hidden = dict(names)
    inner: dict[str, Shape] = {str(name): None for name in node.block_scope()}
    if isinstance(node, ForNode):
        inner[node.expression.identifier] = _item(_assigned(node.expression.iterable, names))
    names |= inner
    for child in node.children(context):
        _check_node(child, names, context)
    for name in inner:
        del names[name]
        if name in hidden:
            names[name] = hidden[name]


def _check_expression(expression: Expression, names: Mapping[str, Shape]) -> None:
    if isinstance(expression, Path):
        _shape(expression, names)
    for child in expression.children():
        if isinstance(expression, LoopExpression) and str(child) == expression.identifier:
            continue
        if isinstance(expression, FilteredExpression) and child is expression.left and _has_default(expression):
            if isinstance(child, Path):
                _root(child, names)
            continue
        _check_expression(child, names)


def _check_filters(expression: Expression, context: RenderContext) -> None:
    """Liquid itself looks for a filter only when it is used."""
    for filter_ in (expression.filters or ()) if isinstance(expression, FilteredExpression) else ():
        if filter_.name not in context.env.filters:
            raise TemplateError(f"there is no filter {filter_.name!r}" + _suggest(filter_.name, context.env.filters))


def _has_default(expression: FilteredExpression) -> bool:
    return any(filter_.name == "default" for filter_ in (expression.filters or ())[:1])


def _assigned(expression: Expression, names: Mapping[str, Shape]) -> Shape:
    if isinstance(expression, FilteredExpression):
        return None if expression.filters else _assigned(expression.left, names)
    return _shape(expression, names) if isinstance(expression, Path) else None


def _item(shape: Shape) -> Shape:
    return shape.item if isinstance(shape, Many) else None


def _root(path: Path, names: Mapping[str, Shape]) -> Shape:
    root = str(path.path[0])
    if root not in names:
        raise TemplateError(f"{root!r} is not known: add it to `data:` in the front matter" + _suggest(root, names))
    return names[root]


def _shape(path: Path, names: Mapping[str, Shape]) -> Shape:
    shape = _root(path, names)
    for segment in path.path[1:]:
        match shape:
            case None:
                return None
            case Many():
                shape = None if segment == "size" else shape.item
            case Fields():
                fields = dict(shape.fields)
                if not isinstance(segment, str):
                    return None
                if segment not in fields:
                    hint = _suggest(segment, fields) or "; add `| default:` if the client may send it"
                    raise TemplateError(f"{str(path)!r}: there is no {segment!r}{hint}")
                shape = fields[segment]
    return shape


def _suggest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
