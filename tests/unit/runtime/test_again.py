"""What is made of an object is found again by that very object."""

from functions.runtime.again import Again


class Source:
    """An object that equals every other one."""

    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = object.__hash__


def test_it_is_known_of_each_object_and_its_words() -> None:
    again = Again[int](10)
    first, second = Source(), Source()
    again.keep(1, first, "a")
    again.keep(2, first, "b")
    again.keep(3, second, "a")
    assert [again.known(first, "a"), again.known(first, "b"), again.known(second, "a")] == [1, 2, 3]
    assert again.known(first) is again.known(second, "b") is again.known(Source(), "a") is None


def test_an_object_in_the_place_of_one_that_is_gone_is_another() -> None:
    again = Again[int](1000)
    for number in range(100):  # Without being held, each would take the last one's place in memory.
        source = Source()
        assert again.known(source) is None
        again.keep(number, source)
        del source


def test_no_more_is_kept_than_so_many() -> None:
    again = Again[int](3)
    for number in range(10):
        source = Source()
        again.keep(number, source)
        assert again.known(source) == number
        assert len(again._entries) <= 3
