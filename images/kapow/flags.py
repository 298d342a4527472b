"""Command lines as Go's pflag reads them."""


class FlagError(Exception):
    pass


def parse(arguments, strings, booleans=(), short=None):
    """The flags' values by name, and the other arguments.

    A boolean takes a value after `=` only: in `--clientauth true` the word `true` is an argument.
    """
    values = {**strings, **{name: False for name in booleans}}
    others = []
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        if word == "--":
            return values, others + queue
        if not word.startswith("-") or word == "-":
            others.append(word)
            continue
        name, equals, value = _name(word, short or {}).partition("=")
        if name in booleans:
            values[name] = _boolean(name, value) if equals else True
        elif name not in strings:
            raise FlagError(f"unknown flag: --{name}")
        elif equals:
            values[name] = value
        elif queue:
            values[name] = queue.pop(0)
        else:
            raise FlagError(f"flag needs an argument: --{name}")
    return values, others


def _name(word, short):
    if word.startswith("--"):
        return word[2:]
    if word[1] not in short:
        raise FlagError(f"unknown shorthand flag: {word[1]!r} in {word}")
    rest = word[2:].removeprefix("=")
    return short[word[1]] + (f"={rest}" if rest else "")


def _boolean(name, text):
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise FlagError(f'invalid argument "{text}" for "--{name}" flag: invalid syntax')
