"""The Pinterest data set in plain Python: cleaning and the ten answers, written from its facts."""

from collections import Counter, defaultdict

from reference.words import abbreviated_number, blank_to_null, utc_timestamp, whole_number

RAW = {
    "pin": ("index", "unique_id", "title", "description", "poster_name", "follower_count", "tag_list",
            "is_image_or_video", "image_src", "downloaded", "save_location", "category"),
    "geo": ("ind", "timestamp", "latitude", "longitude", "country"),
    "user": ("ind", "first_name", "last_name", "age", "date_joined"),
}  # fmt: skip
KEYS = {"pin": "index", "geo": "ind", "user": "ind"}
PLACEHOLDERS = {
    "title": {"No Title Data Available"},
    "poster_name": {"User Info Error"},
    "description": {
        "No description available Story format",
        "No description available",
        "Untitled",
    },
    "image_src": {"Image src error.", "Image src error"},
    "tag_list": {"N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"},
}
PREFIX = "Local save in "
AGE_GROUPS = ((range(18, 25), "18-24"), (range(25, 36), "25-35"), (range(36, 51), "36-50"))
OLDEST = "+50"
ORDER = ("18-24", "25-35", "36-50", OLDEST)


def clean(table, raw_row):
    """Return the cleaned row, or None where the record belongs into quarantine."""
    row = dict(raw_row)
    key = KEYS[table]
    if key not in row:
        row[key] = row.get("index" if key == "ind" else "ind")
    if any(column not in row for column in RAW[table]):
        return None
    ind = _key(row[key])
    return None if ind is None else CLEANERS[table](ind, row)


def first_of_each(rows):
    """Return one row per ``ind``, the first that arrived."""
    kept = {}
    for row in rows:
        kept.setdefault(row["ind"], row)
    return list(kept.values())


def _key(value):
    if isinstance(value, str):
        return whole_number(value)
    return value if type(value) is int and -(2**31) <= value < 2**31 else None


def _pin(ind, row):
    def text(column):
        value = row[column]
        return None if value in PLACEHOLDERS.get(column, ()) else blank_to_null(value)

    return {
        "ind": ind,
        "unique_id": text("unique_id"),
        "title": text("title"),
        "description": text("description"),
        "follower_count": abbreviated_number(row["follower_count"]),
        "poster_name": text("poster_name"),
        "tag_list": text("tag_list"),
        "is_image_or_video": text("is_image_or_video"),
        "image_src": text("image_src"),
        "save_location": blank_to_null((row["save_location"] or "").removeprefix(PREFIX)),
        "category": text("category"),
    }


def _geo(ind, row):
    return {
        "ind": ind,
        "country": blank_to_null(row["country"]),
        "coordinates": {"latitude": row["latitude"], "longitude": row["longitude"]},
        "timestamp": utc_timestamp(row["timestamp"]),
    }


def _user(ind, row):
    names = [blank_to_null(row["first_name"]), blank_to_null(row["last_name"])]
    return {
        "ind": ind,
        "user_name": None if None in names else " ".join(names),
        "age": row["age"],
        "date_joined": utc_timestamp(row["date_joined"]),
    }


CLEANERS = {"pin": _pin, "geo": _geo, "user": _user}


def age_group(age):
    if age is None or age < 18:
        return None
    return next((name for ages, name in AGE_GROUPS if age in ages), OLDEST)


def answer(question, tables):
    """Return the rows of a question over the cleaned rows of each table, in their fixed order."""
    return ANSWERS[question](tables)


def _joined(pins, others):
    by_key = {row["ind"]: row for row in others}
    return [(pin, by_key[pin["ind"]]) for pin in pins if pin["ind"] in by_key]


def _year(time):
    return time and time.year


def _counts(pairs, group):
    found = Counter((group(other), pin["category"]) for pin, other in pairs)
    return {key: count for key, count in found.items() if None not in key}


