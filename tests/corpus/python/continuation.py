x = 1 + \
    2
assert x == 3, \
    "three"
with a as b, \
     c as d:
    pass
y = (1 +
     # in between

     2)
z = f(a,
      b=[1,
2], **{
    "c": 3})
if x and \
   y:
    pass
text = "one \
two" 'three'
