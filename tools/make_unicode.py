"""Writes src/ops/text/unicode_tables.inc: what Python's str methods and `re` know of characters, from the unicodedata of the Python
that runs this. Run by hand when a newer Unicode is wanted:

    python3.13 tools/make_unicode.py > src/ops/text/unicode_tables.inc
"""
import sys
import unicodedata

EVERY = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xAC00 + 11172)  # decomposed by arithmetic


def ranges(holds):
    out = []
    for c in EVERY:
        if not holds(chr(c)):
            continue
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def lower_runs():
    """Runs of (first, last, step, difference) of the characters whose lower form is one other character."""
    out = []
    for c in EVERY:
        lower = chr(c).lower()
        if lower == chr(c) or len(lower) != 1:
            continue
        delta = ord(lower) - c
        if out and out[-1][3] == delta and c - out[-1][1] in ((out[-1][2],) if out[-1][2] else (1, 2)):
            out[-1][2] = c - out[-1][1]
            out[-1][1] = c
        else:
            out.append([c, c, 0, delta])
    return [[first, last, step or 1, delta] for first, last, step, delta in out]


def decompositions():
    starts, pool = [], []
    for c in EVERY:
        form = unicodedata.normalize("NFKD", chr(c))
        if form != chr(c) and c not in HANGUL:
            starts.append([c, len(pool), len(form)])
            pool += [ord(f) for f in form]
    return starts, pool


def combining_classes():
    out = []
    for c in EVERY:
        kind = unicodedata.combining(chr(c))
        if kind == 0:
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == kind:
            out[-1][1] = c
        else:
            out.append([c, c, kind])
    return out


def cased(c):
    return (c + "\u03a3").lower()[-1] == "\u03c2"


def ignorable(c):
    return ("A" + c + "\u03a3").lower()[-1] == "\u03c2" and not cased(c)


def emit(kind, name, rows):
    print("constexpr %s %s[] = {" % (kind, name))
    line = "   "
    for row in rows:
        item = " {%s}," % ", ".join(str(v) for v in row) if isinstance(row, (list, tuple)) else " %d," % row
        if len(line) + len(item) > 148:
            print(line)
            line = "   "
        line += item
    print(line + "\n};")


def main():
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
    for c in EVERY:
        assert len(chr(c).lower()) == 1 or c == 0x130
    print("// Made by tools/make_unicode.py from Unicode %s (Python %d.%d). Don't edit." % ((unicodedata.unidata_version,) + sys.version_info[:2]))
    emit("Range", "kAlphanumeric", ranges(str.isalnum))
    emit("Range", "kDecimal", ranges(str.isdecimal))
    emit("Range", "kSpace", ranges(str.isspace))
    emit("Range", "kCased", ranges(cased))
    emit("Range", "kCaseIgnorable", ranges(ignorable))
    emit("LowerRun", "kLower", lower_runs())
    emit("CombiningRun", "kCombining", combining_classes())
    starts, pool = decompositions()
    emit("Decomposition", "kDecompositions", starts)
    emit("char32_t", "kDecomposed", pool)
    print("constexpr std::string_view kEnglishStopWords[] = {")
    words = sorted(ENGLISH_STOP_WORDS)
    for at in range(0, len(words), 12):
        print("    " + ", ".join('"%s"' % w for w in words[at:at + 12]) + ",")
    print("};")


main()
