from __future__ import annotations

import datetime as dt
import re

import httpx
import pytest
from lxml import etree

from connectors.padron.connector import WSDL
from connectors.padron.simulator.register import find, split_surname
from hub.core.moment import utc_now
from hub.core.secret import Secret
from hub.sandbox import magic
from hub.sandbox.population import Population
from hub.wire.soap import SoapService, envelope_bytes
from hub.wire.wsse import add_username_token, new_nonce
from tests.contract.padron.conftest import PASSWORD, Play, a_schema
from tests.support.builders import CITIZEN

SERVICE = SoapService(WSDL, "padron")
ACTION = "urn:posicion-integral:padron:1:ConsultaHabitante"
TODAY = dt.date(2026, 11, 22)
PEOPLE = Population()


def a_request(number: str = CITIZEN, *, password: str = PASSWORD, minutes: float = 0) -> str:
    solicitud = {
        "ProvinciaSolicitud": "28",
        "MunicipioSolicitud": "079",
        "Titular": {"Documentacion": {"Tipo": "NIF", "Valor": number}},
    }
    envelope = SERVICE.request("ConsultaHabitante", IdPeticion="ID-1", Solicitud=solicitud)
    at = utc_now() + dt.timedelta(minutes=minutes)
    add_username_token(envelope, "hub", Secret(password), nonce=new_nonce(), at=at)
    return envelope_bytes(envelope).decode()


async def post(play: Play, body: str, **headers: str) -> httpx.Response:
    sent = {"content-type": "text/xml; charset=utf-8", "soapaction": f'"{ACTION}"', **headers}
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(
            play.url + "servicios/ConsultaPadron", content=body.encode(), headers=sent
        )


def faultcode(answer: httpx.Response) -> str:
    found = re.search(r"<faultcode>([^<]*)</faultcode>", answer.text)
    code = re.search(r"<p:CodigoEstado>([^<]*)<", answer.text)
    return f"{found.group(1) if found else ''} {code.group(1) if code else ''}".strip()


