if a:
	tab = 1
	if b:
	        eight = 2

	# a comment at no level
# another
	again = 3
else:
  two = 1

  three = [
1,
        2,
  ]
def one_line(): pass; return 1
class Empty: x = 1; y = 2;
while c: break
for d in e: continue
if f: g
elif h: i
else: j
	
def last():
    return (yield)
