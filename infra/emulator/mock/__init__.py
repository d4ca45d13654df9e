"""`mock_fc`: Function Compute inside a test, without a socket for its API.

    with mock_fc() as fc:                      @mock_fc()
        client.create_function(…)              def test_…(): …      async def test_…(): …

    requests (fc2, FC 3.0) ──┐
    aiohttp (its async side) ┴─ hosts of Function Compute ─▶ bytes ─▶ the connections, application
                                any other: untouched                  and model of the server

Functions run as processes all the same. The emulator has an event loop and a thread of its own, so
that a test may be synchronous or not; both end with the block.
"""

from infra.emulator.mock.door import FcMock, mock_fc

__all__ = ["FcMock", "mock_fc"]
