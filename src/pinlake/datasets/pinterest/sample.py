"""What the rows of one post look like: its pin, its place and its user.

The shares were counted in real rows; every text is made of the words below.
Real people and posters come back, so they are drawn from a fixed population:
it is the same under every seed, what they post is not.
"""

# ruff: noqa: INP001, S311 - loaded by its path; chance here is no secret
from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any, TypeVar

Word = TypeVar("Word")

COLUMNS = {
    "pin": {
        "index": "INT",
        "unique_id": "VARCHAR(36)",
        "title": "TEXT",
        "description": "TEXT",
        "poster_name": "TEXT",
        "follower_count": "TEXT",
        "tag_list": "TEXT",
        "is_image_or_video": "VARCHAR(40)",
        "image_src": "TEXT",
        "downloaded": "INT",
        "save_location": "TEXT",
        "category": "VARCHAR(40)",
    },
    "geo": {
        "ind": "INT",
        "timestamp": "DATETIME",
        "latitude": "FLOAT",
        "longitude": "FLOAT",
        "country": "TEXT",
    },
    "user": {
        "ind": "INT",
        "first_name": "TEXT",
        "last_name": "TEXT",
        "age": "INT",
        "date_joined": "DATETIME",
    },
}

PEOPLE = 2000
POSTERS = 3000
POPULATION_SEED = 100
# The source's times carry no zone.
FIRST_POST = datetime(2017, 10, 20)  # noqa: DTZ001
POST_SECONDS = 5 * 365 * 86400
FIRST_JOINED = datetime(2015, 10, 20)  # noqa: DTZ001
JOINED_SECONDS = 2 * 365 * 86400
DESCRIPTION_LENGTH = 179

NO_TITLE = "No Title Data Available"
NO_USER = "User Info Error"
NO_TAGS = "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"
NO_IMAGE = "Image src error."
NO_STORY = "No description available Story format"
STORY = "multi-video(story page format)"
SHORT_DESCRIPTIONS = ("No description available", "Untitled", "", " ", "Art.", NO_STORY)
SHORT_TITLES = ("Home", "E", "", " ", "\u2728", "Ideas")


def post(number: int, rng: Random) -> dict[str, tuple[Any, ...]]:
    """Return the row of each table for one row number, in the order of COLUMNS."""
    first, last, age, joined, latitude, longitude, country = _one(people(), rng)
    moment = FIRST_POST + timedelta(seconds=int(rng.random() * POST_SECONDS))
    return {
        "pin": _pin(number, rng),
        "geo": (number, str(moment), latitude, longitude, country),
        "user": (number, first, last, age, joined),
    }


def _pin(number: int, rng: Random) -> tuple[Any, ...]:
    category = _one(CATEGORIES, rng)
    kind = rng.random()
    if kind < 0.012:
        return _error_page(number, category, rng)
    things, crafts, tags = WORDS[category]
    title = _one(SHORT_TITLES, rng) if kind > 0.99 else _title(things, crafts, rng)
    poster, followers = _one(posters(), rng)
    story, video = kind < 0.07, kind < 0.1
    return (
        number,
        _unique_id(rng),
        title,
        NO_STORY if story else _description(title, things, crafts, rng),
        poster,
        followers,
        NO_TAGS if rng.random() < 0.02 else _tags(tags, rng),
        STORY if story else "video" if video else "image",
        _image(rng, "videos/thumbnails/originals" if video else "originals"),
        1,
        f"Local save in /data/{category}",
        category,
    )


def _error_page(number: int, category: str, rng: Random) -> tuple[Any, ...]:
    """Return a pin whose page could not be read."""
    texts = (NO_TITLE, NO_STORY, NO_USER, NO_USER, NO_TAGS, STORY, NO_IMAGE)
    return (number, _unique_id(rng), *texts, 0, f"Local save in /data/{category}", category)


def _title(things: tuple[str, ...], crafts: tuple[str, ...], rng: Random) -> str:
    thing, craft, mood = _one(things, rng), _one(crafts, rng), _one(MOODS, rng)
    form = int(rng.random() * 6)
    if form == 0:
        return f"{int(3 + rng.random() * 98)} {mood} {thing} Ideas"
    if form == 1:
        return f"How to {craft} a {mood} {thing} in {_one(PLACES, rng)}"
    if form == 2:
        return f"{mood} {thing}: {_one(ENDINGS, rng)}"
    if form == 3:
        return f"{thing} \u2013 {mood} & {_one(MOODS, rng)} {_one(SIGNS, rng)}"
    if form == 4:
        return f"\u201c{craft.title()} one {thing} a day\u201d | {_one(ENDINGS, rng)}"
    return f"The {mood} {thing}"


