"""Reads a pickle of plain values as data. Nothing in it is run: opcodes that could are not known here.

CYBEX-P's programs talk in pickles, which `pickle.loads` obeys as a program. What they need of it is
dicts, lists, texts, bytes, numbers, booleans and None.
"""

import pickletools

# A record of some thousand fields. Each is looked at, so a flood of them would take the processor's time.
_MAX_OPCODES = 100_000
_MARK = object()


class NotPlain(ValueError):
    """No pickle, or one with more in it than plain values."""


def loads(data):
    # Every protocol from 2 on begins like this, and most other bodies don't.
    if data[:1] != b"\x80":
        raise NotPlain("not a pickle")
    stack, memo = [], {}
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if opcode.name == "STOP":
                (value,) = stack
                return value
            if count == _MAX_OPCODES:
                break
            _step(opcode.name, argument, stack, memo)
    except NotPlain:
        raise
    except Exception as error:  # whatever a made-up pickle trips over
        raise NotPlain(str(error)) from None
    raise NotPlain("no end")


def _step(name, argument, stack, memo):
    if name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _LITERALS:
        stack.append(argument)
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name == "MARK":
        stack.append(_MARK)
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name == "APPEND":
        item = stack.pop()
        _the(list, stack).append(item)
    elif name == "APPENDS":
        items = _since_mark(stack)
        _the(list, stack).extend(items)
    elif name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        _the(dict, stack)[key] = value
    elif name == "SETITEMS":
        items = _since_mark(stack)
        _the(dict, stack).update(zip(items[::2], items[1::2], strict=True))
    elif name not in ("PROTO", "FRAME"):
        raise NotPlain(f"{name} is no plain value")


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}


def _the(kind, stack):
    if type(stack[-1]) is not kind:
        raise NotPlain(f"a {kind.__name__} was expected")
    return stack[-1]


def _since_mark(stack):
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]
