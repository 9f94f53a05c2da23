"""The texts of problems, for people, in Spanish and English."""

from __future__ import annotations

from typing import Literal

Language = Literal["es", "en"]

TITLES: dict[str, tuple[int, str, str]] = {
    "invalid-request": (400, "La petición no es válida", "The request is not valid"),
    "missing-token": (401, "Falta el token de acceso", "The access token is missing"),
    "invalid-token": (401, "El token de acceso no es válido", "The access token is not valid"),
    "insufficient-user-authentication": (
        401,
        "Hace falta identificarse con un nivel de seguridad mayor",
        "A higher level of identification is needed",
    ),
    "wrong-audience": (
        403,
        "Este recurso no es para este tipo de usuario",
        "This resource is not for this kind of caller",
    ),
    "forbidden-block": (
        403,
        "No se puede consultar lo que se ha pedido",
        "What was asked for may not be consulted",
    ),
    "conflicting-duties": (
        403,
        "Quien opera el sistema no puede auditarlo",
        "Whoever operates the system cannot audit it",
    ),
    "representation-restricted": (
        403,
        "Esta representación está restringida; acuda a una oficina",
        "This representation is restricted; go to an office",
    ),
    "opposition-excluded": (
        409,
        "La ley excluye la oposición en este procedimiento",
        "The law excludes objection in this procedure",
    ),
    "access-expired": (403, "El acceso ha caducado", "The access has expired"),
    "access-closed": (403, "El acceso está cerrado", "The access is closed"),
    "not-found": (404, "No existe", "Not found"),
    "method-not-allowed": (405, "Método no permitido", "Method not allowed"),
    "too-slow": (408, "La petición no ha llegado a tiempo", "The request did not come in time"),
    "too-large": (413, "La petición es demasiado grande", "The request is too large"),
    "unsupported-media-type": (
        415,
        "El cuerpo debe ser application/json",
        "The body must be application/json",
    ),
    "too-many-requests": (429, "Demasiadas peticiones", "Too many requests"),
    "too-many-inquiries": (
        429,
        "Se han hecho demasiadas consultas en una hora para esta finalidad",
        "Too many inquiries in an hour for this purpose",
    ),
    "internal-error": (500, "Error interno", "Internal error"),
    "nothing-available": (
        503,
        "Ningún sistema ha respondido; vuelva a intentarlo más tarde",
        "No system has answered; try again later",
    ),
    "issuer-unavailable": (
        503,
        "No se puede comprobar el token de acceso en este momento",
        "The access token cannot be verified at the moment",
    ),
    "overloaded": (
        503,
        "Hay demasiadas peticiones en curso; vuelva a intentarlo en unos segundos",
        "Too many requests are under way; try again in a few seconds",
    ),
    "leaving": (503, "El servicio se está deteniendo", "The service is being stopped"),
    "ledger-unavailable": (
        503,
        "No se puede dejar constancia de la consulta, y sin constancia no se consulta",
        "The inquiry cannot be put on record, and without a record nothing is asked",
    ),
}
"""Slug of the problem type -> status, title in Spanish, title in English."""

REASONS: dict[str, tuple[str, str]] = {
    "temporary": ("No responde en este momento", "Not answering at the moment"),
    "maintenance": ("En mantenimiento", "Under maintenance"),
    "source_problem": (
        "El sistema de origen ha respondido de forma incorrecta",
        "The source system answered incorrectly",
    ),
    "needs_procedure": (
        "Solo se consulta dentro de un procedimiento que lo autoriza",
        "Only consulted within a procedure that authorises it",
    ),
    "needs_authorisation": (
        "Hace falta la autorización de la persona, con su justificante",
        "The person's authorisation is needed, with its evidence",
    ),
    "step_up": (
        "Hace falta identificarse con un nivel de seguridad mayor",
        "A higher level of identification is needed",
    ),
    "in_person": (
        "Consulte este dato en una oficina de atención a la ciudadanía",
        "Ask for this at a citizen service office",
    ),
    "purpose": ("La finalidad declarada no lo permite", "The stated purpose does not allow it"),
    "scope": (
        "La aplicación no está autorizada para este tipo de datos",
        "The application is not authorised for this kind of data",
    ),
    "opposed": (
        "La persona se opone a esta consulta y debe aportar el documento",
        "The person objects to this inquiry and has to bring the document",
    ),
    "reveal": (
        "Dato especialmente protegido: indique antes el motivo de la consulta",
        "Specially protected: state the reason for the inquiry first",
    ),
}
"""Public reason -> text in Spanish and English."""


def language_of(accept_language: str | None) -> Language:
    """`en` where the first language that the hub knows in the header is English."""
    for part in (accept_language or "").lower().split(",")[:10]:
        tag = part.split(";")[0].strip()[:2]
        if tag in ("es", "en"):
            return "en" if tag == "en" else "es"
    return "es"


def title(slug: str, language: Language) -> str:
    """The title of a problem type."""
    _, spanish, english = TITLES[slug]
    return english if language == "en" else spanish


def reason_text(reason: str, language: Language) -> str:
    """A public reason in words; an unknown one reads as `temporary`."""
    spanish, english = REASONS.get(reason, REASONS["temporary"])
    return english if language == "en" else spanish
