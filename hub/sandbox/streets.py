"""The 21 districts of Madrid, with streets that exist in them and their postal codes.

Names and numbering of the districts are the city's. Populations (thousands, rounded),
centres and streets are from general knowledge and approximate: good enough for a screen or
a map, never evidence that a portal exists. House numbers are invented.
"""

from __future__ import annotations

import random

from msgspec import Struct

HALF_HEIGHT = 0.006
"""Half the height of a district's rough box, in degrees of latitude (about 670 m)."""
HALF_WIDTH = 0.008
"""Half its width, in degrees of longitude (about 680 m)."""


class Street(Struct, frozen=True):
    """A street as the street register writes it, with one of its postal codes."""

    type: str
    name: str
    postal_code: str


class District(Struct, frozen=True, kw_only=True):
    """A district; `latitude` and `longitude` (WGS 84, degrees) are the middle of its box."""

    code: str
    name: str
    thousands: int
    latitude: float
    longitude: float
    streets: tuple[Street, ...]

    def holds(self, latitude: float, longitude: float) -> bool:
        """Whether a point lies in the district's rough box."""
        height, width = abs(latitude - self.latitude), abs(longitude - self.longitude)
        return height <= HALF_HEIGHT and width <= HALF_WIDTH


_TABLE = """
01|Centro|140|40.4153|-3.7074|CALLE TOLEDO 28005,CALLE ATOCHA 28012,CALLE HORTALEZA 28004,CALLE EMBAJADORES 28012,PLAZA DE LA PAJA 28005,CUESTA DE SANTO DOMINGO 28013
02|Arganzuela|155|40.4010|-3.6970|PASEO DE LAS DELICIAS 28045,CALLE FERROCARRIL 28045,PASEO DE LA CHOPERA 28045,CALLE EMBAJADORES 28045,RONDA DE SEGOVIA 28005
03|Retiro|118|40.4085|-3.6757|CALLE IBIZA 28009,AVENIDA MENÉNDEZ PELAYO 28009,CALLE NARVÁEZ 28009,CALLE VALDERRIBAS 28007,CALLE ALCALDE SAINZ DE BARANDA 28009
04|Salamanca|147|40.4295|-3.6740|CALLE ALCÁNTARA 28006,CALLE GENERAL PARDIÑAS 28001,CALLE CARTAGENA 28028,AVENIDA DE LOS TOREROS 28028,CALLE DON RAMÓN DE LA CRUZ 28006
05|Chamartín|146|40.4570|-3.6766|CALLE PRÍNCIPE DE VERGARA 28002,CALLE LÓPEZ DE HOYOS 28002,CALLE COSTA RICA 28016,PASEO DE LA HABANA 28036,CALLE CLARA DEL REY 28002
06|Tetuán|160|40.4600|-3.6990|CALLE BRAVO MURILLO 28039,CALLE MARQUÉS DE VIANA 28039,CALLE INFANTA MERCEDES 28020,CALLE SOR ÁNGELA DE LA CRUZ 28020,AVENIDA DE ASTURIAS 28029
07|Chamberí|139|40.4345|-3.7038|CALLE FUENCARRAL 28010,CALLE SANTA ENGRACIA 28010,CALLE PONZANO 28003,CALLE GUZMÁN EL BUENO 28015,PLAZA DE OLAVIDE 28010
08|Fuencarral-El Pardo|250|40.4820|-3.7050|CALLE GINZO DE LIMIA 28029,AVENIDA MONFORTE DE LEMOS 28029,CALLE FERMÍN CABALLERO 28034,AVENIDA DEL LLANO CASTELLANO 28034,AVENIDA DEL CARDENAL HERRERA ORIA 28035
09|Moncloa-Aravaca|122|40.4330|-3.7200|CALLE FERRAZ 28008,CALLE PRINCESA 28008,PASEO DEL PINTOR ROSALES 28008,CALLE MARTÍN DE LOS HEROS 28008,AVENIDA DE VALLADOLID 28008
10|Latina|240|40.4020|-3.7420|PASEO DE EXTREMADURA 28011,CALLE ILLESCAS 28024,AVENIDA DE LOS POBLADOS 28044,CALLE CAMARENA 28047,CALLE SEPÚLVEDA 28011
11|Carabanchel|265|40.3830|-3.7320|CALLE GENERAL RICARDOS 28019,CALLE OCA 28025,AVENIDA DE CARABANCHEL ALTO 28044,CAMINO VIEJO DE LEGANÉS 28025,CALLE ANTONIO LEYVA 28019
12|Usera|145|40.3830|-3.7065|CALLE MARCELO USERA 28026,AVENIDA DE RAFAELA YBARRA 28026,CALLE AMPARO USERA 28026,AVENIDA DE ORCASUR 28041,CAMINO DE PERALES 28041
13|Puente de Vallecas|243|40.3900|-3.6620|AVENIDA DE LA ALBUFERA 28038,CALLE MONTE IGUELDO 28053,CALLE PEÑA PRIETA 28038,AVENIDA DE PALOMERAS 28018,CALLE MARTÍNEZ DE LA RIVA 28053
14|Moratalaz|93|40.4070|-3.6446|CAMINO DE LOS VINATEROS 28030,AVENIDA DE MORATALAZ 28030,CALLE HACIENDA DE PAVONES 28030,CALLE MARROQUINA 28030,CALLE ARROYO FONTARRÓN 28030
15|Ciudad Lineal|220|40.4400|-3.6500|CALLE ARTURO SORIA 28027,CALLE HERMANOS GARCÍA NOBLEJAS 28037,CALLE JOSÉ DEL HIERRO 28027,CALLE GUTIERRE DE CETINA 28017,AVENIDA DONOSTIARRA 28027
16|Hortaleza|200|40.4740|-3.6420|CALLE MAR CASPIO 28033,AVENIDA DE BARRANQUILLA 28033,CALLE SANTA SUSANA 28033,CALLE LÓPEZ DE HOYOS 28043,CARRETERA DE CANILLAS 28043
17|Villaverde|160|40.3480|-3.7050|PASEO DE ALBERTO PALACIOS 28021,AVENIDA REAL DE PINTO 28021,CALLE POTASA 28021,CALLE DOCTOR PÉREZ DOMÍNGUEZ 28021,CALLE VILLAFUERTE 28041
18|Villa de Vallecas|120|40.3770|-3.6200|PASEO FEDERICO GARCÍA LORCA 28031,CALLE REAL DE ARGANDA 28031,AVENIDA DEL ENSANCHE DE VALLECAS 28051,CALLE SIERRA GORDA 28031,AVENIDA DEL MAYORAZGO 28051
19|Vicálvaro|85|40.4040|-3.6080|CALLE SAN CIPRIANO 28032,AVENIDA DE DAROCA 28032,CALLE VILLABLANCA 28032,PASEO DE LOS ARTILLEROS 28032,CALLE CALAHORRA 28032
20|San Blas-Canillejas|160|40.4320|-3.6130|AVENIDA DE GUADALAJARA 28032,CALLE AMPOSTA 28037,CALLE ALCALÁ 28022,AVENIDA DE ARCENTALES 28022,CALLE ALBAIDA 28037
21|Barajas|50|40.4735|-3.5800|AVENIDA DE LA HISPANIDAD 28042,AVENIDA DE LOGROÑO 28042,CALLE GALEÓN 28042,AVENIDA DE CANTABRIA 28042,PLAZA DEL MERCURIO 28042
"""


def _street(text: str) -> Street:
    kind, rest = text.split(" ", 1)
    name, postal_code = rest.rsplit(" ", 1)
    return Street(kind, name, postal_code)


def _district(line: str) -> District:
    code, name, thousands, latitude, longitude, streets = line.split("|")
    return District(
        code=code,
        name=name,
        thousands=int(thousands),
        latitude=float(latitude),
        longitude=float(longitude),
        streets=tuple(_street(text) for text in streets.split(",")),
    )


DISTRICTS: tuple[District, ...] = tuple(_district(line) for line in _TABLE.split("\n") if line)
_WEIGHTS = [district.thousands for district in DISTRICTS]


def roll_district(dice: random.Random) -> District:
    """A district, as often as people live in it."""
    return dice.choices(DISTRICTS, weights=_WEIGHTS)[0]
