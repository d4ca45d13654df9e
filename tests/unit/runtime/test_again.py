"""What is made again and again of the same object is made once."""

from functions.runtime.again import Again


class Source:
    """An object that equals every other one."""

    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = object.__hash__


def test_it_is_made_once_for_each_object_and_its_words() -> None:
    again, made = Again[int](10), iter(range(100))
    first, second = Source(), Source()
    asked = [(first, "a"), (first, "a"), (first, "b"), (second, "a"), (first, "a")]
    got = [again.made(source, (word,), lambda: next(made)) for source, word in asked]
    assert got == [0, 0, 1, 2, 0]


def test_an_object_in_the_place_of_one_that_is_gone_gets_its_own() -> None:
    again = Again[int](10)
    for number in range(100):  # Without being held, each would take the last one's place in memory.
        source = Source()
        assert again.made(source, (), lambda number=number: number) == number  # type: ignore[misc]
        del source


def test_no_more_is_kept_than_so_many() -> None:
    again = Again[int](3)
    for _ in range(10):
        again.made(Source(), (), lambda: 1)
        assert len(again._entries) <= 3
