"""Compares the parser of src/importers/python/ with CPython's own `ast`, or writes what CPython answers. By hand, with Python 3.13:

    python3.13 tools/python_syntax.py compare build/release/slipway_python_dump DIR...   every *.py below these folders
    python3.13 tools/python_syntax.py dump FILE...                                       FILE.dump beside each FILE.py, for the unit test

`match` and `type` statements are `unsupported` here as there; a \\N{name} in a text is not compared.
"""
import ast
import pathlib
import re
import struct
import subprocess
import sys
import tokenize
import warnings

OPERATORS = dict(Add="add", Sub="subtract", Mult="multiply", Div="divide", FloorDiv="floor_divide", Mod="remainder", Pow="power", MatMult="matmul",
                 LShift="shift_left", RShift="shift_right", BitAnd="bit_and", BitOr="bit_or", BitXor="bit_xor", UAdd="plus", USub="minus",
                 Invert="invert", Not="not", Eq="eq", NotEq="ne", Lt="lt", LtE="le", Gt="gt", GtE="ge", Is="is", IsNot="is_not", In="in", NotIn="not_in")


def op(node):
    return OPERATORS[type(node).__name__]


def quoted(data):
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    return ' "' + "".join(chr(c) if 0x20 <= c <= 0x7E and c not in b'"\\' else f"\\x{c:02x}" for c in data) + '"'


def bits(value):
    return struct.pack(">d", value).hex()