REFUSED = {
    "no-security": (lambda r: re.sub(r"<[\w-]+:Header>.*</[\w-]+:Header>", "", r), "wsse:InvalidSecurity"),
    "two-tokens": (
        lambda r: re.sub(r"(<wsse:UsernameToken>.*</wsse:UsernameToken>)", r"\1\1", r),
        "wsse:InvalidSecurity",
    ),
    "password-in-clear": (
        lambda r: r.replace("#PasswordDigest", "#PasswordText"), "wsse:UnsupportedSecurityToken",
    ),
    "other-created": (
        lambda r: re.sub(r"(\d)Z</wsu:Created>", lambda m: f"{(int(m[1]) + 1) % 10}Z</wsu:Created>", r),
        "wsse:FailedAuthentication",
    ),
    "no-nonce": (lambda r: re.sub(r"(<wsse:Nonce[^>]*>)[^<]*<", r"\1<", r), "wsse:InvalidSecurityToken"),
    "bad-nonce": (lambda r: re.sub(r"(<wsse:Nonce[^>]*>)[^<]*<", r"\1%%<", r), "wsse:InvalidSecurityToken"),
    "other-user": (lambda r: r.replace(">hub<", ">nobody<"), "wsse:FailedAuthentication"),
    "not-the-schema": (lambda r: r.replace(">28<", ">Madrid<"), "soap:Client 0401"),
    "no-request": (lambda r: re.sub(r"<[\w-]+:Body>.*</[\w-]+:Body>", "<soap-env:Body/>", r), "soap:Client 0406"),
    "doctype": (lambda r: r.replace("?>", "?><!DOCTYPE x>", 1), "soap:Client 0403"),
    "no-xml": (lambda _: "consulta", "soap:Client 0403"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
async def test_it_refuses_what_a_register_would_refuse(play: Play, case):
    """Every defect of a request is a SOAP fault with status 500 and its own code."""
    change, code = case
    request = a_request()
    assert change(request) != request
    answer = await post(play, change(request))
    assert (answer.status_code, faultcode(answer)) == (500, code)


@pytest.mark.parametrize(("minutes", "status"), [(-6, 500), (-4, 200), (4, 200), (6, 500)])
async def test_a_token_is_good_for_five_minutes_either_way(play: Play, minutes, status):
    """Created must lie within five minutes of the service's clock."""
    assert (await post(play, a_request(minutes=minutes))).status_code == status


async def test_a_nonce_is_good_once(play: Play):
    """The same message a second time is refused, and another one is not."""
    request = a_request()
    statuses = [(await post(play, body)).status_code for body in (request, request, a_request())]
    assert statuses == [200, 500, 200]


@pytest.mark.parametrize(
    "action",
    ["", "urn:posicion-integral:padron:1:ConsultaConvivencia", "urn:other:ConsultaHabitante"],
    ids=["none", "other-operation", "other-service"],
)
async def test_the_action_must_be_that_of_the_request(play: Play, action: str):
    """SOAPAction and body name the same operation."""
    answer = await post(play, a_request(), soapaction=f'"{action}"')
    assert faultcode(answer) == "soap:Client 0406"


async def test_http_is_checked_before_soap(play: Play):
    """Other paths, methods and media types, and floods, get their HTTP status."""
    url = play.url + "servicios/ConsultaPadron"
    async with httpx.AsyncClient(trust_env=False) as client:
        found = [
            (await client.get(url)).status_code,
            (await client.get(play.url + "other")).status_code,
            (await client.post(url, json={})).status_code,
            (await client.get(url + "?wsdl")).status_code,
        ]
    flood = await post(play, "x" * 70_000)
    assert [*found, flood.status_code] == [405, 404, 415, 200, 413]


async def test_another_municipality_does_not_take_part(play: Play):
    """A request for another municipality is answered with the outcome for it."""
    answer = await post(play, a_request().replace(">079<", ">080<"))
    assert "<p:CodigoResultado>4<" in answer.text


@pytest.mark.parametrize(
    "index",
    [magic.DEFAULT_CITIZEN, magic.ONE_SURNAME, magic.ACCENTS, magic.RECENT_ARRIVAL, 51, 999_999],
)
async def test_its_answers_keep_to_the_contract(play: Play, index: int):
    """Libxml2 finds every answer valid against the XSD, and the counters learn no identifier."""
    answer = await post(play, a_request(PEOPLE.number(index)))
    (body,) = etree.fromstring(answer.content).findall("{*}Body/*")
    schema = a_schema()
    assert schema.validate(body), schema.error_log
    assert answer.headers["x-sandbox-operation"] == "ConsultaHabitante"


def test_the_register_needs_no_memory():
    """The same person gives the same entry, from any population of the same seed."""
    number = PEOPLE.number(4711)
    assert find(Population(), number, TODAY) == find(Population(), number, TODAY)


def test_dates_of_an_entry_are_in_order():
    """Nobody is registered before birth, or changed before being registered."""
    for index in range(2000, 2300):
        entry = find(PEOPLE, PEOPLE.number(index), TODAY)
        assert entry is not None
        born = dt.date.fromisoformat(f"{entry.born}-01-01"[:10])
        assert born <= entry.in_city_since <= entry.last_change.on <= TODAY
        assert entry.renewal_due is None or entry.renewal_due >= TODAY


@pytest.mark.parametrize(
    ("surname", "particle", "name"),
    [
        ("García", None, "García"),
        ("De la Fuente", "De la", "Fuente"),
        ("Del Río", "Del", "Río"),
        ("De los Santos", "De los", "Santos"),
        ("Núñez de Arce", None, "Núñez de Arce"),
        ("De", None, "De"),
    ],
)
def test_particles_stand_apart_as_in_the_register(surname, particle, name):
    """A surname's leading particles, up to six characters, are a field of their own."""
    split = split_surname(surname)
    assert (split.particle, split.name) == (particle, name)