def _description(title: str, things: tuple[str, ...], crafts: tuple[str, ...], rng: Random) -> str:
    kind = rng.random()
    if kind < 0.03:
        return _one(SHORT_DESCRIPTIONS, rng)
    if kind < 0.1:
        return title
    thing, craft, mood = _one(things, rng), _one(crafts, rng), _one(MOODS, rng).lower()
    text = f"{_one(OPENINGS, rng)} {craft} a {mood} {thing.lower()}. {_one(SENTENCES, rng)}"
    if kind > 0.35:
        text = f"{text} {_one(SENTENCES, rng)} {_one(SENTENCES, rng)} #{_hash_tag(thing)}"
    if len(text) <= DESCRIPTION_LENGTH:
        return text
    return text[: DESCRIPTION_LENGTH - 2] + "\u2026\u00a0"


def _hash_tag(thing: str) -> str:
    """Return a thing as a hash tag."""
    return thing.replace(" ", "").lower()


def _tags(tags: tuple[str, ...], rng: Random) -> str:
    """Return eight tags of a category, neighbours in its list."""
    at = int(rng.random() * len(tags))
    return ",".join((tags + tags)[at : at + 8])


def _unique_id(rng: Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _image(rng: Random, folder: str) -> str:
    name = f"{rng.getrandbits(128):032x}"
    return f"https://images.example.com/{folder}/{name[:2]}/{name[2:4]}/{name[4:6]}/{name}.jpg"


@cache
def people() -> tuple[tuple[Any, ...], ...]:
    """Return everyone who posts: names, age, time of joining, where they live."""
    rng = Random(POPULATION_SEED)
    return tuple(_person(rng) for _ in range(PEOPLE))


def _person(rng: Random) -> tuple[Any, ...]:
    """Return one person.

    In real rows names and countries crowd at A, ages at 20, joining at the start,
    all together, as if each person were the least of several drawn: of 1 to 40.
    """
    several: float = 40 ** rng.random()

    def least() -> float:
        return float(1.0 - rng.random() ** (1.0 / several))

    return (
        FIRST_NAMES[int(least() * len(FIRST_NAMES))],
        LAST_NAMES[int(least() * len(LAST_NAMES))],
        20 + int(least() * 41),
        str(FIRST_JOINED + timedelta(seconds=int(least() ** 0.85 * JOINED_SECONDS))),
        _six_digits(-90 + 180 * least()),
        _six_digits(-180 + 360 * least()),
        COUNTRIES[int(least() * len(COUNTRIES))],
    )


def _six_digits(value: float) -> float:
    """Return what a database's FLOAT shows of a number."""
    return float(f"{value:.6g}")


@cache
def posters() -> tuple[tuple[str, str], ...]:
    """Return who posts on the site: each name with its follower count, a text."""
    rng = Random(POPULATION_SEED)
    return (("E", "0"), *((_poster(rng), _followers(rng)) for _ in range(POSTERS - 1)))


def _poster(rng: Random) -> str:
    name = f"{_one(POSTER_STARTS, rng)} {_one(POSTER_ENDS, rng)}"
    form = rng.random()
    if form < 0.5:
        return name
    if form < 0.65:
        return f"{name} | {_one(MOODS, rng)} {_one(POSTER_ENDS, rng)}"
    if form < 0.8:
        return f"{name} {_one(SIGNS, rng)}"
    if form < 0.9:
        return name.replace(" ", "") + str(int(rng.random() * 1000))
    if form < 0.95:
        return "".join(_mathematical(letter) for letter in name)
    return _one(FOREIGN_POSTERS, rng)


def _mathematical(letter: str) -> str:
    """Return a Latin letter as its mathematical script form, beyond the basic plane."""
    if "a" <= letter <= "z":
        return chr(0x1D4EA + ord(letter) - ord("a"))
    return chr(0x1D4D0 + ord(letter) - ord("A")) if "A" <= letter <= "Z" else letter


def _followers(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return str(int(1000 ** rng.random()) - 1)
    if kind < 0.27:
        return f"{int(1 + 9 * rng.random() ** 2)}M"
    return f"{int(1000 ** rng.random())}k"


def _one(words: tuple[Word, ...], rng: Random) -> Word:
    """Return one of the words; several times as fast as ``rng.choice``."""
    return words[int(rng.random() * len(words))]


def _list(text: str, separator: str = "; ") -> tuple[str, ...]:
    return tuple(" ".join(text.split()).split(separator))


MOODS = _list("""Easy; Cosy; Modern; Rustic; Simple; Bold; Quiet; Elegant; Tiny; Vintage; Clever;
    Colourful; Minimal; Playful; Budget; Handmade; Timeless; Cr\u00e8me; Sch\u00f6ne; Jap\u00e1n""")
PLACES = _list("""Small Spaces; One Afternoon; Ten Minutes; the Garden; the City; Winter; Spring;
    the Kitchen; an Hour; S\u00e3o Paulo; \u00c5rhus; 2021""")
ENDINGS = _list("""a Guide; What Nobody Tells You; Step by Step; Before & After; 100% Free;
    Tips "from the inside"; Dos and Don'ts; the Checklist; Part 2; Our Favourites""")
SIGNS = _list("""\U0001f33f; \u2708\ufe0f; \u2764\ufe0f; \U0001f384\u2728; \u273f; \U0001f697;
    \U0001f469\u200d\U0001f3a8; \U0001f4b0; \u30fb\u793c; \u270e""")
OPENINGS = _list("""Here is how to; Learn to; We finally managed to; Anyone can; This weekend,;
    My sister taught me to; Click through to; Save this pin and""")
SENTENCES = _list("""
    It takes little time and less money.; You will want to keep this one for later.;
    Read on for the whole list of materials, the steps and what went wrong the first time.;
    The result looks far more expensive than it is, and friends keep asking where we bought it.;
    Good for beginners!; No tools needed, only patience and a steady hand.;
    We tried five ways so that you don't have to.; Find more of it on the blog, with pictures.;
    Also works with what you have at home: paper, glue, an old frame \\ a new one.;
    Tell me in the comments how yours turned out \U0001f60d""")
POSTER_STARTS = _list("""Amber; Birch; Copper; Daisy; Ember; Fern; Ginger; Hazel; Indigo; Juniper;
    Kestrel; Linden; Maple; Nettle; Olive; Pepper; Quince; Rowan; Saffron; Thistle; Umber; Violet;
    Willow; Yarrow; Zinnia; Blue Door; Paper Moon; Slow Sunday; Two Spoons; Red Kettle""")
POSTER_ENDS = _list("""Studio; Journal; Home; Makes; Travels; & Co; Crafts; Diary; Living; Kitchen;
    Garage; Ink; Classroom; Weddings; Budget; Style; Letters; Sketches; Garden; Workshop""")
FOREIGN_POSTERS = _list("""\u65c5\u884c\u65e5\u8a18; \u624b\u4f5c\u308a\u306e\u5bb6;
    \u7f8e\u5bb9\u7814\u7a76\u6240; \uadf8\ub9bc \uc77c\uae30; \u0414\u043e\u043c \u0438
    \u0441\u0430\u0434; \u0628\u064a\u062a \u0627\u0644\u0641\u0646; \u03a4\u03ad\u03c7\u03bd\u03b7
    \u2606; El taller de Lucía; Ateliê Céu;
    ..\u273f\u25d5\u203f\u25d5\u273f;
    Zo\u00eb & M\u00e5ns""")

_CATEGORIES = {
    "art": "Canvas; Sketch; Watercolour; Mural; Collage; Print; Portrait / paint; draw; frame",
    "beauty": "Lip Colour; Hair Style; Nail Design; Face Mask; Braid; Perfume / try; wear; mix",
    "christmas": "Wreath; Tree; Stocking; Mantel; Candle; Biscuit; Gift Tag / hang; wrap; bake",
    "diy-and-crafts": "Paper Lantern; Macrame; Clay Pot; Quilt; Jar; Garland / make; knit; glue",
    "education": "Lesson Plan; Flash Card; Class Rule; Maths Game; Worksheet / teach; print; plan",
    "event-planning": "Seating Plan; Invitation; Table Set; Party Cake; Arch / plan; host; book",
    "finance": "Saving Plan; Budget Sheet; Side Job; Coupon Book; Debt Chart / start; keep; track",
    "home-decor": "Gallery Wall; Shelf; Living Room; Reading Nook; Rug; Lamp / style; hang; build",
    "mens-fashion": "Linen Suit; Denim Jacket; Loafer; Watch; Overcoat; Tie / wear; match; buy",
    "quotes": "Morning Line; Proverb; Love Letter; Motto; Verse; Reminder / read; write; share",
    "tattoos": "Koi Sleeve; Fine Line Rose; Compass; Wave; Moon Phase; Swallow / ink; design; heal",
    "travel": "Road Trip; Packing List; City Walk; Beach; Night Train; Trail / plan; take; map",
    "vehicles": "Roadster; Camper Van; Motorbike; Pickup; Electric Car; Wagon / fix; drive; paint",
}


def _words(text: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return what a category's posts are about, what is done with it, and its tags."""
    things, crafts = (_list(part) for part in text.split(" / "))
    return things, crafts, tuple(f"{mood} {thing}" for thing in things for mood in MOODS[:6])


CATEGORIES = tuple(_CATEGORIES)
WORDS = {category: _words(text) for category, text in _CATEGORIES.items()}

COUNTRIES = _list("""Afghanistan; Albania; Algeria; American Samoa; Andorra; Angola; Anguilla;
    Antarctica (the territory South of 60 deg S); Antigua and Barbuda; Argentina; Armenia;
    Aruba; Australia; Austria; Azerbaijan; Bahamas; Bahrain; Bangladesh; Barbados;
    Belarus; Belgium; Belize; Benin; Bermuda; Bhutan; Bolivia; Bosnia and Herzegovina; Botswana;
    Bouvet Island
    (Bouvetoya); Brazil; British Indian Ocean Territory (Chagos Archipelago); British Virgin
    Islands; Brunei Darussalam; Bulgaria; Burkina Faso; Burundi; Cambodia; Cameroon; Canada;
    Cape Verde; Cayman Islands; Central African Republic; Chad; Chile; China; Christmas Island;
    Cocos (Keeling) Islands; Colombia; Comoros; Congo; Cook Islands; Costa Rica; Cote d'Ivoire;
    Croatia; Cuba; Cyprus; Czech Republic; Denmark; Djibouti; Dominica; Dominican Republic;
    Ecuador; Egypt; El Salvador; Equatorial Guinea; Eritrea; Estonia; Ethiopia; Falkland Islands
    (Malvinas); Faroe Islands; Fiji; Finland; France; French Guiana; French Polynesia; French
    Southern Territories; Gabon; Gambia; Georgia; Germany; Ghana; Gibraltar; Greece; Greenland;
    Grenada; Guadeloupe; Guam; Guatemala; Guernsey; Guinea; Guinea-Bissau; Guyana; Haiti; Heard
    Island and McDonald Islands; Holy See (Vatican City State); Honduras; Hong Kong; Hungary;
    Iceland; India; Indonesia; Iran; Iraq; Ireland; Isle of Man; Israel; Italy; Jamaica; Japan;
    Jersey; Jordan; Kazakhstan; Kenya; Kiribati; Korea; Kuwait; Kyrgyz Republic; Lao People's
    Democratic Republic; Latvia; Lebanon; Lesotho; Liberia; Libyan Arab Jamahiriya;
    Liechtenstein; Lithuania; Luxembourg; Macao; Madagascar; Malawi; Malaysia; Maldives; Mali;
    Malta; Marshall Islands; Martinique; Mauritania; Mauritius; Mayotte; Mexico; Micronesia;
    Moldova; Monaco; Mongolia; Montenegro; Montserrat; Morocco; Mozambique; Myanmar; Namibia;
    Nauru; Nepal; Netherlands; New Caledonia; New Zealand; Nicaragua; Niger; Nigeria; Niue;
    Norfolk Island; Northern Mariana Islands; Norway; Oman; Pakistan; Palau; Panama; Papua New
    Guinea; Paraguay; Peru; Philippines; Poland; Portugal; Puerto Rico; Qatar; Reunion; Romania;
    Russian Federation; Rwanda; Saint Helena; Saint Lucia; Samoa; San Marino; Sao Tome and
    Principe; Saudi Arabia; Senegal; Serbia; Seychelles; Sierra Leone; Singapore; Slovenia;
    Somalia; South Africa; Spain; Sri Lanka; Sudan; Sweden; Thailand; Togo; Tonga; Tunisia;
    Turkey; Uganda; Ukraine; Uruguay; Vanuatu; Vietnam; Zambia; Zimbabwe""")
FIRST_NAMES = _list(
    """Aaron Abigail Adam Adrian Aimee Alan Albert Alejandro Alex Alexander Alexandria Alexis Alice
    Alicia Alison Allen Alvin Alyssa Amanda Amber Amy Andrea Andrew Angela Anita Ann Anna Anne
    Annette Anthony April Ariel Arthur Ashley Austin Barbara Barry Becky Benjamin Beth Bonnie
    Bradley Brandon Brenda Brendan Brett Brian Brittany Brooke Bryan Caitlin Caleb Cameron
    Carlos Carol Caroline Casey Catherine Charles Chelsea Cheryl Christian Christina Christopher
    Claire Claudia Cody Corey Craig Crystal Cynthia Daniel Danielle David Dawn Debra Denise
    Dennis Derek Diana Donald Donna Dorothy Dylan Edward Elizabeth Emily Emma Eric Erin Ethan
    Evelyn Frances Gabriel Gary George Grace Gregory Hannah Heather Helen Ian Isabel Jack Jacob
    James Janet Jason Jennifer Jeremy Jessica Joan Joe John Jonathan Jordan Joseph Joshua Joyce
    Julia Julie Justin Karen Kayla Kaylee Keith Kelly Kenneth Kevin Kimberly Kristen Kyle Larry
    Laura Lauren Leslie Linda Lisa Logan Lucas Madison Marcus Margaret Maria Mark Mary Matthew
    Megan Melissa Michael Michelle Miguel Monica Morgan Nancy Natalie Nathan Nicholas Nicole
    Noah Olivia Pamela Patricia Patrick Paul Peter Rachel Raymond Rebecca Richard Robert Robin
    Ronald Ryan Samantha Sandra Sara Scott Sean Sharon Sophia Stephanie Steven Susan Sydney
    Tammy Taylor Teresa Thomas Tiffany Timothy Tracy Tyler Valerie Vanessa Victoria Walter Wendy
    William Xavier Yolanda Yvonne Zachary Zoe""",
    separator=" ",
)
LAST_NAMES = _list(
    """Abbott Acevedo Acosta Adams Adkins Aguilar Ali Allen Alvarado Alvarez Anderson Andrews
    Archer Armstrong Arnold Ashley Avila Bailey Baker Baldwin Ball Banks Barnes Barrett Bartlett
    Bean Beck Bell Bennett Berg Berry Black Blair Boone Bowman Bradshaw Brady Brooks Brown
    Bryant Burke Burton Butler Cabrera Campbell Cantu Carr Carter Castillo Chan Chen Clark
    Clayton Cohen Collins Cook Cortez Cox Cruz Davis Dawson Day Decker Diaz Dixon Douglas Doyle
    Duncan Edwards Elliott Estrada Evans Fisher Flores Forbes Foster Fox Freeman Fuller Gamble
    Garcia Gibson Gomez Gonzalez Gordon Graham Gray Green Griffith Gutierrez Hall Hansen Harper
    Harris Hart Hawkins Hayes Hernandez Hill Holmes Howard Hudson Huerta Hunter Jackson James
    Jenkins Jensen Johnson Jones Jordan Joseph Kelly Khan Kim King Knight Lang Lee Leon Lewis Li
    Long Lopez Lynn Marsh Martin Martinez Mason Mccoy Mendoza Meyer Miller Mitchell Moore
    Morales Morgan Morris Moss Murphy Nelson Nguyen Novak Nunez Obrien Oliver Ortiz Owens Palmer
    Park Patel Perez Pham Pineda Porter Powell Prince Quinn Ramirez Ramsey Reed Reyes Rice
    Rivera Roberts Robinson Rodriguez Rogers Ross Ruiz Sanchez Santos Schmidt Scott Shaw Silva
    Simmons Singh Smith Soto Stewart Stone Sullivan Taylor Thomas Thompson Torres Tran Turner
    Underwood Vargas Vaughn Vega Wagner Walker Wallace Walsh Ward Washington Watson Weaver Webb
    Welch West White Williams Wilson Wong Wood Wright Yang Young Zamora Zimmerman Zuniga""",
    separator=" ",
)