class Dump:
    def __init__(self):
        self.out = []
        self.indent = -1

    def run(self, module):
        self.block(module.body)
        return "".join(self.out) + "\n"

    def put(self, *texts):
        self.out.extend(texts)

    def word(self, text):
        self.put(" ", text or "-")

    def place(self, node):
        self.put(f" {node.lineno}:{node.col_offset + 1}")

    def one(self, node):
        self.put(" ")
        self.expression(node) if node is not None else self.put("-")

    def all(self, nodes):
        self.put(" [")
        for node in nodes:
            self.one(node)
        self.put("]")

    def keywords(self, keywords):
        self.put(" [")
        for keyword in keywords:
            self.word(keyword.arg or "**")
            self.one(keyword.value)
        self.put("]")

    def parameters(self, a):
        positional = a.posonlyargs + a.args
        defaults = [None] * (len(positional) - len(a.defaults)) + a.defaults
        listed = [("positional_only" if i < len(a.posonlyargs) else "normal", p, d) for i, (p, d) in enumerate(zip(positional, defaults))]
        if a.vararg:
            listed.append(("var_positional", a.vararg, None))
        listed += [("keyword_only", p, d) for p, d in zip(a.kwonlyargs, a.kw_defaults)]
        if a.kwarg:
            listed.append(("var_keyword", a.kwarg, None))
        self.put(" [")
        for kind, parameter, default in listed:
            self.word(kind)
            self.place(parameter)
            self.word(parameter.arg)
            self.one(parameter.annotation)
            self.one(default)
        self.put("]")

    def pieces(self, joined):
        self.put(" [")
        text = ""
        for piece in [*joined.values, None]:
            if isinstance(piece, ast.Constant):
                text += piece.value
                continue
            if text:
                self.put(quoted(text))
                text = ""
            if piece is None:
                break
            self.put(" (formatted")
            self.one(piece.value)
            self.word("-" if piece.conversion == -1 else chr(piece.conversion))
            self.pieces(piece.format_spec) if piece.format_spec else self.word("-")
            self.put(")")
        self.put("]")

    def constant(self, e):
        v = e.value
        if v is None or v is ... or v is True or v is False:
            self.begin({None: "none", ...: "ellipsis", True: "true", False: "false"}[v], e)
        elif isinstance(v, int):
            self.begin("int", e)
            self.word(str(v) if v < 2**63 else "big")
        elif isinstance(v, float):
            self.begin("float", e)
            self.word(bits(v))
        elif isinstance(v, complex):
            self.begin("imaginary", e)
            self.word(bits(v.imag))
        else:
            self.begin("text" if isinstance(v, str) else "bytes", e)
            self.put(quoted(v))

    def begin(self, kind, e):
        self.put("(", kind)
        self.place(e)

    def expression(self, e):
        getattr(self, "e_" + type(e).__name__)(e)
        self.put(")")

    def e_Constant(self, e):
        self.constant(e)

    def e_JoinedStr(self, e):
        self.begin("fstring", e)
        self.pieces(e)

    def e_Name(self, e):
        self.begin("name", e)
        self.word(e.id)

    def e_Attribute(self, e):
        self.begin("attribute", e)
        self.one(e.value)
        self.word(e.attr)

    def e_Subscript(self, e):
        self.begin("subscript", e)
        self.one(e.value)
        self.one(e.slice)

    def e_Slice(self, e):
        self.begin("slice", e)
        for bound in (e.lower, e.upper, e.step):
            self.one(bound)

    def e_Call(self, e):
        self.begin("call", e)
        self.one(e.func)
        self.all(e.args)
        self.keywords(e.keywords)

    def e_UnaryOp(self, e):
        self.begin("unary", e)
        self.word(op(e.op))
        self.one(e.operand)

    def e_BinOp(self, e):
        self.begin("binary", e)
        self.word(op(e.op))
        self.one(e.left)
        self.one(e.right)

    def e_BoolOp(self, e):
        self.begin("or" if isinstance(e.op, ast.Or) else "and", e)
        self.all(e.values)

    def e_Compare(self, e):
        self.begin("compare", e)
        self.one(e.left)
        for o, right in zip(e.ops, e.comparators):
            self.word(op(o))
            self.one(right)

    def e_IfExp(self, e):
        self.begin("conditional", e)
        for part in (e.test, e.body, e.orelse):
            self.one(part)

    def e_Lambda(self, e):
        self.begin("lambda", e)
        self.parameters(e.args)
        self.one(e.body)

    def display(self, kind, e):
        self.begin(kind, e)
        self.all(e.elts)

    def e_Tuple(self, e):
        self.display("tuple", e)

    def e_List(self, e):
        self.display("list", e)

    def e_Set(self, e):
        self.display("set", e)

    def e_Dict(self, e):
        self.begin("dict", e)
        for key, value in zip(e.keys, e.values):
            self.one(key)
            self.one(value)

    def comprehension(self, kind, e, element, value=None):
        self.begin(kind, e)
        self.one(element)
        self.one(value)
        for clause in e.generators:
            self.word("async_for" if clause.is_async else "for")
            self.one(clause.target)
            self.one(clause.iter)
            self.all(clause.ifs)

    def e_ListComp(self, e):
        self.comprehension("listcomp", e, e.elt)

    def e_SetComp(self, e):
        self.comprehension("setcomp", e, e.elt)

    def e_DictComp(self, e):
        self.comprehension("dictcomp", e, e.key, e.value)

    def e_GeneratorExp(self, e):
        self.comprehension("generator", e, e.elt)

    def e_NamedExpr(self, e):
        self.begin("walrus", e)
        self.word(e.target.id)
        self.one(e.value)

    def with_value(self, kind, e):
        self.begin(kind, e)
        self.one(e.value)

    def e_Starred(self, e):
        self.with_value("starred", e)

    def e_Await(self, e):
        self.with_value("await", e)

    def e_Yield(self, e):
        self.with_value("yield", e)

    def e_YieldFrom(self, e):
        self.with_value("yield_from", e)

    def line(self):
        self.put("\n", "  " * self.indent)

    def part(self, kind, statements=None):
        if statements == []:
            return
        self.line()
        self.put(kind)
        if statements is not None:
            self.block(statements)

    def block(self, statements):
        self.indent += 1
        for statement in statements:
            self.line()
            getattr(self, "s_" + type(statement).__name__)(statement)
        self.indent -= 1

    def start(self, kind, s, *parts):
        self.put(kind)
        self.place(s)
        for part in parts:
            self.one(part)

    def s_Expr(self, s):
        self.start("expression", s, s.value)

    def s_Assign(self, s):
        self.start("assign", s)
        self.all(s.targets)
        self.one(s.value)

    def s_AugAssign(self, s):
        self.start("augment", s)
        self.word(op(s.op))
        self.one(s.target)
        self.one(s.value)

    def s_AnnAssign(self, s):
        self.start("annotate", s, s.target, s.annotation, s.value)

    def s_Return(self, s):
        self.start("return", s, s.value)

    def s_Raise(self, s):
        self.start("raise", s, s.exc, s.cause)

    def s_Assert(self, s):
        self.start("assert", s, s.test, s.msg)

    def s_Delete(self, s):
        self.start("delete", s)
        self.all(s.targets)

    def s_Pass(self, s):
        self.start("pass", s)

    def s_Break(self, s):
        self.start("break", s)

    def s_Continue(self, s):
        self.start("continue", s)

    def aliases(self, names):
        for alias in names:
            self.word(alias.name)
            self.word(alias.asname)

    def s_Import(self, s):
        self.start("import", s)
        self.aliases(s.names)

    def s_ImportFrom(self, s):
        self.start("from", s)
        self.word(s.module)
        self.word(str(s.level))
        self.aliases(s.names)

    def names(self, kind, s):
        self.start(kind, s)
        for name in s.names:
            self.word(name)

    def s_Global(self, s):
        self.names("global", s)

    def s_Nonlocal(self, s):
        self.names("nonlocal", s)

    def s_If(self, s):
        self.start("if", s)
        while True:
            self.part("arm")
            self.one(s.test)
            self.block(s.body)
            rest = s.orelse
            # An elif stands where its If does; `else: if` does not.
            if len(rest) != 1 or not isinstance(rest[0], ast.If) or not self.is_elif(rest[0]):
                break
            s = rest[0]
        self.part("else", rest)

    def is_elif(self, s):
        return self.lines[s.lineno - 1].encode()[s.col_offset:].startswith(b"elif")

    def loop(self, kind, s, *parts):
        self.start(kind, s, *parts)
        self.block(s.body)
        self.part("else", s.orelse)

    def s_For(self, s):
        self.loop("for", s, s.target, s.iter)

    def s_AsyncFor(self, s):
        self.loop("async_for", s, s.target, s.iter)

    def s_While(self, s):
        self.loop("while", s, s.test)

    def s_Try(self, s, kind="try"):
        self.start(kind, s)
        self.block(s.body)
        for handler in s.handlers:
            self.part("except")
            self.place(handler)
            self.one(handler.type)
            self.word(handler.name)
            self.block(handler.body)
        self.part("else", s.orelse)
        self.part("finally", s.finalbody)

    def s_TryStar(self, s):
        self.s_Try(s, "try_star")

    def s_With(self, s, kind="with"):
        self.start(kind, s)
        for item in s.items:
            self.one(item.context_expr)
            self.one(item.optional_vars)
        self.block(s.body)

    def s_AsyncWith(self, s):
        self.s_With(s, "async_with")

    def s_FunctionDef(self, s, kind="def"):
        self.start(kind, s)
        self.word(s.name)
        self.all(s.decorator_list)
        self.parameters(s.args)
        self.one(s.returns)
        self.block(s.body)

    def s_AsyncFunctionDef(self, s):
        self.s_FunctionDef(s, "async_def")

    def s_ClassDef(self, s):
        self.start("class", s)
        self.word(s.name)
        self.all(s.decorator_list)
        self.all(s.bases)
        self.keywords(s.keywords)
        self.block(s.body)

    def s_Match(self, s):
        self.start("unsupported", s)

    def s_TypeAlias(self, s):
        self.start("unsupported", s)


