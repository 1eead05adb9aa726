"""The keys that sign tickets, by name, newest last."""

from dataclasses import dataclass


@dataclass
class Key:
    name: str
    material: bytes
    retired: bool = False


class KeyRing:
    def __init__(self):
        self._keys = {}

    def add(self, name, material):
        """Adds a key; from now on it signs new tickets."""
        if name in self._keys:
            raise ValueError(f"the key {name} is already there")
        self._keys[name] = Key(name, material)

    def retire(self, name):
        """The key checks nothing any more. It stays, so that its name is never used again."""
        self._keys[name].retired = True

    def newest(self):
        """The key that signs."""
        for key in reversed(self._keys.values()):
            if not key.retired:
                return key
        raise LookupError("the key ring has no key that may sign")

    def find(self, name):
        """A key by its name, or None."""
        return self._keys.get(name)

    def all(self):
        """Every key, newest first."""
        return list(reversed(self._keys.values()))
