"""The endpoints that tell how far the limits of labels and associations are used."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from etl.sandbox.catalogue import MAX_LABELS_PER_PAIR
from etl.sandbox.endpoints import Endpoints, answer
from etl.sandbox.refusal import invalid
from etl.sandbox.usage import percentage, usage_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.objects import ObjectType
    from etl.sandbox.portal import Pair
    from etl.sandbox.usage import Usage

SAMPLES = 10
"""Records named in one answer; the specs call them samples and give no number."""

MAX_USER_ID = 2**31 - 1
"""The specs give ``userId`` the format int32."""


class UsageEndpoints(Endpoints):
    """What is used of the limits, and the report of it by mail, which nobody gets."""

    def routes(self) -> list[web.RouteDef]:
        """List the paths and what answers them; not every version has its own limits tracking."""
        report = f"{self._version.batch_root}/usage/high-usage-report/{{user_id}}"
        routes = [web.post(report, self.report)]
        if self._version.tracking_root is not None:
            root = f"{self._version.tracking_root}/associations"
            pair = f"{root}/records/{{from_object}}/{{to_object}}"
            routes += [
                web.get(f"{root}/labels", self.labels, allow_head=False),
                web.get(f"{root}/records/from", self.from_objects, allow_head=False),
                web.get(f"{root}/records/{{object}}/to", self.to_objects, allow_head=False),
                web.get(pair, self.records, allow_head=False),
            ]
        return routes

    async def report(self, request: web.Request) -> web.Response:
        """Take the order for a report of the records that are near their limit."""
        self._check_any_scope()
        text = request.match_info["user_id"]
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:20]) <= MAX_USER_ID):
            raise invalid(f"Invalid user id {text[:40]!r}: send a number from 1 to {MAX_USER_ID}")
        now = round(datetime.now(UTC).timestamp() * 1000)
        return answer(
            {
                "userId": int(text),
                "userEmail": f"user{int(text)}@example.com",
                "enqueueTime": {"dateOnly": False, "timeZoneShift": 0, "value": now},
            }
        )

    async def labels(self, request: web.Request) -> web.Response:
        """Count labels: those of one direction, of one object's, or of all that have any."""
        self._check_any_scope()
        named = [request.query.get(each) for each in ("fromObjectTypeId", "toObjectTypeId")]
        wanted = [None if each is None else self._infer(each).name for each in named]
        one, other = wanted
        catalogue = self._portal.catalogue
        pairs = [
            pair
            for pair in catalogue.labelled_pairs()
            if one in {None, pair[0]} and other in {None, pair[1]}
        ]
        if not pairs and one is not None and other is not None:
            pairs = [(one, other)]
        results: list[object] = []
        for from_object, to_object in pairs:
            used = catalogue.count_defined(from_object, to_object)
            custom = catalogue.custom_labels(from_object, to_object)
            results.append(
                {
                    "fromObjectType": _object(self._portal.objects.named(from_object)),
                    "toObjectType": _object(self._portal.objects.named(to_object)),
                    "allLabels": [each.text for each in custom],
                    "limit": MAX_LABELS_PER_PAIR,
                    "usage": used,
                    "percentage": percentage(used, MAX_LABELS_PER_PAIR),
                }
            )
        return answer({"results": results})

    async def from_objects(self, _: web.Request) -> web.Response:
        """List the objects with a record that is near a limit or at it, to whatever object."""
        self._check_any_scope()
        return answer(
            {"results": self._strained((p.from_object, p) for p in self._portal.associated_pairs())}
        )

    async def to_objects(self, request: web.Request) -> web.Response:
        """List the objects of which a record of this object has nearly all that it may have."""
        of = self._object(request, "read")
        pairs = ((p.to_object, p) for p in self._portal.associated_pairs() if p.from_object == of)
        return answer({"results": self._strained(pairs)})

    async def records(self, request: web.Request) -> web.Response:
        """Name some of the records that are near their limit, and some that are at it."""
        pair = self._pair(request, "read")
        usage = usage_of(self._portal, pair)
        return answer(
            {
                "limit": usage.limit,
                "totalRecordsAtLimit": len(usage.full),
                "totalRecordsNearLimit": len(usage.near),
                "atLimitFromRecordSamples": [
                    {"objectId": i, "label": self._label(pair.from_object, i)}
                    for i in sorted(usage.full)[:SAMPLES]
                ],
                "nearLimitFromRecordSamples": [
                    {
                        "objectId": i,
                        "label": self._label(pair.from_object, i),
                        "usage": usage.near[i],
                        "percentage": percentage(usage.near[i], usage.limit),
                    }
                    for i in sorted(usage.near)[:SAMPLES]
                ],
            }
        )

    def _strained(self, pairs: Iterable[tuple[ObjectType, Pair]]) -> list[object]:
        """Write the objects for which some direction has records near or at their limit."""
        usages: defaultdict[ObjectType, list[Usage]] = defaultdict(list)
        for of, pair in pairs:
            usages[of].append(usage_of(self._portal, pair))
        return [
            {
                **_object(of),
                "hasRecordsNearLimit": any(each.near for each in found),
                "hasRecordsAtLimit": any(each.full for each in found),
            }
            for of, found in usages.items()
            if any(each.near or each.full for each in found)
        ]

    def _label(self, of: ObjectType, record_id: int) -> str:
        """Tell what people know a record by: its key, or else its id."""
        return self._portal.properties(of).key_of(record_id) or str(record_id)


def _object(of: ObjectType) -> dict[str, object]:
    singular, plural = (each.replace("_", " ").capitalize() for each in (of.name, of.plural))
    return {"objectTypeId": of.type_id, "singularLabel": singular, "pluralLabel": plural}
