"""The formats of keypoint files in words."""

from helpers.readme import readme_table

from jaxpose.keypoints.formats import FILES, IN_WORDS


def test_the_phrase_has_all_formats_in_their_order():
    first, *_, last = (each.words for each in FILES.values())
    assert IN_WORDS.startswith(f"{first}, ")
    assert IN_WORDS.endswith(f" or {last}")
    places = [IN_WORDS.index(each.words) for each in FILES.values()]
    assert places == sorted(places)


def test_the_first_readme_names_them():
    cells = " ".join(row[0] for row in readme_table("README.md", "2D keypoints, recognised by content"))
    assert not [name for name in FILES if not all(word in cells for word in name.split())]
