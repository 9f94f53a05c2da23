"""Names that synthetic people bear: common ones, with all that Spanish names do to software.

Every name is frequent, so that none points at somebody; accents, ñ, ü, hyphens, particles
and people with one surname are frequent too, because they are what breaks.
"""

from __future__ import annotations

import random

from msgspec import Struct


class Origin(Struct, frozen=True, kw_only=True):
    """A nationality and how its people are called."""

    nationality: str
    """ISO 3166-1 alpha-3."""
    weight: int
    """Share among the foreign households, out of the sum of all."""
    men: tuple[str, ...]
    women: tuple[str, ...]
    surnames: tuple[str, ...]
    surname_count: int = 2


class FullName(Struct, frozen=True, kw_only=True):
    """A name as the population register holds it."""

    given_name: str
    first_surname: str
    second_surname: str | None


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


_MEN = _words(
    "Antonio, Manuel, José, Francisco, David, Juan, Javier, Daniel, José Antonio, Francisco Javier,"
    "José Luis, Carlos, Jesús, Alejandro, Miguel, José Manuel, Rafael, Pablo, Ángel, Sergio,"
    "Fernando, Jorge, Luis, Alberto, Álvaro, Adrián, Juan Carlos, Diego, Raúl, Iván, Rubén, Óscar,"
    "Andrés, Joaquín, Ramón, Enrique, Íñigo, Hugo, Mateo, Martín, Nicolás, Iker"
)
_WOMEN = _words(
    "María Carmen, María, Carmen, Ana María, Laura, María Pilar, Cristina, Marta, María Dolores,"
    "Isabel, Lucía, Ana, Elena, Paula, Raquel, Sara, María Ángeles, Pilar, Patricia, Sofía, Rocío,"
    "María José, Alba, Julia, Mónica, Beatriz, Nuria, Silvia, Irene, Begoña, Inés, Concepción,"
    "María de la O, Encarnación, Verónica, Itziar, Ángela, Valeria, Martina, Olalla, Noelia"
)
_SURNAMES = _words(
    "García, Rodríguez, González, Fernández, López, Martínez, Sánchez, Pérez, Gómez, Martín,"
    "Jiménez, Hernández, Ruiz, Díaz, Moreno, Muñoz, Álvarez, Romero, Gutiérrez, Alonso, Navarro,"
    "Torres, Domínguez, Ramos, Vázquez, Ramírez, Gil, Serrano, Morales, Molina, Blanco, Suárez,"
    "Castro, Ortega, Delgado, Ortiz, Marín, Rubio, Núñez, Medina, Sanz, Castillo, Iglesias, Cortés,"
    "Garrido, Santos, Guerrero, Lozano, Cano, Cruz, Méndez, Flores, Prieto, Herrera, Peña, León,"
    "Márquez, Cabrera, Gallego, Calvo, Vidal, Campos, Vega, Reyes, Fuentes, Carrasco, Ibáñez,"
    "Yáñez, Argüelles, Agüero, De la Fuente, De la Torre, Del Río, Del Pozo, De los Santos,"
    "García de la Cruz, Díaz-Guerra, Fernández-Montes, San Martín, Ruiz de Alda, López-Peña"
)

SPANISH = Origin(nationality="ESP", weight=0, men=_MEN, women=_WOMEN, surnames=_SURNAMES)

FOREIGN: tuple[Origin, ...] = (
    *(
        Origin(nationality=code, weight=weight, men=_MEN, women=_WOMEN, surnames=_SURNAMES)
        for code, weight in (("VEN", 18), ("COL", 17), ("ECU", 9), ("PER", 14), ("HND", 6))
    ),
    Origin(
        nationality="ROU",
        weight=10,
        men=_words("Andrei, Ionuț, Mihai, Gheorghe, Ștefan, Alexandru"),
        women=_words("Elena, Ioana, Mihaela, Andreea, Gabriela, Ana Maria"),
        surnames=_words("Popescu, Ionescu, Popa, Dumitru, Stan, Munteanu, Rădulescu"),
        surname_count=1,
    ),
    Origin(
        nationality="CHN",
        weight=9,
        men=_words("Wei, Jun, Hao, Lei, Zhiwei"),
        women=_words("Li, Xiuying, Fang, Na, Jing"),
        surnames=_words("Wang, Li, Zhang, Liu, Chen, Lin, Wu, Xu"),
        surname_count=1,
    ),
    Origin(
        nationality="MAR",
        weight=7,
        men=_words("Mohamed, Ahmed, Youssef, Rachid, Said"),
        women=_words("Fatima, Khadija, Aicha, Naima, Fátima-Zahra"),
        surnames=_words("El Amrani, Benali, Alaoui, Bennani, Tahiri, El Idrissi"),
        surname_count=1,
    ),
    Origin(
        nationality="ITA",
        weight=6,
        men=_words("Marco, Andrea, Luca, Niccolò, Giuseppe"),
        women=_words("Giulia, Chiara, Francesca, Maria, Alessia"),
        surnames=_words("Rossi, Russo, Ferrari, Esposito, D'Angelo, De Luca"),
        surname_count=1,
    ),
    Origin(
        nationality="UKR",
        weight=4,
        men=_words("Oleksandr, Serhii, Andrii, Mykola"),
        women=_words("Olena, Oksana, Iryna, Nataliia"),
        surnames=_words("Shevchenko, Kovalenko, Bondarenko, Tkachenko, Melnyk"),
        surname_count=1,
    ),
)

ORIGINS = {origin.nationality: origin for origin in (SPANISH, *FOREIGN)}

FOREIGN_SHARE = 0.17


def roll_origin(dice: random.Random) -> Origin:
    """Where a household comes from; about one in six from abroad."""
    if dice.random() >= FOREIGN_SHARE:
        return SPANISH
    return dice.choices(FOREIGN, weights=[origin.weight for origin in FOREIGN])[0]


def roll_given_name(dice: random.Random, origin: Origin, sex: str) -> str:
    """A given name for `H` or `M`."""
    return dice.choice(origin.men if sex == "H" else origin.women)


def roll_surnames(dice: random.Random, origin: Origin) -> tuple[str, str | None]:
    """One surname or two, as is the use of *origin*."""
    first, second = dice.choice(origin.surnames), dice.choice(origin.surnames)
    return first, second if origin.surname_count > 1 else None
