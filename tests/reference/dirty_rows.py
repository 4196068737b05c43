"""Seeded dirty rows of the Pinterest tables: every placeholder, form and blank, and near misses of each."""

import random

CATEGORIES = ["art", "beauty", "travel", "quotes", "E", "Ärger", "日本", "", " \t", None]
COUNTRIES = ["Albania", "Antarctica (the territory South of 60 deg S)", "Åland Islands", "albania",
             "Lao People's Democratic Republic", "Zimbabwe", "\u00a0", "", "\r\n ", None]  # fmt: skip
NAMES = ["Ann", "Lee", "Jo\u0301", "O'Neil", " Ann", "李", "😀", "", "  ", "\t", None]
TITLES = ["Home", "No Title Data Available", "No Title Data Available ", "no title data available",
          "a\nb", " x", "\u00a0", "", "   ", None, "𝕬𝖗𝖙", "tab\there", "nul\x00char", "$1 \\z"]  # fmt: skip
DESCRIPTIONS = ["Art.", "Untitled", "untitled", "No description available",
                "No description available Story format", "No description available story format",
                "cut…\u00a0", "", "\n", None]  # fmt: skip
POSTERS = [
    "E",
    "User Info Error",
    "User info error",
    "Zoë",
    "zoe",
    "🎨 Art",
    "ａｒｔ",
    "",
    " ",
    None,
]
FOLLOWERS = ["0", "9", "9k", "12k", "124k", "8M", "1.5k", "1.2345k", "0.9999999999", "1.9999999999k",
             "2b", "3B", "2K", "9m", "User Info Error", "1,000", "-5", "+5", " 9", "9 ", "9\n", "9k\n",
             ".5k", "1.", "1.k", "k", "", " ", None, "１２", "9\u212a", "1e3", "999999999999999",
             "1234567890123456789", "0000000000000000001", "000000000000000007", "9223372036B", "NaN", "9kk"]  # fmt: skip
TAGS = ["Art,Home", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e", "No Tags Available", "", None]
IMAGES = [
    "https://i.pinimg.com/a.jpg",
    "Image src error.",
    "Image src error",
    "Image src error..",
    "",
    None,
]
PLACES = ["Local save in /data/art", "Local save in ", "/data/art", "local save in /data/art",
          " Local save in /data/art", "Local save in Local save in /data/art", "x\nLocal save in /y", "", None]  # fmt: skip
KINDS = ["image", "video", "multi-video(story page format)", "", None]
FORMS = ["{0:04}-{1:02}-{2:02} {3:02}:{4:02}:{5:02}", "{0:04}-{1:02}-{2:02}T{3:02}:{4:02}:{5:02}",
         "{0:04}:{1:02}:{2:02} {3:02}:{4:02}:{5:02}"]  # fmt: skip
NO_TIMES = ["", " ", None, "T12", "12:00:00", "2018-03-01", "2018-03-01 24:00:00", "2018-03-01 12:00:60",
            "2018-03-01 12:60:00", "2018-03-01 12:00:00.5", "2018-03-01T12:00:00Z", "2018-03-01 12:00:00+01:00",
            "2019-02-29 12:00:00", "2018-13-01 12:00:00", "2018-00-10 12:00:00", "0000-01-01 00:00:00",
            "2018:03:01T12:00:00", "2018-03:01 12:00:00", "2018/03/01 12:00:00", " 2018-03-01 12:00:00",
            "2018-03-01 12:00:00\n", "２018-03-01 12:00:00", "2018-3-1 12:00:00", "1520000000", "now"]  # fmt: skip
RARE_TIMES = ["2020-02-29 23:59:59", "2000-02-29T00:00:00", "2015:12:31 23:59:59", "2016-01-01 00:00:00",
              "0001-01-01 00:00:00", "9999-12-31 23:59:59", "1582-10-10 00:00:00", "1969-12-31 23:59:59"]  # fmt: skip
AGES = [None, -1, 0, 17, 18, 24, 25, 35, 36, 50, 51, 60, 120]


def make(seed, count):
    """Return ``count`` raw rows of each table, with keys drawn again and rows of one key that differ."""
    draw = random.Random(seed)
    return {
        "pin": [_pin(draw, draw.randrange(count)) for _ in range(count)],
        "geo": [_geo(draw, draw.randrange(count)) for _ in range(count)],
        "user": [_user(draw, draw.randrange(count)) for _ in range(count)],
    }


def _pin(draw, key):
    return {
        "index": key,
        "unique_id": draw.choice([f"{draw.getrandbits(64):016x}", "", None]),
        "title": draw.choice(TITLES),
        "description": draw.choice(DESCRIPTIONS),
        "poster_name": draw.choice(POSTERS),
        "follower_count": draw.choice(
            [*FOLLOWERS, f"{draw.randrange(1000)}k", f"{draw.random()}M"]
        ),
        "tag_list": draw.choice(TAGS),
        "is_image_or_video": draw.choice(KINDS),
        "image_src": draw.choice(IMAGES),
        "downloaded": draw.choice([0, 1, None]),
        "save_location": draw.choice(PLACES),
        "category": draw.choice(CATEGORIES),
    }


def _geo(draw, key):
    return {
        "ind": key,
        "timestamp": _time(draw, 2016, 2024),
        "latitude": draw.choice([draw.uniform(-90, 90), 0.0, -0.0, None]),
        "longitude": draw.choice([draw.uniform(-180, 180), 1e-300, None]),
        "country": draw.choice(COUNTRIES),
    }


def _user(draw, key):
    return {
        "ind": key,
        "first_name": draw.choice(NAMES),
        "last_name": draw.choice(NAMES),
        "age": draw.choice([*AGES, draw.randrange(18, 61)]),
        "date_joined": _time(draw, 2014, 2022),
    }


def _time(draw, first_year, last_year):
    fields = [draw.randint(*each) for each in
              ((first_year, last_year), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59))]  # fmt: skip
    good = draw.choice(FORMS).format(*fields)
    return draw.choices([good, draw.choice(NO_TIMES), draw.choice(RARE_TIMES)], [8, 1, 1])[0]
