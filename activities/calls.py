"""What another program is told: a JSON object, written in Liquid in which every value ends with `| json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from liquid import BoundTemplate, Node, RenderContext, Undefined
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.exceptions import LiquidError

from errors import TemplateError
from messages import RenderedCall

from .template_language import TemplateLanguage
from .template_names import check_names, sample_of

NOBODY: Final[dict[str, Any]] = {"person": {"segments": []}, "shop": {}, "language": "en", "kind": "service"}
"""What is always there, at its emptiest."""


def read_call(body: str, data: Iterable[tuple[str, str]]) -> BoundTemplate:
    """The body, parsed and tried with nothing known and with everything known; TemplateError says what to mend."""
    template = _CALL.from_string(body)
    check_names([template], data)
    context = RenderContext(template)
    for node in (each for root in template.nodes for each in _outputs(root, context)):
        expression = node.expression
        filters = (expression.filters if isinstance(expression, FilteredExpression) else None) or ()
        if not filters or filters[-1].name != "json":
            raise TemplateError(
                f"end {node} with `| json`, without quotes around it, so that any value stays one value"
            )
    names = {name: sample_of(kind) for name, kind in data}
    some = {"recommendations": [sample_of("Recommended")] * 2}
    for known in (dict.fromkeys(names), some | names):
        fill_call(template, NOBODY | {"unsubscribe_url": None} | known)
    return template


def fill_call(template: BoundTemplate, names: Mapping[str, Any]) -> RenderedCall:
    """The call with these names filled in; TemplateError where that makes no JSON object."""
    try:
        data = json.loads(template.render(names), parse_constant=_refused)
    except LiquidError as error:
        # Liquid's own words, and JSON's, may quote what the person wrote.
        raise TemplateError(f"its body cannot be rendered ({type(error).__name__})") from None
    except (ValueError, RecursionError):
        raise TemplateError(
            "its body is no JSON: look for a comma too many, or quotes around `{{ … | json }}`"
        ) from None
    if not isinstance(data, dict):
        raise TemplateError("its body is JSON, but no object: put it between { and }")
    return RenderedCall(data)


def _outputs(node: Node, context: RenderContext) -> Iterator[OutputNode]:
    """What the template writes; what is captured is written later, by its name."""
    if isinstance(node, OutputNode):
        yield node
    if not isinstance(node, CaptureNode):
        for child in node.children(context):
            yield from _outputs(child, context)


def _json(value: object) -> str:
    return json.dumps(None if isinstance(value, Undefined) else value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    """A number that Liquid has calculated; of anything else that is no JSON, nothing."""
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    return None


def _refused(constant: str) -> object:
    raise ValueError(constant)


class CallLanguage(TemplateLanguage):
    """The templates' Liquid with `json`, and without the tags that write text of their own."""

    def __init__(self) -> None:
        super().__init__(autoescape=False)
        for tag in ("cycle", "tablerow"):
            del self.tags[tag]
        self.add_filter("json", _json)


_CALL: Final = CallLanguage()
