#!/usr/bin/env python
# -*- coding: utf-8 -*-
x = 1  # type: int
# at no level
def f(a,  # type: int
      b   # another
      ):  # the end
    # type: (...) -> None

    # only comments


    pass
    # behind
# and at the end
"# no comment"  # one