def _winners(counts, order=lambda group: group):
    """Return the (group, name, value)s whose value is the highest of their group."""
    highest = defaultdict(int)
    for (group, _), value in counts.items():
        highest[group] = max(highest[group], value)
    won = [
        (group, name, value) for (group, name), value in counts.items() if value == highest[group]
    ]
    return sorted(won, key=lambda row: (order(row[0]), _bytes(row[1])))


def _bytes(text):
    return text.encode()


def _popular_by_country(tables):
    return _winners(
        _counts(_joined(tables["pin"], tables["geo"]), lambda geo: geo["country"]), _bytes
    )


def _posts_by_year(tables):
    counts = _counts(_joined(tables["pin"], tables["geo"]), lambda geo: _year(geo["timestamp"]))
    rows = [(*key, count) for key, count in counts.items() if 2018 <= key[0] <= 2022]
    return sorted(rows, key=lambda row: (row[0], -row[2], _bytes(row[1])))


def _popular_by_year(tables):
    return _winners(
        _counts(_joined(tables["pin"], tables["geo"]), lambda geo: _year(geo["timestamp"]))
    )


def _followers(pins, geos):
    highest = {}
    for pin, geo in _joined(pins, geos):
        poster = (geo["country"], pin["poster_name"])
        if None not in poster and pin["follower_count"] is not None:
            highest[poster] = max(highest.get(poster, 0), pin["follower_count"])
    return highest


def _most_followed_by_country(tables):
    return _winners(_followers(tables["pin"], tables["geo"]), _bytes)


def _country_of_most_followed(tables):
    rows = _most_followed_by_country(tables)
    return [row for row in rows if row[2] == max(each[2] for each in rows)]


def _popular_by_age_group(tables):
    return _winners(
        _counts(_joined(tables["pin"], tables["user"]), lambda user: age_group(user["age"])),
        ORDER.index,
    )


def _medians(pins, users, *groups):
    """Return per group the lower of the two middle follower counts."""
    found = defaultdict(list)
    for pin, user in _joined(pins, users):
        key = tuple(group(user) for group in groups)
        if None not in key and pin["follower_count"] is not None:
            found[key].append(pin["follower_count"])
    return [(*key, sorted(counts)[(len(counts) - 1) // 2]) for key, counts in found.items()]


def _user_age_group(user):
    return age_group(user["age"])


def _joining_year(user):
    year = _year(user["date_joined"])
    return year if year in range(2015, 2021) else None


def _median_by_age_group(tables):
    return sorted(
        _medians(tables["pin"], tables["user"], _user_age_group),
        key=lambda row: ORDER.index(row[0]),
    )


def _joined_by_year(tables):
    people = {(user["user_name"], user["age"], user["date_joined"]) for user in tables["user"]}
    years = Counter(_joining_year({"date_joined": joined}) for _, _, joined in people)
    return sorted((year, count) for year, count in years.items() if year is not None)


def _median_by_joining_year(tables):
    return sorted(_medians(tables["pin"], tables["user"], _joining_year))


def _median_by_joining_year_and_age_group(tables):
    rows = _medians(tables["pin"], tables["user"], _joining_year, _user_age_group)
    return sorted(rows, key=lambda row: (row[0], ORDER.index(row[1])))


ANSWERS = {
    "most_popular_category_by_country": _popular_by_country,
    "category_posts_by_year": _posts_by_year,
    "most_popular_category_by_year": _popular_by_year,
    "most_followed_user_by_country": _most_followed_by_country,
    "country_of_most_followed_user": _country_of_most_followed,
    "most_popular_category_by_age_group": _popular_by_age_group,
    "median_followers_by_age_group": _median_by_age_group,
    "users_joined_by_year": _joined_by_year,
    "median_followers_by_joining_year": _median_by_joining_year,
    "median_followers_by_joining_year_and_age_group": _median_by_joining_year_and_age_group,
}
