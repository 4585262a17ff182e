#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "slipway/importers/python/dump.hpp"
#include "slipway/importers/python/notebook.hpp"
#include "slipway/importers/python/parser.hpp"
#include "slipway/importers/python/query.hpp"

namespace slipway::python {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> sources() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(SLIPWAY_SOURCE_DIR) / "tests/corpus/python")) {
    if (entry.path().extension() == ".py") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

Module parsed(std::string_view source) {
  auto module = parse(source);
  EXPECT_TRUE(module.ok()) << (module.ok() ? "" : module.error().detail());
  return std::move(module).value();
}

// "line 3: the reason" of everything that couldn't be read.
std::vector<std::string> complaints(const Module& module) {
  std::vector<std::string> out;
  for (const Stmt* s : module.unsupported()) {
    const auto* u = s->as<Unsupported>();
    out.push_back("line " + std::to_string(u->fault.line) + ": " + std::string(u->reason));
  }
  return out;
}

const Expr& only_expression(const Module& module) {
  EXPECT_EQ(module.body().size(), 1U);
  return *module.body()[0]->as<ExprStmt>()->value;
}

std::string again(std::string_view source) { return unparse(only_expression(parsed(source)), 10'000); }

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(PythonParser, ReadsEverySourceAsCPythonDoes) {
  const auto files = sources();
  ASSERT_GE(files.size(), 25U);
  for (const fs::path& path : files) {
    SCOPED_TRACE(path.filename());
    auto expected = path;
    expected.replace_extension(".dump");
    const auto module = parse(read_file(path));
    ASSERT_TRUE(module.ok()) << module.error().detail();
    EXPECT_EQ(dump(*module), read_file(expected));
    for (const std::string& complaint : complaints(*module)) EXPECT_THAT(complaint, HasSubstr("statement is not supported"));
  }
}

TEST(PythonParser, GoesOnBehindAStatementItCannotRead) {
  const Module module = parsed(
      "x = foo(a,\n   b $ c,\n   d)\n"
      "y = 1\n"
      "class A:\n"
      "    def f(self:\n"
      "        return 2\n"
      "    def g(self):\n"
      "        z = = 3\n"
      "        return 4\n"
      "if a:\n    b\nelif $:\n    c\nelse:\n    d\n"
      "@decor(+)\n@other\nclass B:\n    pass\n"
      "def k():\n"
      "last = 'open\n"
      "end = 5\n");
  EXPECT_THAT(complaints(module), ElementsAre("line 2: this character is no part of Python", "line 6: the bracket is not closed",
                                              "line 9: expected an expression, found '='", "line 13: this character is no part of Python",
                                              "line 17: expected an expression, found ')'", "line 22: expected an indented block, found a name",
                                              "line 22: the string is not closed"));
  EXPECT_EQ(find_class(module, "B"), nullptr) << "a decorated class without its decorators is another class";
  const Stmt* a = find_class(module, "A");
  ASSERT_NE(a, nullptr);
  const Stmt* g = find_method(*a->as<ClassDef>(), "g");
  ASSERT_NE(g, nullptr);
  ASSERT_EQ(g->as<FunctionDef>()->body.size(), 2U);
  EXPECT_TRUE(g->as<FunctionDef>()->body[0]->is<Unsupported>());
  EXPECT_EQ(g->as<FunctionDef>()->body[1]->place.line, 10U);
  EXPECT_EQ(module.body().back()->as<Assign>()->value->as<Int>()->value, 5);
}

TEST(PythonParser, NamesWhatIsPython2) {
  const Module module = parsed(
      "print \"x\" % y\nprint >>f, x\nexec code in space\nraise E, 'text'\nx = 0777\ny = 10L\nz = a <> b\nw = `a`\nv = ur'a'\n"
      "try:\n    pass\nexcept E, e:\n    pass\ndef f((a, b)): pass\n");
  const auto all = complaints(module);
  ASSERT_EQ(all.size(), 11U);
  for (const std::string& complaint : all) EXPECT_THAT(complaint, HasSubstr("Python 2")) << complaint;
  EXPECT_THAT(all.front(), StartsWith("line 1: `print` as a statement"));
}

TEST(PythonParser, SaysWhereAndShowsTheLine) {
  const Module module = parsed("def f():\n    return foo(1 2)\n");
  const auto* u = module.unsupported()[0]->as<Unsupported>();
  EXPECT_EQ(at_line(module, u->fault, u->reason), "line 2, column 18: expected ',', found a number: `return foo(1 2)`");
}

TEST(PythonParser, RefusesWhatIsNotReadableText) {
  EXPECT_THAT(parse("x = 1\ny = '\xff'\n").error().detail(), HasSubstr("line 2 of the source is not UTF-8"));
  EXPECT_THAT(parse(std::string(kSourceBytesMax + 1, ' ')).error().detail(), HasSubstr("bytes"));
  EXPECT_THAT(parse(repeated("$\n", kUnsupportedMax + 1)).error().detail(), HasSubstr("no Python 3 source"));
  EXPECT_THAT(complaints(parsed(std::string_view("x = 1\0\ny = 2\n", 13))), ElementsAre("line 1: this character is no part of Python"));
}

TEST(PythonParser, BoundsNestingAndChains) {
  for (const char* unit : {"(",     "[",   "{",       "f(",     "a[",    "-",           "not ",         "lambda: ", "a if b else ",
                           "a ** ", "f'{", "(yield ", "{a: ",   "*(",    "f(*",         "[x for x in ", "[x for [", "{**",
                           "(*",    "[*",  "a[*",     "for *[", "del (", "with a as (", "f'{a:{",       "await (",  "a[b:"}) {
    SCOPED_TRACE(unit);
    const Module module = parsed(repeated(unit, 20'000) + "\nafter = 1\ndef g(): pass\n");
    EXPECT_FALSE(module.unsupported().empty());
    EXPECT_NE(find_function(module, "g"), nullptr);
  }
  EXPECT_THAT(complaints(parsed(repeated("(", 1000) + "1" + repeated(")", 1000))), ElementsAre("line 1: more than 200 levels of nesting"));
  EXPECT_TRUE(parsed(repeated("(", 150) + "1" + repeated(")", 150)).unsupported().empty());
  EXPECT_THAT(complaints(parsed("x = a" + repeated(".b", 1000))), ElementsAre("line 1: more than 400 operations in a chain"));
  EXPECT_THAT(complaints(parsed("x = 1" + repeated(" + 1", 1000))), ElementsAre("line 1: more than 400 operations in a chain"));
  EXPECT_TRUE(parsed("x = 1" + repeated(" + 1", 390)).unsupported().empty());
  EXPECT_TRUE(parsed("x = 1" + repeated(" or 1", 9000)).unsupported().empty()) << "those are no chain";
  std::string blocks;
  for (int i = 0; i < 1000; ++i) blocks += std::string(static_cast<std::size_t>(i), ' ') + "if a:\n";
  EXPECT_THAT(complaints(parsed(blocks + std::string(1000, ' ') + "y = 1\n")), ElementsAre(HasSubstr("more than 200 levels of nesting")));
  EXPECT_TRUE(parsed("if a: b\n" + repeated("elif a: b\n", 9000)).unsupported().empty());
}

TEST(PythonParser, CostsNoMoreThanItsSizeSays) {
  for (const std::string_view unit :
       {"(",         "(\n",    "f'{", "'''\n\\", "\\'''\n", "a.",         "[1,",      "if a:\n ",  "x: ",     "with (a, ",
        "match a:",  "match ", "{",   "f'{a:{",  "@a\n",    "a;",         "`",        "elif $:\n", "f'''{\n", "\"\"\"\\\n",
        "lambda a=", "def f(", "0x",  "'\\N{",   "@a(\n",   "return (\n", "f'''{'''", "f'{{"}) {
    const auto time_of = [&](std::size_t bytes) {
      const std::string source = repeated(unit, bytes / unit.size());
      auto best = std::chrono::steady_clock::duration::max();
      for (int i = 0; i < 3; ++i) {
        const auto started = std::chrono::steady_clock::now();
        (void)parse(source);
        best = std::min(best, std::chrono::steady_clock::now() - started);
      }
      return std::chrono::duration<double, std::milli>(best).count();
    };
    const double small = time_of(1U << 15), large = time_of(1U << 19);  // 16 times as much
    EXPECT_LT(large, 80 * small + 50) << unit;
  }
}

TEST(PythonParser, KeepsTheValuesOfLiterals) {
  const Module module = parsed("x = [0x1F, 1_000, 1.5e3, 2j, 'a' \"\\u00e9\\n\", b'\\xff', 99999999999999999999, '\\N{BULLET}', True, None, ...]\n");
  const Exprs items = module.body()[0]->as<Assign>()->value->as<List>()->items;
  EXPECT_EQ(items[0]->as<Int>()->value, 31);
  EXPECT_EQ(items[1]->as<Int>()->digits, "1000");
  EXPECT_EQ(items[2]->as<Float>()->value, 1500);
  EXPECT_EQ(items[3]->as<Imaginary>()->value, 2);
  EXPECT_EQ(items[4]->as<Text>()->value, "aé\n");
  EXPECT_EQ(items[5]->as<Bytes>()->value, "\xff");
  EXPECT_FALSE(items[6]->as<Int>()->fits);
  EXPECT_FALSE(items[7]->as<Text>()->exact);
  EXPECT_EQ(items[8]->kind(), Expr::Kind::boolean);
  EXPECT_TRUE(items[9]->is<None>());
  EXPECT_EQ(items[10]->kind(), Expr::Kind::ellipsis);
}

TEST(PythonParser, StaysValidWhenItsModuleMoves) {
  Module first = parsed("class Net(nn.Module):\n    pass\n");
  const Stmt* net = find_class(first, "Net");
  const Module second = std::move(first);
  EXPECT_EQ(find_class(second, "Net"), net);
  EXPECT_EQ(net->as<ClassDef>()->name, "Net");
}

TEST(PythonQuery, FindsClassesWithTheirBases) {
  const Module module = parsed(
      "try:\n    import a\nexcept ImportError:\n    class A(object): pass\nclass B(A, nn.Module, f(x)[0], metaclass=M):\n    class Inner: pass\n"
      "def f():\n    class Local: pass\nclass B(C): pass\n");
  const auto all = classes(module);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].definition->name, "A");
  EXPECT_THAT(all[1].bases, ElementsAre("A", "nn.Module", "f(x)[0]"));
  EXPECT_EQ(find_class(module, "B"), all[2].statement) << "the last of a name is what it means";
  EXPECT_EQ(find_class(module, "Local"), nullptr);
  EXPECT_EQ(dotted_name(only_expression(parsed("a.b.c"))), "a.b.c");
  EXPECT_EQ(dotted_name(only_expression(parsed("a().b"))), std::nullopt);
}

TEST(PythonQuery, WritesExpressionsAgain) {
  for (const char* text : {"a.b[c, 1:2, ::3](d, *e, f=g, **h)",
                           "(a + b) * c - d // -e**f",
                           "not (a or b) and c",
                           "a if b else lambda x, *y, z=1, **k: x",
                           "[x for x in y if z for w in v]",
                           "{'a': 1, **b}",
                           "{a, b}",
                           "a,",
                           "()",
                           "(a < b) < c",
                           "a not in b is not c",
                           "f'a{x!r:>{w}}{{'",
                           "f((yield))",
                           "f((x for x in y))",
                           "x[(x := 1)]",
                           "a[b,]",
                           "(a, b)[0]",
                           "--a",
                           "b'\\xff'",
                           "1.5e-07",
                           "lambda x, /, *, y: 0",
                           "a**-b**c",
                           "(-a)**b",
                           "(a**b)**c",
                           "a - (b - c)",
                           "[*a, (b, c)]",
                           "(1).real",
                           "'it\\'s\\n'",
                           "not not a",
                           "(not a) + b",
                           "(lambda: a)()"}) {
    EXPECT_EQ(again(text), text);
  }
  EXPECT_EQ(again("( self.conv1 (x) )  # y"), "self.conv1(x)");
  EXPECT_EQ(again("'it''s' \"\\n\""), "'its\\n'");
  EXPECT_EQ(unparse(only_expression(parsed("f(aaaaaaaaaa, bbbbbbbbbb)")), 8), "f(aaaaaa…");
}

TEST(PythonQuery, WritesEveryExpressionOfTheCorpusSoThatItReadsTheSame) {
  std::size_t seen = 0;
  for (const fs::path& path : sources()) {
    const Module module = parsed(read_file(path));
    for (const Stmt* s : module.body()) {
      const auto* e = s->as<ExprStmt>();
      if (e == nullptr) continue;
      const std::string once = unparse(*e->value, 100'000);
      SCOPED_TRACE(path.filename().string() + ": " + once);
      EXPECT_EQ(again(once), once);
      ++seen;
    }
  }
  EXPECT_GT(seen, 80U);
}

TEST(PythonNotebook, JoinsCodeCellsAndKnowsTheWayBack) {
  const std::string text = R"json({"nbformat": 4, "metadata": {"kernelspec": {"language": "python"}}, "cells": [
    {"cell_type": "markdown", "source": ["# Title"]},
    {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install x \\\n", "   y\n", "import torch\n", "x = ('%d'\n", "  % 3)"]},
    {"cell_type": "code", "source": "%%bash\nls"},
    {"cell_type": "code", "source": "%%time\nif x:\n    %run y\nclass Net(nn.Module):\n    pass\nNet?\n?Net\nx.y??"},
    {"cell_type": "code", "source": "y = 1 +\nz = 2", "outputs": [{"data": {"image/png": "AAAA"}}]}]
})";
  const auto notebook = read_notebook(text);
ASSERT_TRUE(notebook.ok()) << notebook.error().detail();
const auto module = parse(notebook->source, {.ipython = true});
ASSERT_TRUE(module.ok());
EXPECT_EQ(complaints(*module).size(), 1U);
const auto* fault = module->unsupported()[0]->as<Unsupported>();
EXPECT_EQ(notebook->at(fault->fault.line).cell, 5U);
EXPECT_EQ(notebook->at(fault->fault.line).line, 1U);
const Stmt* net = find_class(*module, "Net");
ASSERT_NE(net, nullptr);
EXPECT_EQ(notebook->at(net->place.line).cell, 4U);
EXPECT_EQ(notebook->at(net->place.line).line, 4U);
EXPECT_EQ(notebook->at(99).cell, 0U);
}

TEST(PythonNotebook, ReadsTheOlderForm) {
  const auto notebook = read_notebook(
      R"({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "heading", "source": "x"},
          {"cell_type": "code", "input": ["a = 1\n", "b = 2"], "language": "python"}]}]})");
  ASSERT_TRUE(notebook.ok()) << notebook.error().detail();
  EXPECT_EQ(notebook->source, "a = 1\nb = 2\n");
  EXPECT_EQ(notebook->at(2).cell, 2U);
}

TEST(PythonNotebook, RefusesWhatIsNone) {
  EXPECT_THAT(read_notebook("{").error().detail(), HasSubstr("the notebook"));
  EXPECT_THAT(read_notebook("[1]").error().detail(), HasSubstr("no cells"));
  EXPECT_THAT(read_notebook(R"({"cells": [], "metadata": {"language_info": {"name": "julia"}}})").error().detail(), HasSubstr("julia"));
  EXPECT_EQ(read_notebook(R"({"cells": [1, {"cell_type": "code", "source": 3}]})")->source, "");
}

}  // namespace
}  // namespace slipway::python
