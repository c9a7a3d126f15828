"""The sockets under httpcore: what each failure becomes, and that nothing stays open."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import struct

import httpcore
import pytest
import trustme

from aggregator.web.streams import SocketBackend, SocketStream

pytestmark = pytest.mark.anyio

BIG = bytes(range(256)) * 40_000  # 10 MB: far more than all buffers on the way


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def crowded():
    """A server that accepts nobody, and whose queue is full: connecting to it takes for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as made:
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(made.getsockname())
        yield made.getsockname()
        for client in waiting:
            client.close()


@pytest.fixture
async def pair(anyio_backend, listener):
    """Both ends of a connection: the client's, made by the backend, and the server's."""
    client = await SocketBackend().connect_tcp(*listener.getsockname(), 5.0)
    server = SocketStream(listener.accept()[0])
    yield client, server
    await client.aclose()
    await server.aclose()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trust(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
async def secured(anyio_backend, authority, trust):
    """A connection with TLS: the client's end, and the server's reader and writer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("news.example").configure_cert(context)
    ends: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def keep(reader, writer):
        await ends.put((reader, writer))

    listening = await asyncio.start_server(keep, "127.0.0.1", 0, ssl=context)
    plain = await SocketBackend().connect_tcp(*listening.sockets[0].getsockname(), 5.0)
    client = await plain.start_tls(trust, "news.example", 5.0)
    reader, writer = await ends.get()
    yield client, reader, writer
    await client.aclose()
    writer.transport.abort()
    listening.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def is_closed(stream: httpcore.AsyncNetworkStream) -> bool:
    return stream.get_extra_info("socket").fileno() < 0


async def read_all(stream: httpcore.AsyncNetworkStream, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        parts += await stream.read(65536, 5.0)
    return bytes(parts)


async def test_bytes_go_both_ways_until_the_end(pair):
    client, server = pair
    await client.write(b"question", 5.0)
    assert await server.read(99) == b"question"
    await server.write(b"answer")
    await server.aclose()
    assert await client.read(4, 5.0) == b"answ"
    assert await client.read(99, 5.0) == b"er"
    assert await client.read(99, 5.0) == b""


async def test_a_large_body_goes_through_in_pieces(pair):
    client, server = pair
    _, received = await asyncio.gather(server.write(BIG, 5.0), read_all(client, len(BIG)))
    assert received == BIG


async def test_a_stream_tells_its_addresses_and_nothing_that_it_does_not_know(pair):
    client, server = pair
    assert client.get_extra_info("client_addr") == server.get_extra_info("server_addr")
    assert client.get_extra_info("server_addr") == server.get_extra_info("client_addr")
    assert client.get_extra_info("ssl_object") is None


async def test_a_local_address_and_options_of_the_socket_are_heeded(listener):
    option = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    host, port = listener.getsockname()
    client = await SocketBackend().connect_tcp(host, port, 5.0, "127.0.0.1", [option])
    made = client.get_extra_info("socket")
    assert made.getsockname()[0] == "127.0.0.1"
    assert made.getsockopt(*option[:2])
    assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await client.aclose()


async def test_addresses_of_ipv6_are_connected_to():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on loopback here")
    with listener:
        client = await SocketBackend().connect_tcp("::1", listener.getsockname()[1], 5.0)
        assert client.get_extra_info("server_addr")[0] == "::1"
        await client.aclose()


async def test_a_refused_connection_says_so(listener):
    address = listener.getsockname()
    listener.close()
    with pytest.raises(httpcore.ConnectError) as caught:
        await SocketBackend().connect_tcp(*address, 5.0)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


async def test_an_address_that_is_not_ours_cannot_be_connected_from(listener):
    with pytest.raises(httpcore.ConnectError):
        await SocketBackend().connect_tcp(*listener.getsockname(), 5.0, "192.0.2.1")
    gc.collect()  # an open socket would warn


async def test_connecting_is_given_up_in_time_and_leaves_nothing_open(crowded):
    with pytest.raises(httpcore.ConnectTimeout):
        await SocketBackend().connect_tcp(*crowded, 0.02)
    gc.collect()


async def test_connecting_can_be_cancelled_and_leaves_nothing_open(crowded):
    task = asyncio.create_task(SocketBackend().connect_tcp(*crowded))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()


async def test_reading_is_given_up_in_time_and_can_be_tried_again(pair):
    client, server = pair
    with pytest.raises(httpcore.ReadTimeout):
        await client.read(99, 0.01)
    await server.write(b"late")
    assert await client.read(99, 5.0) == b"late"


async def test_reading_can_be_cancelled_and_tried_again(pair):
    client, server = pair
    task = asyncio.create_task(client.read(99))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.write(b"late")
    assert await client.read(99, 5.0) == b"late"


async def test_writing_to_one_that_does_not_read_is_given_up_in_time(pair):
    client, _ = pair
    with pytest.raises(httpcore.WriteTimeout):
        await client.write(BIG, 0.01)


async def test_a_reset_is_an_error_of_reading_and_of_writing(pair):
    client, server = pair
    reset(server.get_extra_info("socket"))
    await server.aclose()
    with pytest.raises(httpcore.ReadError):
        await client.read(99, 5.0)
    with pytest.raises(httpcore.WriteError):
        await client.write(b"x", 5.0)


async def test_a_closed_stream_stays_closed(pair):
    client, _ = pair
    await client.aclose()
    await client.aclose()
    with pytest.raises(httpcore.ReadError):
        await client.read(99, 5.0)
    with pytest.raises(httpcore.WriteError):
        await client.write(b"x", 5.0)
    assert client.get_extra_info("is_readable")


async def test_closing_wakes_the_task_that_waits_and_leaves_the_next_connection_alone(pair, listener):
    """The next one gets the number of the closed one, while the woken task has still to tidy up."""
    client, _ = pair
    number = client.get_extra_info("socket").fileno()
    writing = asyncio.create_task(client.write(BIG))
    await asyncio.sleep(0)
    await client.aclose()
    other = await SocketBackend().connect_tcp(*listener.getsockname(), 5.0)
    assert other.get_extra_info("socket").fileno() == number
    with pytest.raises(httpcore.WriteError):
        await writing
    await other.aclose()


async def test_a_task_that_was_woken_just_before_its_stream_is_closed_leaves_nothing_behind(pair, listener):
    client, server = pair
    reading = asyncio.create_task(client.read(99))
    await asyncio.sleep(0)
    await server.write(b"x")
    await asyncio.sleep(0)  # the loop wakes the reader behind this task,
    await asyncio.sleep(0)  # and its turn comes behind this one
    await client.aclose()
    other = await SocketBackend().connect_tcp(*listener.getsockname(), 5.0)
    with pytest.raises(httpcore.ReadError):
        await reading
    await other.aclose()


async def test_a_server_that_always_has_more_to_say_does_not_stop_everything_else(pair):
    client, server = pair
    await server.write(b"abc")
    other = asyncio.create_task(asyncio.sleep(0))
    for _ in range(3):
        await client.read(1, 5.0)
    assert other.done()


@pytest.mark.parametrize("event", ["closes", "speaks"])
async def test_an_idle_connection_is_readable_once_the_server_closes_it_or_speaks_unasked(pair, event):
    client, server = pair
    assert not client.get_extra_info("is_readable")
    await (server.aclose() if event == "closes" else server.write(b"x"))
    assert client.get_extra_info("is_readable")


@pytest.mark.parametrize("event", ["closes", "speaks"])
async def test_an_idle_connection_that_was_closed_or_spoken_on_is_not_used_again(
    web, serve, get, reply, event
):
    """S53."""
    writers = []

    async def answer(request, writer):
        writers.append(writer)
        writer.write(reply(body=b"mine"))

    server = await serve({"*": answer})
    client = web()
    for _ in range(2):
        assert (await get(client, server.url())).body == b"mine"
    assert server.connections == 1
    if event == "closes":
        writers[-1].transport.abort()
        await asyncio.sleep(0)  # the transport closes its socket at the loop's next turn
    else:
        writers[-1].write(reply(body=b"forged"))
    assert (await get(client, server.url())).body == b"mine"
    assert server.connections == 2


async def test_tls_goes_both_ways_and_ends_with_the_goodbye(secured):
    client, reader, writer = secured
    await client.write(BIG[:100_000], 5.0)
    assert await reader.readexactly(100_000) == BIG[:100_000]
    writer.write(BIG)
    assert await read_all(client, len(BIG)) == BIG
    writer.close()
    assert await client.read(99, 5.0) == b""
    assert client.get_extra_info("ssl_object").version().startswith("TLS")


async def test_bytes_that_tls_has_read_ahead_make_a_connection_readable(secured):
    client, _, writer = secured
    writer.write(b"answer")
    writer.write(b"more")
    for expected in (b"answ", b"er"):
        assert await client.read(4, 5.0) == expected
        assert client.get_extra_info("is_readable")
    assert await client.read(4, 5.0) == b"more"
    assert not client.get_extra_info("is_readable")


async def test_a_stream_of_tls_that_ends_without_goodbye_has_ended(secured):
    client, _, writer = secured
    writer.write(b"answer")
    writer.transport.abort()
    assert await client.read(99, 5.0) == b"answer"
    assert await client.read(99, 5.0) == b""
    assert await client.read(99, 5.0) == b""


async def test_a_reset_is_no_end_of_the_stream_under_tls_either(secured):
    client, _, writer = secured
    writer.write(b"half an ans")
    assert await client.read(99, 5.0) == b"half an ans"
    reset(writer.get_extra_info("socket"))
    writer.transport.abort()
    with pytest.raises(httpcore.ReadError):
        await client.read(99, 5.0)


async def test_reading_and_writing_under_tls_are_given_up_in_time(secured):
    client, _, _ = secured
    with pytest.raises(httpcore.ReadTimeout):
        await client.read(99, 0.01)
    with pytest.raises(httpcore.WriteTimeout):
        await client.write(BIG, 0.01)


async def test_what_is_no_tls_in_the_middle_is_an_error(secured):
    client, _, writer = secured
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as raw:
        raw.send(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(httpcore.ReadError) as caught:
        await client.read(99, 5.0)
    assert isinstance(caught.value.__cause__, ssl.SSLError)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_a_server_that_does_not_speak_tls_is_an_error_of_tls_and_is_closed(pair, trust, answer):
    client, server = pair
    await server.write(answer)
    server.get_extra_info("socket").shutdown(socket.SHUT_WR)
    with pytest.raises(httpcore.ConnectError) as caught:
        await client.start_tls(trust, "news.example", 5.0)
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert is_closed(client)


async def test_a_reset_while_shaking_hands_is_an_error_of_connecting(pair, trust):
    client, server = pair
    reset(server.get_extra_info("socket"))
    await server.aclose()
    with pytest.raises(httpcore.ConnectError) as caught:
        await client.start_tls(trust, "news.example", 5.0)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert is_closed(client)


async def test_shaking_hands_is_given_up_in_time(pair, trust):
    with pytest.raises(httpcore.ConnectTimeout):
        await pair[0].start_tls(trust, "news.example", 0.01)
    assert is_closed(pair[0])


async def test_shaking_hands_can_be_cancelled_and_leaves_nothing_open(pair, trust):
    task = asyncio.create_task(pair[0].start_tls(trust, "news.example"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_closed(pair[0])


async def test_a_name_that_no_certificate_can_have_leaves_nothing_open(pair, trust):
    with pytest.raises(ValueError, match="label"):
        await pair[0].start_tls(trust, f"{'a' * 64}.example", 5.0)
    assert is_closed(pair[0])
