"""What actions change: edits of the scanned bytes, made once for each distinct text and for all rows at once."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from ingest.control.columns import Rows
from ingest.control.fields import attribute_field
from otelhouse.rules.documents.control import (
    Change,
    DropAttributes,
    Normalise,
    Rename,
    RenameAttribute,
    SetAttribute,
)
from schema.wire import Edits, Owner, Scan, Slices, ValueKind
from schema.wire.distinct import distinct
from schema.wire.gather import copy_slices
from schema.wire.writing import delimited

Edit = DropAttributes | Normalise | Rename | RenameAttribute | SetAttribute

_OWNERS = {
    "attributes": Owner.ITEM,
    "resource": Owner.RESOURCE,
    "scope": Owner.SCOPE,
    "events": Owner.EVENT,
    "links": Owner.LINK,
}


def change(scan: Scan, action: Edit, items: Rows, edits: Edits) -> Rows:
    """Add the edits that an action makes to these items -> those that it changes."""
    if isinstance(action, Rename):
        return _rename(scan, action, items, edits)
    owner = _OWNERS[action.place]
    changed = np.zeros(len(scan.items), np.bool_)
    changed[items] = True
    owners = _owner_rows(scan, owner, changed)
    if isinstance(action, SetAttribute):
        touched = _set(scan, action, owner, owners, edits)
    elif isinstance(action, RenameAttribute):
        touched = _rename_attribute(scan, action, owner, owners, edits)
    elif isinstance(action, DropAttributes):
        touched = _drop(scan, action, owner, owners, edits)
    else:
        touched = _normalise(scan, action, owner, owners, edits)
    return items[_items_with(scan, owner, touched)[items]]


def _owner_rows(scan: Scan, owner: Owner, items: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Flags of items -> of the owners of attributes that belong to them."""
    if owner is Owner.ITEM:
        return items
    if owner is Owner.EVENT:
        return items[scan.events.parent]
    if owner is Owner.LINK:
        return items[scan.links.parent]
    scopes = np.zeros(len(scan.scopes), np.bool_)
    scopes[scan.items.parent[items]] = True
    if owner is Owner.SCOPE:
        return scopes
    resources = np.zeros(len(scan.resources), np.bool_)
    resources[scan.scopes.parent[scopes]] = True
    return resources


