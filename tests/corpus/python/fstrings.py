f'', f'a', f"{x}", f'{x}{y}', f'a{x}b{y}c'
f"{x!r}", f"{x!s:>10}", f"{x:{width}.{precision}f}", f"{x:%Y-%m-%d}"
f"{{}}", f"{{{x}}}", f"}}{{", f"{x}}}"
f"{x=}", f"{x = }", f"{x=!s}", f"{x=:5}", f"{ x + 1 = }"
F"{a['b']}", rf"\{x}\n", fR'{x}\d', f"\{x}", f"\n{x}\t"
f'''{
    x
}''', f"""a
{x:
>5}"""
f"{lambda_}", f"{(lambda: 1)()}", f"{ {'a': 1}['a'] }", f"{x if y else z}", f"{[i for i in x]!a}"
f"{x!r}" "plain" f'{y}', "a" f"b" "c", "a{b}" f"{c}"
f"{f'{x}' + f'{y}'}", f"{x:{f'{w}'}}"
f"{'nested'} {"same quotes"} {f"{f"{1}"}"}"
f"{yield_(1), 2}", f"{*a, b}", f"{x != y}", f"{x == y}", f"{x >= y:>3}", f"{d[a:b]}", f"{(x := 1)}", f"{x:=5}"
f"""{x:{"a" "b"}}"""
def f():
    return f"{yield 1}", f'{await_}'
