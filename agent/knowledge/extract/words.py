"""Words that menus, prices and pages have in common, in the six languages we read."""

from __future__ import annotations

import re

LETTER = r"[^\W\d_]"


def whole(words: str) -> re.Pattern[str]:
    """Any of `words` (alternatives of a regular expression), not inside a longer word."""
    return re.compile(rf"(?<!{LETTER})(?:{words})(?!{LETTER})", re.IGNORECASE)


PRICE = whole(
    r"prices?|pric(?:e|ing)(?: list)?|rates?|cost|fee|preise?|preisliste|tarife?s?|prix|precios?|tarifas?"
    r"|цен[аы]|стоимость|прайс|料金|価格|値段"
)
DURATION = whole(r"duration|time|minutes|dauer|zeit|durée|duración|tiempo|длительность|время|所要時間|時間")

FEES = whole(
    r"(?:call[- ]?out|booking|cancell?ation|late|no[- ]?show|minimum|parking|travel|delivery|admin"
    r"|service)\s+(?:call[- ]?out\s+)?(?:fee|charge)s?"
    r"|(?:call[- ]?out|cancell?ation)\s+fees?|deposits?|surcharges?|gratuit(?:y|ies)|shipping|membership\s+fee"
    r"|rent(?:al)?s?"
    r"|anfahrts?(?:kosten|pauschale)?|anzahlung|ausfallgebühr|stornogebühr|versand(?:kosten)?|miete"
    r"|acomptes?|arrhes|frais\s+(?:de\s+)?(?:déplacement|annulation|livraison)|livraison"
    r"|depósito|anticipo|gastos\s+de\s+envío|recargo|предоплата|депозит|доставка|キャンセル料|送料|予約金"
)
GIFTS = whole(
    r"gift\s*(?:cards?|certificates?|vouchers?)|vouchers?|gutscheine?|geschenkgutscheine?|(?:chèques?|cartes?"
    r"|bons?)\s*-?\s*cadeaux?"
    r"|tarjetas?\s+(?:de\s+)?regalo|bonos?\s+regalo|подарочн\w+\s+(?:сертификат|карт)\w*|ギフト(?:券|カード)?"
)
RETAIL = whole(
    r"shop|store|our\s+products|products?|retail|merch(?:andise)?|add\s+to\s+(?:cart|bag|basket)|in\s+stock"
    r"|sold\s+out|online\s*shop|produkte?|warenkorb"
    r"|boutique|nos\s+produits|produits|panier|tienda|productos?|carrito|товары|магазин|корзин[аеу]|商品|物販|カート"
)
PACKAGE = re.compile(
    rf"(?<![\d.,])\d{{1,4}}(?:[.,]\d+)?\s?(?:ml|cl|fl\.?\s?oz|oz|kg|g|gr|мл|г)(?!{LETTER})", re.IGNORECASE
)
"""A bottle: what carries a volume or weight is sold, not done."""

