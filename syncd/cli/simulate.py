"""`syncd simulate`: a shop to try things with."""

from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    lines = ("syncd simulate --port 8800", "syncd simulate --orders 20000 --switch paging=false")
    app.command("simulate", epilog=examples(*lines))(simulate)


def simulate(
    port: Annotated[int, typer.Option(help="Where it listens; 0 takes a free port.", min=0, max=65535)] = 8800,
    host: Annotated[str, typer.Option(help="Keep it on this machine: it has no doors.")] = "127.0.0.1",
    products: Annotated[int, typer.Option(min=0)] = 60,
    orders: Annotated[int, typer.Option(min=0)] = 300,
    customers: Annotated[int, typer.Option(min=0)] = 80,
    seed: Annotated[int, typer.Option(help="The same seed gives the same shop.")] = 1,
    bucket: Annotated[float, typer.Option(help="How many calls its limit holds.", min=1)] = 40,
    leak: Annotated[float, typer.Option(help="How many calls a second it gives back.", min=0.01)] = 2,
    character: Annotated[str, typer.Option(help="plain, rich, poor or quirky.")] = "plain",
    switch: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="One trait more; may be given several times.")
    ] = None,
    client_id: Annotated[str, typer.Option(metavar="ID", help="The app that it knows.")] = "syncd.sim",
    mishap: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="What goes wrong with webhooks, as in lost=0.2; may be repeated."),
    ] = None,
) -> None:
    """Serve a simulated FlickRocket shop over HTTP, until Ctrl-C."""
    from syncd.service.simulation import SimulatedShop
    from syncd.service.simulation import simulate as serve

    wanted = SimulatedShop(
        products, orders, customers, seed, bucket, leak, character, tuple(switch or ()), client_id, mishap or ()
    )

    def started(address: str) -> None:
        size = f"{products:,} products, {orders:,} orders, {customers:,} customers"
        screen.say(f"A simulated shop ({size}) is at {address}")
        screen.next_step(f"syncd shop add sim --base-url {address} --client-id {client_id}")

    serve(wanted, host, port, started)
