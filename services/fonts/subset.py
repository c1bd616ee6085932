"""Makes the fonts of this folder out of Pretendard's. `pip install fonttools`; then, in an unpacked npm package `pretendard`:

    python subset.py dist/public/static/Pretendard-Regular.otf FrontrowSans-Regular.otf
    python subset.py dist/public/static/Pretendard-ExtraBold.otf FrontrowSans-ExtraBold.otf
"""

import sys

from fontTools import subset
from fontTools.ttLib import TTFont

# Latin as far as names of western Europe need it, punctuation, won and euro, arrows, every syllable and letter of Hangul, and
# the full-width signs that stand beside them.
CHARACTERS = (
    "0020-007E 00A0-00FF 0131 0152-0153 0160-0161 0178 017D-017E 2010-2015 2018-201E 2020-2022 2026 2030 2032-2033 2039-203A "
    "20A9 20AC 2116 2122 2190-2193 2212 2605-2606 3000-3002 3008-3011 3131-318E AC00-D7A3 FF01 FF08-FF09 FF0C FF1A FF1F"
)
# Pretendard is a reserved name, and what is cut down is a modified version (OFL 1.1, 3).
FAMILY = "Frontrow Sans"


def main(source, target):
    font = TTFont(source)
    options = subset.Options(hinting=False, layout_features=["kern", "liga", "ccmp"], notdef_outline=True, name_IDs=[0, 13, 14])
    wanted = subset.Subsetter(options)
    ranges = [part.split("-") for part in CHARACTERS.split()]
    wanted.populate(unicodes=[c for r in ranges for c in range(int(r[0], 16), int(r[-1], 16) + 1)])
    wanted.subset(font)

    style = target.rsplit("-", 1)[1].removesuffix(".otf")
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


main(*sys.argv[1:])
