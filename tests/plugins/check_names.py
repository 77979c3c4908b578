"""Every name that weir/HEADER.h brings begins with weir_ or WEIR_: check_names.py CC INCLUDE HEADER."""
import re
import subprocess
import sys


def macros(cc, *options):
    done = subprocess.run([cc, "-std=c11", "-dM", "-E", *options, "-x", "c", "-"], text=True,
                          input="".join("#include <%s.h>\n" % h for h in (
                              "stdarg", "stddef", "stdint", "stdio", "stdlib", "string")),
                          capture_output=True, check=True)
    return set(re.findall(r"^#define (\w+)", done.stdout, re.M))


def main(cc, include, header):
    new = macros(cc, "-I", include, "-include", "weir/%s.h" % header) - macros(cc)
    bad = sorted(m for m in new if not m.startswith("WEIR_"))
    with open("%s/weir/%s.h" % (include, header)) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    functions = re.findall(r"^(?:static inline .*?|)\b(\w+)\((?=[^()]*\benv|const weir|uint32_t)",
                           text, re.M)
    tags = re.findall(r"\b(?:struct|enum|union)\s+(\w+)", text)
    bad += sorted({n for n in tags if not n.lower().startswith("weir_")})
    bad += sorted({n for n in functions if not n.lower().startswith("weir_")
                   and "static inline" in text.split(n + "(")[0].splitlines()[-1]})
    if not new or not tags or bad:
        sys.exit("names without weir_: %s" % (bad or "nothing was found"))


main(*sys.argv[1:4])
