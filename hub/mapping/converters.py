"""The closed vocabulary of mapping files: every converter that `via` can name.

Once released, a converter's meaning is frozen: a new meaning gets a new name, so that a
recorded mapping text says in ten years what it said. A converter raises ValueError for a
value that does not fit and never puts the value in its message. A package outside the
hub brings its own, under a name with a dot (`acme.money`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hub.mapping import converters_number, converters_text, converters_time
from hub.mapping.signature import Converter

_BUILT_IN: tuple[Converter, ...] = (
    converters_text.text,
    converters_text.text_or_number,
    converters_text.join_words,
    converters_text.join_codes,
    converters_text.upper,
    converters_text.lower,
    converters_text.url,
    converters_text.link,
    converters_text.first_text,
    converters_text.document,
    converters_text.typed_document,
    converters_text.masked_iban,
    converters_text.boolean,
    converters_text.boolean_si_no,
    converters_text.flag_x,
    converters_number.integer,
    converters_number.beyond_999,
    converters_number.decimal_text,
    converters_number.money,
    converters_number.money_eur,
    converters_number.money_eur_in_parts,
    converters_number.signed_money,
    converters_number.latitude,
    converters_number.longitude,
    converters_time.date_iso,
    converters_time.date_iso_or_1900,
    converters_time.date_yyyymmdd,
    converters_time.date_ddmmyyyy,
    converters_time.date_odata,
    converters_time.date_of_moment,
    converters_time.partial_date,
    converters_time.moment_iso,
    converters_time.moment_madrid,
    converters_time.moment_odata,
)

VOCABULARY: Final[Mapping[str, Converter]] = MappingProxyType(
    {converter.__name__: converter for converter in _BUILT_IN}
)
"""Every converter of the hub by its name; read-only."""
