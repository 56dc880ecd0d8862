"""Who works at the shop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import cast

from agent.knowledge.extract import words
from agent.knowledge.extract.facts import PersonFact
from agent.knowledge.extract.merge import key, tokens
from agent.knowledge.extract.page import Document, Line
from agent.knowledge.extract.structured import Structured, Thing, listed, text_of

ROLE = re.compile(
    r"(?:stylist|barber|owner|founder|(?:a?e)sthetician|therapist|technician|colou?rist|receptionist|manager"
    r"|apprentice|beautician|make-?up\s+artist|hair\s?dresser"
    r"|nail\s+(?:artist|tech)|specialist|director|lash\s+(?:artist|tech)|masseuse|masseur|trainee|educator"
    r"|inhaber(?:in)?|friseur(?:meister)?(?:in)?|meister(?:in)?|kosmetiker(?:in)?"
    r"|mitarbeiter(?:in)?|auszubildende|azubi|leitung|geschäftsführer(?:in)?|coiffeur|coiffeuse|esthéticienne?"
    r"|gérante?|fondatrice|fondateur|praticienne?|prothésiste|maquilleuse"
    r"|estilista|peluquer[oa]|barbero|dueñ[oa]|fundador[a]?|esteticista|manicurista|colorista|рекцепционист"
    r"|стилист|парикмахер|мастер|барбер|косметолог|визажист|администратор"
    r"|店長|スタイリスト|美容師|オーナー|アシスタント|ネイリスト)",
    re.IGNORECASE,
)
_WORD = r"(?:[A-ZÀ-ÖØ-ÞА-ЯЁ][\w'’À-ÿ-]*\.?|(?:de|la|del|von|van|di|da|el|al|O')(?=\s))"
_NAME = re.compile(rf"(?:(?:Dr|Mr|Mrs|Ms|Frau|Herr|Mme|M)\.?\s+)?{_WORD}(?:\s+{_WORD}){{0,3}}")
_CJK_NAME = re.compile(r"[\u4e00-\u9fff々]{1,4}[\s\u3000][\u4e00-\u9fffぁ-んァ-ヶー]{1,6}")
_MEET = re.compile(
    rf"(?:(?:[Mm]eet|MEET|[Aa]bout)\s+|(?:[Hh]i|[Hh]ello|[Hh]ey)[,!]?\s+(?:I['’]m|I am|my name is)\s+|^[Bb]y\s+"
    rf"|[Ii]ch bin\s+|[Jj]e suis\s+|[Jj]e m['’]appelle\s+|[Ss]oy\s+|[Mm]e llamo\s+|[Мм]еня зовут\s+)"
    rf"(?P<name>{_WORD}(?:\s+{_WORD}){{0,2}})(?=[\s,.!–—-]|$)"
)
_TAGLINE = re.compile(rf"\s[—–-]\s+(?:par|by|mit|with|von|por|от)\s+(?P<name>{_WORD}(?:\s+{_WORD}){{0,2}})\.?$")
_CREDIT = words.whole(r"design(?:ed)?|website|webdesign|powered|photos?|rights|theme|template|code[ds]?|made")
_NO_NAME = words.whole(
    r"the|our|us|your|we|meet|about|team|staff|guest|book|now|join|contact|home|services?|menu|gallery|hours"
    r"|location|salon|barber(?:s|shop)?|stylists?|beauty|hair|nails?|lash(?:es)?|wax(?:ing)?"
    r"|spa|studio|owner|welcome|follow|policy|policies|reviews?|testimonials?|story|mission|work|business"
    r"|appointments?|special|instructions|amenities|prices?|products?|awards?|more|new|all"
    r"|facebook|instagram|twitter|linkedin|tiktok|whatsapp|öffnungszeiten|kontakt|preise|unser|über|uns|termin"
    r"|impressum|datenschutz|notre|équipe|nos|nous|contactez|nuestro|equipo|nosotros|servicios"
    r"|treatments?|facials?|massages?|care|color|cuts?|haircuts?|styles?|experience|years?|monday|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday|address|phone|email|follow|quick|links?|faq"
    r"|навигация|команда|мастера|контакты|услуги|popular|benefits?|view|read|learn|details|visit|today|opening"
    r"|get|touch|touch|news(?:letter)?|approach|philosophy|values?|vision|quality|training"
)
_SPECIALTIES = re.compile(
    r"(?:(?:(?:her|his|their|our)\s+)?(?:special(?:ty|ties|ity|ities)|schwerpunkte?|spezialgebiete?|spécialités?"
    r"|especialidad(?:es)?|специализация|得意(?:な?メニュー|分野)?)\s*[:：–—-]"
    r"|(?:speciali[sz](?:es|ing)\s+in|known\s+for|spezialisiert\s+auf|spécialisée?\s+en|especializad[oa]\s+en)\s*:?)"
    r"\s*(?P<listed>.+)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*[,;·•|/、・]\s*(?:(?:and|und|et|y|и)\s+)?|\s+(?:and|&|und|et|y|и)\s+", re.IGNORECASE)
_QUOTES = ("“", '"', "„", "«", "»", "—", "–", "-", "”")


def read_people(
    documents: Sequence[Document], structured: Sequence[Structured], shop: str, menu: frozenset[str]
) -> tuple[PersonFact, ...]:
    """The staff that the site presents: under a team heading, with a role, or in its data.

    `menu` has the words of the shop's services; nobody is called by those alone.
    """
    found: list[PersonFact] = []
    for document, data in zip(documents, structured, strict=True):
        if not words.LEGAL_PAGE.search(f"{document.title} {document.url}"):
            found += [*_from_data(document, data), *_presented(document, shop), *_introduced(document, shop)]
    return _merge([person for person in found if not tokens(person.name) <= menu])


def _merge(found: Sequence[PersonFact]) -> tuple[PersonFact, ...]:
    """Each person once; "Lea" is Lea Brandt when only one has that name."""
    best: dict[str, PersonFact] = {}
    for person in sorted(found, key=lambda p: (-len(p.name.split()), -p.confidence)):
        mine = key(person.name)
        same = next(
            (k for k in best if k == mine or k.split()[0] == mine or k.replace(" ", "") == mine.replace(" ", "")), None
        )
        if same is None:
            best[mine] = person
        else:
            best[same] = best[same].model_copy(
                update={
                    "role": best[same].role or person.role,
                    "specialties": best[same].specialties or person.specialties,
                }
            )
    return tuple(sorted(best.values(), key=lambda person: found.index(person) if person in found else 0))


def _from_data(document: Document, data: Structured) -> Iterator[PersonFact]:
    for business in data.businesses():
        for relation in ("employee", "employees", "founder"):
            for person in listed(business.get(relation)):
                name = text_of(person)
                if name and len(name) < 60:
                    role = text_of(cast("Thing", person).get("jobTitle")) if isinstance(person, dict) else ""
                    yield PersonFact(name=name, role=role, source_url=document.url, quote=name, confidence=0.95)


def _presented(document: Document, shop: str) -> Iterator[PersonFact]:
    """Headings and bold lines that are names, on a page or under a heading about the team."""
    team_page = _is_team(document.title) or bool(words.STAFF_PAGE.search(_slug(document.url)))
    level = 7
    for place, line in enumerate(document.lines):
        name, role = _name_and_role(line.text)
        if line.level and _is_team(line.text) and not (role and is_person(name, shop)):
            level = line.level
            continue
        if line.level and line.level < level and not is_person(name, shop):
            level = 7
        if line.region in ("nav", "footer", "form") or line.hidden or not (team_page or level < 7):
            continue
        if not is_person(name, shop):
            continue
        next_line = document.lines[place + 1] if place + 1 < len(document.lines) else None
        before = document.lines[place - 1] if place else None
        role = role or _role_near(next_line, before)
        bio = next_line is not None and name.split()[0] in next_line.text.split(".")[0]
        if role or bio or (line.level and line.level > 1 and len(name.split()) > 1 and level < 7):
            last = next_line if role and next_line and next_line.text == role else line
            yield PersonFact(
                name=_mended(name, next_line), role=role, specialties=_specialties(document.lines, place),
                source_url=document.url, quote=document.quote(line, last), confidence=0.9 if role else 0.75,
            )  # fmt: skip


def _specialties(lines: Sequence[Line], place: int) -> tuple[str, ...]:
    """ "Specialties: fades, beard work", on one of the next lines before somebody else is presented."""
    for line in lines[place + 1 : place + 5]:
        if line.level:
            break
        if (match := _SPECIALTIES.match(line.text)) and len(line.text) <= 160:
            named = (each.strip(" .") for each in _BETWEEN.split(match["listed"]))
            return tuple(each for each in named if any(c.isalpha() for c in each) and len(each) <= 60)
    return ()


def _mended(name: str, bio: Line | None) -> str:
    """ "M arta" broken by markup is Marta when the text beside says so."""
    match = re.match(r"([A-Z])\s([a-zà-ÿ]{2,}.*)", name)
    if match and bio is not None and f"{match[1]}{match[2].split()[0]}" in bio.text:
        return match[1] + match[2]
    return name


def _introduced(document: Document, shop: str) -> Iterator[PersonFact]:
    """ "Meet Ana", "Hi, I'm Ana", "By Ana Lima" as a short line of its own or the start of a text."""
    for line in document.lines:
        if line.region in ("nav", "form") or line.hidden or (line.region == "footer" and len(line.text) > 200):
            continue
        tagline = _TAGLINE.search(line.text)
        if tagline and not _CREDIT.search(line.text) and is_person(tagline["name"].rstrip("."), shop):
            name = tagline["name"].rstrip(".")
            yield PersonFact(name=name, source_url=document.url, quote=document.quote(line), confidence=0.6)
        for match in _MEET.finditer(line.text[:200]):
            name = match["name"].rstrip(".")
            if match[0][:2].lower() == "by" and (len(line.text) > 40 or len(name.split()) < 2):
                continue
            if match[0][:5].lower() == "about" and not (line.level and len(name.split()) > 1):
                continue
            if is_person(name, shop) and match.start() < 30:
                role = ROLE.search(line.text)
                yield PersonFact(
                    name=name, role=role[0] if role and len(line.text) < 200 else "", source_url=document.url,
                    quote=document.quote(line), confidence=0.7,
                )  # fmt: skip


def _is_team(text: str) -> bool:
    return len(text.split()) <= 8 and bool(words.STAFF_PAGE.search(text)) and not re.search(r"[.!?]\s", text)


def _slug(url: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[-_.]+", " ", url.rstrip("/").rsplit("/", 1)[-1])


def _name_and_role(text: str) -> tuple[str, str]:
    """ "Ana - Owner" or "Ana Lima, stylist" or a name alone."""
    text = text.strip(" ✺✦★•*:")
    parts = re.split(r"\s+[-–—|·:]\s+|,\s+|\s*[(/]\s*", text, maxsplit=1)
    if len(parts) == 2 and ROLE.search(parts[1]) and len(parts[1]) < 60:
        return parts[0], parts[1].strip(" )")
    return re.sub(r"^[A-Z]\s(?=[a-zà-ÿ])", lambda m: m[0], text), ""


def is_person(text: str, shop: str) -> bool:
    """Whether a short text looks like somebody's name."""
    if len(text) > 40 or re.search(r"\d", text) or text.startswith(_QUOTES) or text.endswith((":", "?", "!", ",")):
        return False
    joined = re.sub(r"^([A-Z])\s(?=[a-zà-ÿ])", r"\1", text)
    if not _NAME.fullmatch(joined) and not _CJK_NAME.fullmatch(text):
        return False
    if _NO_NAME.search(text) or ROLE.search(text) or words.WEEKDAY.fullmatch(text) or words.GENERIC.match(text):
        return False
    return key(text) not in key(shop) or (len(key(text).split()) > 1 and key(text) != key(shop) and len(text) < 20)


def _role_near(after: Line | None, before: Line | None) -> str:
    if after is not None and len(after.text) < 60 and ROLE.search(after.text) and not after.level:
        return after.text
    if (
        before is not None
        and len(before.text) < 40
        and ROLE.search(before.text)
        and not before.level
        and not before.link
    ):
        return before.text
    return ""