NOT_A_NAME = whole(
    r"book(?:\s+(?:now|online|appointment|today|here|it))?|learn\s+more|read\s+more|more(?:\s+info)?|details"
    r"|view(?:\s+all)?|add\s+to\s+cart|buy(?:\s+now)?"
    r"|(?:jetzt\s+)?(?:termin\s+)?buchen|mehr(?:\s+erfahren)?|réserver|en\s+savoir\s+plus|reservar|(?:leer|ver"
    r"|saber)\s+más|записаться|подробнее"
    r"|予約(?:する)?|詳細|only|just|now|nur|jetzt|seulement|solo|price|prices|preis|prix|precio|цена|料金|duration|dauer"
    r"|durée|duración|popular|new|neu"
    r"|per\s+person|pro\s+person|par\s+personne|por\s+persona|call\s+for|click|per|each|je|from|ab"
)
DEPENDENT = re.compile(
    r"(?:maintenance|re-?fills?|fills?|in-?fills?|touch[- ]?ups?|retouches?|removal|soak[- ]?off|full\s+set"
    r"|new\s+set|half\s+set|auffüllen|refill|entfernen"
    r"|neumodellage|retouche|remplissage|dépose|pose|entretien|relleno|retoque|retiro|mantenimiento|коррекция"
    r"|снятие|オフ|リペア)$",
    re.IGNORECASE,
)
"""Names that say nothing without what they belong to."""
VARIANT = re.compile(
    r"(?:(?:under|over|up\s+to|ages?|aged|bis|unter|ab|über|jusqu'à|moins\s+de|plus\s+de|hasta|menores\s+de|до"
    r"|от)\s+)?(?:age\s+)?\d{1,3}"
    r"(?:\s*(?:-|–|to|bis|à|a|до)\s*\d{1,3})?\s*(?:\+|years?(?:\s+old)?|yrs?|jahren?|ans|años|лет"
    r"|歳)?(?:\s*(?:and|und|et|y)\s+(?:under|over|older|younger|up))?$",
    re.IGNORECASE,
)
"""An age band: "Under 10", "10 - 13", "65+"."""
GENERIC = re.compile(
    r"(?:our\s+|unsere\s+|nos\s+|nuestros?\s+)?(?:services?|prices?|price\s+list|pricing|menu|treatments?"
    r"|services?\s+(?:&|and)\s+pric(?:es|ing)|preise?|preisliste|leistungen"
    r"|angebot|tarifs?|prestations?|soins|servicios|precios|tarifas|услуги|цены|прайс|メニュー|料金|料金表|information"
    r"|home|welcome|start|popular\s+.*|featured\s+.*)[\s:!.]*$",
    re.IGNORECASE,
)
DEAD_PAGE = re.compile(
    r"(?<!\d)404(?!\d)|page\s+not\s+found|not\s+found|nicht\s+gefunden|introuvable|no\s+encontrada|не\s+найдена|見つかりません"
    r"|coming\s+soon|under\s+construction|lorem\s+ipsum",
    re.IGNORECASE,
)
LEGAL_PAGE = re.compile(
    r"privacy|datenschutz|impressum|imprint|terms|(?<![a-z])agb(?![a-z])|mentions[-_ ]?l[eé]gales|confidentialit"
    r"|cookies?|aviso[-_ ]?legal|privacidad"
    r"|политик|プライバシー|特定商取引|legal",
    re.IGNORECASE,
)
STAFF_PAGE = whole(
    r"(?:our\s+|the\s+|meet\s+)*(?:team|staff|stylists|barbers|therapists|hairdressers|artists|crew|people)"
    r"|about(?:\s+us|\s+me)?|meet"
    r"|(?:unser\s+|das\s+)?team|mitarbeiter(?:innen)?|friseur(?:e|innen)|über\s+uns|(?:notre\s+)?(?:équipe)"
    r"|qui\s+sommes[- ]nous"
    r"|(?:nuestro\s+)?equipo|estilistas|nosotr[oa]s|(?:наша\s+)?команда|мастера|специалисты|スタッフ|スタイリスト"
)

WEEKDAYS: dict[str, str] = {
    "mon": r"mon(?:day)?s?|mo(?:ntags?)?|lun(?:di|es)?|пн|понедельник|月(?:曜日?)?",
    "tue": r"tue(?:s(?:day)?)?s?|di(?:enstags?)?|mar(?:di|tes)|mar|вт|вторник|火(?:曜日?)?",
    "wed": r"wed(?:s|nesday)?s?|mi(?:ttwochs?)?|mer(?:credi)?|mi[eé](?:rcoles)?|ср|среда|水(?:曜日?)?",
    "thu": r"thu(?:r(?:s(?:day)?)?)?s?|do(?:nnerstags?)?|jeu(?:di)?|jue(?:ves)?|чт|четверг|木(?:曜日?)?",
    "fri": r"fri(?:day)?s?|fr(?:eitags?)?|ven(?:dredi)?|vie(?:rnes)?|пт|пятница|金(?:曜日?)?",
    "sat": r"sat(?:urday)?s?|sa(?:mstags?)?|sonnabends?|sam(?:edi)?|s[aá]b(?:ado)?s?|сб|суббота|土(?:曜日?)?",
    "sun": r"sun(?:day)?s?|so(?:nntags?)?|dim(?:anche)?|dom(?:ingo)?s?|вс|воскресенье|日(?:曜日?)?",
}
"""Names of the days; "di" and "do", "mar" and "dom" mean the same day wherever they are used for days."""
WEEKDAY = re.compile(
    rf"(?<!{LETTER})(?:{'|'.join(f'(?P<{day}>{names})' for day, names in WEEKDAYS.items())})\.?(?!{LETTER})",
    re.IGNORECASE,
)
HOURS = whole(
    r"(?:opening|business|working|our)\s+hours|hours|open(?:ing)?\s+times?|öffnungszeiten|geschäftszeiten"
    r"|horaires(?:\s+d'ouverture)?"
    r"|horarios?(?:\s+de\s+(?:atención|apertura))?|часы\s+работы|режим\s+работы|график\s+работы|営業時間"
)

CLIENTELE = {
    "women": whole(
        r"wom[ae]n'?s?|lad(?:y|ies)'?|damen|frauen|femmes?|dames?|mujer(?:es)?|señoras?|damas?|женщин\w*|женск\w*|для\s+дам|レディース|女性"
    ),
    "men": whole(
        r"m[ae]n'?s?|gent(?:s|lem[ae]n)?'?s?|herren|männer|hommes?|hombres?|caballeros?|мужчин\w*|мужск\w*|メンズ|男性"
    ),
    "children": whole(
        r"child(?:ren)?'?s?|kids?'?|boys?|girls?|kinder|enfants?|niñ[oa]s?|дет(?:и|ск\w*|ей)|キッズ|子供|お子様"
    ),
}
