"""Makes the fonts of this folder out of Pretendard's and Noto's. `pip install fonttools`; then, with npm's packages `pretendard` and
`@expo-google-fonts/noto-emoji`, and Debian's `fonts-noto-core` and `fonts-noto-cjk` installed:

    python prepare.py node_modules /usr/share/fonts services/fonts

No character is taken out but the syllables of Hangul from Noto, since Pretendard has them. What goes is hinting, which nothing here
reads; from Pretendard the features that are off until somebody asks for them; from Noto Sans CJK the shapes of other countries:
Korea's stay.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

# Pretendard is a reserved name, and what is cut down is a modified version (OFL 1.1, 3).
FAMILY = "Frontrow Sans"
SCRIPTS = (
    "Arabic Armenian Bengali Devanagari Ethiopic Georgian Gujarati Gurmukhi Hebrew Kannada Khmer Lao Malayalam Math Mongolian "
    "Myanmar Oriya Sinhala Symbols Symbols2 Tamil Telugu Thaana Thai"
).split()
SYLLABLES = range(0xAC00, 0xD7A4)
# In the collection: Japan, Korea, China, Taiwan, Hong Kong.
KOREA = 1


def without_hints(font, characters, features, names):
    options = subset.Options(hinting=False, layout_features=features, notdef_outline=True, name_IDs=names)
    wanted = subset.Subsetter(options)
    wanted.populate(unicodes=characters)
    wanted.subset(font)


def pretendard(source, target):
    font = TTFont(source)
    without_hints(font, font.getBestCmap(), ["ccmp", "kern", "liga", "mark", "mkmk"], [0, 13, 14])
    style = target.stem.rsplit("-", 1)[1]
    postscript = f"{FAMILY.replace(' ', '')}-{style}"
    names = font["name"]
    legacy = {1: FAMILY if style == "Regular" else f"{FAMILY} {style}", 2: "Regular", 16: FAMILY, 17: style}
    for number, text in {**legacy, 3: postscript, 4: f"{FAMILY} {style}", 6: postscript}.items():
        names.setName(text, number, 3, 1, 0x409)
    cff = font["CFF "].cff
    cff.fontNames = [postscript]
    top = cff.topDictIndex[0]
    top.FamilyName, top.FullName = FAMILY, f"{FAMILY} {style}"
    for private in top.FDArray:
        if hasattr(private, "FontName"):
            private.FontName = postscript
    font.save(target)


def noto(source, target, number=-1, features=("*",)):
    font = TTFont(source, fontNumber=number)
    characters = [c for c in font.getBestCmap() if c not in SYLLABLES]
    without_hints(font, characters, list(features), [0, 1, 2, 3, 4, 5, 6, 13, 14])
    font.save(target)


def main(npm, system, target):
    npm, system, target = Path(npm), Path(system), Path(target)
    for style in ("Regular", "ExtraBold"):
        source = npm / f"pretendard/dist/public/static/Pretendard-{style}.otf"
        pretendard(source, target / f"FrontrowSans-{style}.otf")
    for name in ("", *SCRIPTS):
        file = f"NotoSans{name}-Regular.ttf"
        noto(system / "truetype/noto" / file, target / "noto" / file)
    emoji = npm / "@expo-google-fonts/noto-emoji/400Regular/NotoEmoji_400Regular.ttf"
    noto(emoji, target / "noto/NotoEmoji-Regular.ttf")
    collection = system / "opentype/noto/NotoSansCJK-Regular.ttc"
    features = ["ccmp", "kern", "ljmo", "mark", "mkmk", "tjmo", "vjmo"]
    noto(collection, target / "noto/NotoSansCJKkr-Regular.otf", KOREA, features)


main(*sys.argv[1:])