def _items_with(scan: Scan, owner: Owner, owners: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Flags of owners -> of the items that they belong to."""
    if owner is Owner.ITEM:
        return owners
    if owner is Owner.RESOURCE:
        return owners[scan.resource_of_items]
    if owner is Owner.SCOPE:
        return owners[scan.items.parent]
    table = scan.events if owner is Owner.EVENT else scan.links
    items = np.zeros(len(scan.items), np.bool_)
    items[table.parent[owners]] = True
    return items


def _flags(rows: npt.NDArray[np.integer], size: int) -> npt.NDArray[np.bool_]:
    flags = np.zeros(size, np.bool_)
    flags[rows] = True
    return flags


def _attributes(scan: Scan, owner: Owner, owners: npt.NDArray[np.bool_]) -> Rows:
    """Rows of the attributes of these owners."""
    attributes = scan.attributes
    own = np.flatnonzero(attributes.aux == owner)
    return own[owners[attributes.parent[own]]]


def _with_keys(scan: Scan, rows: Rows, keys: tuple[str, ...]) -> Rows:
    """Those of the attributes whose key fits one of the keys."""
    plain = [key for key in keys if not set(key) & set("*?")]
    wild = [key.replace("[", "[[]") for key in keys if set(key) & set("*?")]
    column = scan.attributes.slices("key").take(rows)
    fits = np.zeros(len(rows), np.bool_)
    for key in plain:
        fits |= column.equals(key.encode())
    if wild:
        codes, first = distinct(column)
        known = [text.decode() for text in column.take(first)]
        verdicts = [any(fnmatchcase(text, glob) for glob in wild) for text in known]
        fits |= np.array([*verdicts, False])[codes]
    return rows[fits]


def _drop(
    scan: Scan, action: DropAttributes, owner: Owner, owners: npt.NDArray[np.bool_], edits: Edits
) -> npt.NDArray[np.bool_]:
    rows = _with_keys(scan, _attributes(scan, owner, owners), action.keys)
    none = np.zeros(len(rows), np.int64)
    edits.replace(scan.attributes.tag[rows], scan.attributes.end[rows], np.zeros(1, np.uint8), none, none)
    return _flags(scan.attributes.parent[rows], len(owners))


def _rename_attribute(
    scan: Scan, action: RenameAttribute, owner: Owner, owners: npt.NDArray[np.bool_], edits: Edits
) -> npt.NDArray[np.bool_]:
    found = scan.find(owner, action.key.encode())
    taken = scan.find(owner, action.to.encode()) >= 0
    touched = owners & (found >= 0) & ~taken
    _all_same(edits, scan.attributes.slices("key").take(found[touched]), action.to.encode())
    return touched


def _set(
    scan: Scan, action: SetAttribute, owner: Owner, owners: npt.NDArray[np.bool_], edits: Edits
) -> npt.NDArray[np.bool_]:
    field = attribute_field(scan.signal, owner, action.key, action.value)
    found = scan.find(owner, action.key.encode())
    rows = found[owners & (found >= 0)]
    new = np.frombuffer(field, np.uint8)
    none = np.zeros(len(rows), np.int64)
    edits.replace(scan.attributes.tag[rows], scan.attributes.end[rows], new, none, none + len(field))
    _append(scan, owner, np.flatnonzero(owners & (found < 0)), field, edits)
    return owners


def _append(scan: Scan, owner: Owner, rows: Rows, field: bytes, edits: Edits) -> None:
    """Add a field to each of these owners: at the end of the message that holds their attributes."""
    if owner is Owner.ITEM:
        whole = scan.items.body.take(rows)
    else:
        table, name, tag = (
            (scan.resources, "resource", 0x0A) if owner is Owner.RESOURCE else (scan.scopes, "scope", 0x0A)
        )
        whole = table.slices(name).take(rows)
        without = np.flatnonzero(whole.off < 0)
        _append_to(table.body.take(rows[without]), delimited(tag, field), edits)
        whole = whole.take(np.flatnonzero(whole.off >= 0))
    _append_to(whole, field, edits)


def _append_to(payloads: Slices, field: bytes, edits: Edits) -> None:
    """Replace whole payloads by themselves and the field."""
    if not len(payloads):
        return
    length = payloads.len + len(field)
    off = np.cumsum(length) - length
    out = np.empty(int(length.sum()), np.uint8)
    copy_slices(payloads.data, payloads.off, payloads.len, off, out)
    ends = (off + payloads.len)[:, None] + np.arange(len(field))
    out[ends] = np.frombuffer(field, np.uint8)
    edits.replace(payloads.off, payloads.off + payloads.len, out, off, length)


def _normalise(
    scan: Scan, action: Normalise, owner: Owner, owners: npt.NDArray[np.bool_], edits: Edits
) -> npt.NDArray[np.bool_]:
    rows = _with_keys(scan, _attributes(scan, owner, owners), action.keys)
    rows = rows[scan.attributes["value.kind"][rows] == ValueKind.STRING]
    changed = _change_texts(edits, scan.attributes.slices("value").take(rows), action.change)
    return _flags(scan.attributes.parent[rows[changed]], len(owners))


def _rename(scan: Scan, action: Rename, items: Rows, edits: Edits) -> Rows:
    names = scan.items.slices("name").take(items)
    if not action.to:
        return items[_change_texts(edits, names, action.change)]
    there = np.flatnonzero((names.off >= 0) & ~names.equals(action.to.encode()))
    _all_same(edits, names.take(there), action.to.encode())
    return items[there]


def _all_same(edits: Edits, column: Slices, new: bytes) -> None:
    """Replace every text by the same one."""
    none = np.zeros(len(column), np.int64)
    edits.replace(column.off, column.off + column.len, np.frombuffer(new, np.uint8), none, none + len(new))


def _change_texts(edits: Edits, column: Slices, wanted: Change) -> Rows:
    """Change the texts of a column -> the rows that become another text."""
    codes, first = distinct(column)
    known = column.take(first)
    old = known.tolist()
    new = _changed(known, wanted)
    differs = np.array([before != after for before, after in zip(old, new, strict=True)] + [False], np.bool_)
    length = np.array([len(text) for text in new], np.int64)
    off = np.cumsum(length) - length
    rows = np.flatnonzero(differs[codes])
    code = codes[rows]
    data = np.frombuffer(b"".join(new) or b"\0", np.uint8)
    edits.replace(column.off[rows], column.off[rows] + column.len[rows], data, off[code], length[code])
    return rows


def _changed(column: Slices, wanted: Change) -> list[bytes]:
    if wanted.pattern:
        import pyarrow.compute as pc  # RE2; only for tenants whose rules have a pattern

        replaced = pc.replace_substring_regex(column.to_arrow(), wanted.pattern, wanted.replacement)
        texts = replaced.to_pylist()
    else:
        texts = [text.decode() for text in column]
    if wanted.lower:
        texts = [text.lower() for text in texts]
    if wanted.truncate:
        texts = [text[: wanted.truncate] for text in texts]
    return [text.encode() for text in texts]