def dump_of(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open(path, "rb") as file:
            data = file.read()
        module = ast.parse(data, path)
        with tokenize.open(path) as file:
            text = file.read()
    dump = Dump()
    dump.lines = re.split("\n", text)
    return dump.run(module)


def compare(program, folders):
    files = sorted(str(f) for folder in folders for f in ([pathlib.Path(folder)] if folder.endswith(".py") else pathlib.Path(folder).rglob("*.py")))
    agree, differ, both_refuse, skipped = 0, [], 0, []
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parser:
        for path in files:
            parser.stdin.write(path.encode() + b"\n")
            parser.stdin.flush()
            size = int(parser.stdout.readline())
            ours = parser.stdout.read(size).decode("utf-8", "replace")
            try:
                theirs = dump_of(path)
            except (SyntaxError, ValueError, UnicodeDecodeError, RecursionError, MemoryError) as refusal:
                if "unsupported " in ours or ours.startswith("error: "):
                    both_refuse += 1
                else:
                    skipped.append(f"{path}: read here, refused by CPython: {refusal}")
                continue
            if "~" in ours:
                ours, theirs = (re.sub(r'\(text~?( [0-9:]+) "[^"]*"', r"(text\1", t) for t in (ours, theirs))
            if ours == theirs:
                agree += 1
                continue
            a, b = ours.split("\n"), theirs.split("\n")
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            line = lambda lines: lines[at].strip() if at < len(lines) else "(end)"
            x, y = line(a), line(b)
            common = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), 0)
            differ.append(f"{path}\n    here:    {x[max(0, common - 60):common + 100]}\n    CPython: {y[max(0, common - 60):common + 100]}")
        parser.stdin.close()
    print("\n".join(differ + skipped))
    print(f"{len(files)} files: {agree} agree, {len(differ)} differ, {both_refuse} are refused by both, {len(skipped)} by CPython only")


if __name__ == "__main__":
    sys.setrecursionlimit(20_000)
    if sys.argv[1:2] == ["compare"] and len(sys.argv) > 3:
        compare(sys.argv[2], sys.argv[3:])
    elif sys.argv[1:2] == ["dump"] and len(sys.argv) > 2:
        for name in sys.argv[2:]:
            pathlib.Path(name).with_suffix(".dump").write_text(dump_of(name))
    else:
        sys.exit(__doc__)
